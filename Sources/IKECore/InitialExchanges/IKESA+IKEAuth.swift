internal import IKEWire
internal import IPsecModel

// IKE_AUTH as responder (RFC 7296 §1.2, §2.15).
extension IKESA {
    /// What an IKE_AUTH request must have.
    private struct AuthRequest {
        let identity: IdentificationPayload
        let asked: Identity?
        let authentication: AuthenticationPayload
    }

    /// A peer that is who it says it is.
    private struct Verified {
        let connection: ConnectionConfiguration
        let localIdentity: Identity
        let answer: [Payload]
    }

    /// Authenticates the peer, then sets up the first CHILD_SA.
    ///
    /// A refusal goes into the protected answer and ends the IKE_SA; a CHILD_SA that fails does not
    /// (RFC 7296 §1.2).
    func processIKEAuth(
        _ message: AuthenticatedMessage, _ halfOpen: HalfOpen, _ turn: inout Turn
    ) -> Outcome {
        guard let identity = message.payloads.idInitiator else { return .fault(.invalidSyntax) }
        if let notify = message.payloads.notify(.noNATsAllowed),
            !notify.allows(from: message.arrival.source, to: message.arrival.destination)
        {
            // The peer wants no NAT on the way, and there is one (RFC 4555 §3.9).
            return .fault(.unexpectedNATDetected)
        }
        guard let authentication = message.payloads.authentication else {
            // Without AUTH the peer asks for EAP (RFC 7296 §2.16), which no connection of ours allows.
            return self.refuseMethod(identity.identity, offered: "EAP", message.arrival, &turn)
        }
        let request = AuthRequest(
            identity: identity, asked: message.payloads.idResponder?.identity, authentication: authentication)
        let verified: Verified
        do throws(AuthRefusal) {
            verified = try self.authenticate(request, halfOpen, message.arrival, &turn)
            try self.checkUniqueness(verified, request, halfOpen, message, &turn)
        } catch {
            if case .crypto(let fault) = error { turn.event(.cryptoFailed(self.label, fault)) }
            return .fault(.authenticationFailed)
        }
        self.establish(verified, peer: identity.identity, &turn)
        self.takeToken(message.payloads, &turn)
        self.noteMobility(in: message.payloads)
        let mobility = self.mobility.isAgreed ? self.mobilityOffer : []
        let prefix = verified.answer + self.ownToken(&turn) + mobility
        return self.beginFirstChild(message, halfOpen, prefix: prefix, &turn)
    }

    private enum AuthRefusal: Error {
        /// An event says why.
        case refused
        case crypto(CryptoFault)
    }

    private func authenticate(
        _ request: AuthRequest, _ halfOpen: HalfOpen, _ arrival: Arrival, _ turn: inout Turn
    ) throws(AuthRefusal) -> Verified {
        let connection = try self.findConnection(request, halfOpen, arrival, &turn)
        // RFC-GAP: RFC 7296 §4 certificates.
        guard request.authentication.method == .sharedKeyMessageIntegrityCode else {
            let method = "method \(request.authentication.method.rawValue)"
            _ = self.refuseMethod(request.identity.identity, offered: method, arrival, &turn)
            throw .refused
        }
        let localIdentity = connection.localIdentity ?? Identity(arrival.destination.address)
        let key = try self.findKey(local: localIdentity, request, arrival, &turn)
        do throws(CryptoFault) {
            let method = SharedKeyAuthentication(prf: self.keys.prf, key: key)
            let expected = try method.authenticationData(
                message: halfOpen.request, nonce: halfOpen.responderNonce, skP: self.keys.skPi,
                identityBody: request.identity.body)
            guard expected.isEqual(to: request.authentication.data) else {
                let label = IKESALabel(connection: connection.name, uniqueID: self.uniqueID)
                self.context.complain(
                    .authenticationFailed(label, peer: arrival.source, identity: request.identity.identity),
                    &turn)
                throw CryptoFault.wrongICV
            }
            let own = IdentificationPayload(identity: localIdentity)
            let proof = try method.authenticationData(
                message: halfOpen.response, nonce: halfOpen.initiatorNonce, skP: self.keys.skPr,
                identityBody: own.body)
            let authentication = AuthenticationPayload(
                method: .sharedKeyMessageIntegrityCode, data: proof.publicBytes)
            return Verified(
                connection: connection, localIdentity: localIdentity,
                answer: [.idResponder(own), .authentication(authentication)])
        } catch {
            if case .wrongICV = error { throw .refused }
            throw .crypto(error)
        }
    }

    /// The connection for these identities, among those that would have made the same IKE_SA.
    private func findConnection(
        _ request: AuthRequest, _ halfOpen: HalfOpen, _ arrival: Arrival, _ turn: inout Turn
    ) throws(AuthRefusal) -> ConnectionConfiguration {
        let candidates = ConnectionLookup(connections: self.context.configuration.connections)
            .candidates(local: arrival.destination.address, remote: arrival.source.address)
        let acceptable = candidates.filter { connection in
            connection.proposals.contains { self.keys.suite.isAllowed(by: $0) }
        }
        let peer = request.identity.identity
        if let best = ConnectionLookup.best(of: acceptable, peer: peer, asked: request.asked) { return best }
        let asked = request.asked.map { " and asks for \($0.explanation)" } ?? ""
        let behindNAT = self.path.isRemoteBehindNAT && (peer.type == .ipv4 || peer.type == .ipv6)
        let mismatch = Mismatch(
            .identity,
            ours: candidates.map { connection in
                let own = connection.localIdentity.map { ", local id \($0.explanation)" } ?? ""
                return "\(connection.name): remote id \(connection.remoteIdentity.explanation)\(own)"
            },
            theirs: [peer.explanation + asked],
            cure: behindNAT
                ? "the peer is behind a NAT and names itself by its private address: give it an id"
                : "remote { id = \(peer) }")
        self.context.complain(
            .mismatch(self.label, peer: arrival.source, exchange: .ikeAuth, .authenticationFailed, mismatch),
            &turn)
        throw .refused
    }

    private func findKey(
        local: Identity, _ request: AuthRequest, _ arrival: Arrival, _ turn: inout Turn
    ) throws(AuthRefusal) -> SecretBytes {
        let lookup = SharedSecretLookup(secrets: self.context.configuration.secrets)
        let peer = request.identity.identity
        if let key = lookup.key(local: local, remote: peer) { return key }
        let mismatch = Mismatch(
            .secret,
            ours: self.context.configuration.secrets.map { secret in
                "\(secret.name): \(secret.owners.map(\.description).joined(separator: " "))"
            },
            theirs: [peer.explanation], cure: "secrets { ike-1 { id = \(peer)  secret = … } }")
        self.context.complain(
            .mismatch(self.label, peer: arrival.source, exchange: .ikeAuth, .authenticationFailed, mismatch),
            &turn)
        throw .refused
    }

    private func refuseMethod(
        _ peer: Identity, offered: String, _ arrival: Arrival, _ turn: inout Turn
    ) -> Outcome {
        let mismatch = Mismatch(
            .authenticationMethod, ours: ["psk"], theirs: ["\(peer.explanation): \(offered)"],
            cure: "the peer has to use auth = psk")
        self.context.complain(
            .mismatch(self.label, peer: arrival.source, exchange: .ikeAuth, .authenticationFailed, mismatch),
            &turn)
        return .fault(.authenticationFailed)
    }

    /// What becomes of older IKE_SAs between the same identities (RFC 7296 §2.4, INITIAL_CONTACT).
    private func checkUniqueness(
        _ verified: Verified, _ request: AuthRequest, _ halfOpen: HalfOpen, _ message: AuthenticatedMessage,
        _ turn: inout Turn
    ) throws(AuthRefusal) {
        let policy = verified.connection.uniqueness
        guard policy != .never else { return }
        let older = self.context.directory.established(
            between: verified.localIdentity, and: request.identity.identity)
        guard !older.isEmpty else { return }
        if message.payloads.notify(.initialContact) != nil {
            self.replaced = older.map { Replaced(ikeSA: $0, tellsPeer: false) }
            return
        }
        // From the same place it is the same peer, which authenticates anew (RFC 7296 §2.8.3).
        let others = older.filter { !self.isReauthentication(of: $0, halfOpen) }
        switch policy {
        case .replace:
            self.replaced = others.map { Replaced(ikeSA: $0, tellsPeer: true) }
            for other in older where self.isReauthentication(of: other, halfOpen) { other.endSoon(&turn) }
        case .keep where others.isEmpty: return
        case .keep:
            turn.event(
                .limitReached(
                    "an IKE_SA of \(request.identity.identity) stands already", peer: message.arrival.source))
            throw .refused
        case .never, .no: return
        }
    }

    /// True if the peer stands at the same place with `older`, and did so when it began this one.
    private func isReauthentication(of older: IKESA, _ halfOpen: HalfOpen) -> Bool {
        guard let established = older.established else { return false }
        return established.establishedAt < halfOpen.begunAt && older.path.remote == self.path.remote
            && older.path.local == self.path.local
    }

    private func establish(_ verified: Verified, peer: Identity, _ turn: inout Turn) {
        self.connection = verified.connection
        self.liveness = LivenessMachine(delay: verified.connection.livenessDelay, now: turn.now)
        self.phase = .established(
            self.makeEstablished(
                peer: peer, local: verified.localIdentity, establishedAt: turn.now, rekeyCount: 0,
                now: turn.now))
        self.context.directory.promote(self)
        turn.event(.ikeSAEstablished(self.label, peer: peer, path: self.path, suite: self.keys.suite))
    }

    /// The times of an IKE_SA that begins now.
    func makeEstablished(
        peer: Identity, local: Identity, establishedAt: Instant, rekeyCount: UInt64, now: Instant
    ) -> Established {
        let lifetime = self.connection.lifetime
        self.rekeyAt = self.context.jittered(lifetime.rekey, by: lifetime.jitter).map { now.advanced(by: $0) }
        // New keys do not make what the peer has proved any newer.
        let proof = self.connection.reauthentication
        self.reauthenticateAt = self.context.jittered(proof.rekey, by: proof.jitter)
            .map { establishedAt.advanced(by: $0) }
        let ends = [
            lifetime.hard.map { now.advanced(by: $0) }, proof.hard.map { establishedAt.advanced(by: $0) },
        ]
        return Established(
            peerIdentity: peer, localIdentity: local, establishedAt: establishedAt, since: now,
            expiresAt: ends.compactMap(\.self).min(), rekeyCount: rekeyCount)
    }

    private func beginFirstChild(
        _ message: AuthenticatedMessage, _ halfOpen: HalfOpen, prefix: [Payload], _ turn: inout Turn
    ) -> Outcome {
        guard let offer = message.payloads.securityAssociation else {
            // RFC 6023: an IKE_SA without a CHILD_SA.
            return .payloads(prefix)
        }
        guard let tsi = message.payloads.tsInitiator, let tsr = message.payloads.tsResponder else {
            return .fault(.invalidSyntax, after: prefix)
        }
        let negotiation = ChildNegotiation(
            connection: self.connection, localAddress: self.path.local.address,
            remoteAddress: self.path.remote.address, keyExchange: .ignored)
        switch negotiation.negotiate(offer: offer, tsi: tsi, tsr: tsr) {
        case .refused(let fault, let mismatch):
            turn.event(
                .mismatch(
                    self.label, peer: message.arrival.source, exchange: .ikeAuth, fault.notify.type, mismatch)
            )
            return .fault(fault, after: prefix)
        case .agreed(let agreed):
            let negotiated = NegotiatedChild(
                configuration: agreed.child, chosen: agreed.chosen, suite: agreed.suite,
                outboundSPI: agreed.outboundSPI, selectors: agreed.selectors,
                requesterNonce: halfOpen.initiatorNonce, answererNonce: halfOpen.responderNonce,
                exchanged: nil, replaces: nil)
            return self.beginInstallation(
                negotiated, exchange: .ikeAuth, arrival: message.arrival, prefix: prefix, &turn)
        }
    }
}

extension IKESuite {
    /// True if a proposal of ours could have led to this suite.
    func isAllowed(by proposal: Proposal) -> Bool {
        let needed = self.protection.transforms + [.prf(self.prf), .keyExchange(self.keyExchange)]
        return needed.allSatisfy { proposal.transforms.contains($0) }
    }
}
