internal import IKEWire
internal import IPsecModel

// IKE_AUTH as initiator (RFC 7296 §1.2, §2.15).
extension IKESA {
    /// Keys exist. The request needs an SPI for the CHILD_SA that it asks for.
    func beginAuthentication(for child: ChildConfiguration, _ turn: inout Turn) {
        let offer = self.offer(of: child)
        let key = ReqIDRegistry.Key(
            connection: self.connection.name, peer: nil, local: offer.local, remote: offer.remote)
        guard let reqid = self.context.reqids.take(key, configured: child.reqid) else {
            turn.event(.limitReached("reqids", peer: self.path.remote))
            self.fail(.ownFault, &turn)
            return
        }
        let requestID = self.context.makeRequestID(for: self)
        self.requestedChild = RequestedChild(
            configuration: child, reqidKey: key, reqid: reqid, requestID: requestID)
        turn.ask(
            .allocateSPI(
                local: self.path.local.address, remote: self.path.remote.address, reqid: reqid),
            requestID: requestID)
    }

    /// The selectors of a CHILD_SA that we ask for.
    private func offer(of child: ChildConfiguration) -> SelectorNarrowing.Result {
        SelectorNarrowing.Result(
            local: SelectorNarrowing.reduced(
                SelectorNarrowing.resolve(child.localSelectors, self.path.local.address)),
            remote: SelectorNarrowing.reduced(
                SelectorNarrowing.resolve(child.remoteSelectors, self.path.remote.address)))
    }

    /// The attempt is over. A peer that has answered our IKE_AUTH believes otherwise, and is told (RFC 7296 §2.21.2).
    func fail(_ fault: InitiationFault, hasAnswer: Bool = false, _ turn: inout Turn) {
        guard case .initiating = self.phase else { return }
        turn.event(.initiationFailed(self.label, peer: self.path.remote, fault))
        self.abandonRequestedChild(&turn)
        self.context.touch(self)
        guard hasAnswer, fault.isOurRefusal else {
            self.phase = .gone
            return
        }
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
        self.enqueue(.refuse(.authenticationFailed), &turn)
    }

    // MARK: The request

    /// IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr; nil if it cannot be made, which ends the attempt.
    func authenticationPayloads(_ turn: inout Turn) -> [Payload]? {
        guard case .initiating(let initiating) = self.phase, let requested = self.requestedChild,
            case .asked(let spi) = requested.stage
        else { return nil }
        let local = self.ownIdentity
        let expected = self.expectedIdentity
        guard let key = self.secret(local: local, remote: expected) else {
            self.fail(.noSecret(expected), &turn)
            return nil
        }
        let identification = IdentificationPayload(identity: local)
        do throws(CryptoFault) {
            let proof = try SharedKeyAuthentication(prf: self.keys.prf, key: key).authenticationData(
                message: initiating.request, nonce: initiating.responderNonce, skP: self.keys.skPi,
                identityBody: identification.body)
            var payloads: [Payload] = [.idInitiator(identification)]
            if self.isFirstContact { payloads.append(.notify(NotifyPayload(.initialContact))) }
            if case .exact(let remote) = self.connection.remoteIdentity {
                payloads.append(.idResponder(IdentificationPayload(identity: remote)))
            }
            let authentication = AuthenticationPayload(
                method: .sharedKeyMessageIntegrityCode, data: proof.publicBytes)
            return payloads + [.authentication(authentication)]
                + self.childOffer(requested.configuration, spi: spi)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            self.fail(.ownFault, &turn)
            return nil
        }
    }

    /// SAi2, TSi, TSr. Key exchange methods have no meaning here (RFC 7296 §1.2).
    private func childOffer(_ child: ChildConfiguration, spi: ESPSPI) -> [Payload] {
        let proposals = child.proposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(clamping: index + 1), protocolID: .esp, spi: spi.bytes,
                transforms: proposal.offeredInIKEAuth)
        }
        let selectors = self.offer(of: child)
        return [
            .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
            .tsInitiator(TrafficSelectorPayload(selectors: selectors.local)),
            .tsResponder(TrafficSelectorPayload(selectors: selectors.remote)),
        ]
    }

    private var ownIdentity: Identity {
        self.connection.localIdentity ?? Identity(self.path.local.address)
    }

    /// Who the peer should be: by its address if the configuration names nobody in particular.
    private var expectedIdentity: Identity {
        if case .exact(let identity) = self.connection.remoteIdentity { return identity }
        return Identity(self.path.remote.address)
    }

    private func secret(local: Identity, remote: Identity) -> SecretBytes? {
        SharedSecretLookup(secrets: self.context.configuration.secrets).key(local: local, remote: remote)
    }

    /// True if this is the only IKE_SA between these identities: then what the peer has of us from before is worth
    /// nothing (RFC 7296 §2.4). One that the peer is just beginning, whose identity we do not know yet, would be lost
    /// by it as well.
    private var isFirstContact: Bool {
        guard self.connection.uniqueness != .never else { return false }
        let local = self.ownIdentity
        return !self.context.directory.all.contains { other in
            guard other !== self else { return false }
            guard let established = other.established else {
                return other.path.remote.address == self.path.remote.address
            }
            return established.localIdentity == local
                && self.connection.remoteIdentity.matches(established.peerIdentity)
        }
    }

    // MARK: The answer

    /// IDr, AUTH, SAr2, TSi, TSr; or why not.
    func finishAuthentication(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard case .initiating(let initiating) = self.phase else { return }
        let payloads = message.payloads
        do throws(InitiationFault) {
            guard let identity = payloads.idResponder, let authentication = payloads.authentication else {
                let refusal = payloads.notifies.first { $0.type.isError }?.type
                throw refusal.map { .refused($0, offered: ["we are \(self.ownIdentity.explanation)"]) }
                    ?? .unusableAnswer("neither IDr and AUTH nor an error")
            }
            try self.verify(identity, authentication, initiating)
            self.establish(identity.identity, begunAt: initiating.begunAt, &turn)
            try self.beginRequestedChild(payloads, initiating, &turn)
        } catch {
            guard case .initiating = self.phase else { return self.failFirstChild(error, &turn) }
            self.fail(error, hasAnswer: true, &turn)
        }
    }

    private func verify(
        _ identity: IdentificationPayload, _ authentication: AuthenticationPayload, _ initiating: Initiating
    ) throws(InitiationFault) {
        guard self.connection.remoteIdentity.matches(identity.identity) else {
            throw .wrongIdentity(
                identity.identity, expected: self.connection.remoteIdentity.explanation)
        }
        guard authentication.method == .sharedKeyMessageIntegrityCode else {
            throw .unusableAnswer("authentication method \(authentication.method.rawValue) instead of psk")
        }
        guard let key = self.secret(local: self.ownIdentity, remote: identity.identity) else {
            throw .noSecret(identity.identity)
        }
        let expected: SecretBytes
        do throws(CryptoFault) {
            expected = try SharedKeyAuthentication(prf: self.keys.prf, key: key).authenticationData(
                message: initiating.response, nonce: initiating.initiatorNonce, skP: self.keys.skPr,
                identityBody: identity.body)
        } catch { throw .ownFault }
        guard expected.isEqual(to: authentication.data) else { throw .wrongSecret(identity.identity) }
    }

    /// Those of this connection that stood when we began. What the peer began at the same time is not ours to end: it
    /// would end ours, and nothing would be left.
    private func older(of peer: Identity, than begunAt: Instant) -> [Replaced] {
        self.context.directory.all.filter { other in
            guard other !== self, other.connection.name == self.connection.name,
                let established = other.established
            else { return false }
            return established.establishedAt < begunAt
                && IdentityPattern.exact(established.peerIdentity).matches(peer)
        }.map { Replaced(ikeSA: $0, tellsPeer: true) }
    }

    private func establish(_ peer: Identity, begunAt: Instant, _ turn: inout Turn) {
        let local = self.ownIdentity
        if self.connection.uniqueness == .replace { self.replaced = self.older(of: peer, than: begunAt) }
        self.phase = .established(
            self.makeEstablished(
                peer: peer, local: local, establishedAt: turn.now, rekeyCount: 0, now: turn.now))
        turn.event(.ikeSAEstablished(self.label, peer: peer, path: self.path, suite: self.keys.suite))
    }

    /// The IKE_SA stands without the CHILD_SA that it was begun for: of no use.
    private func failFirstChild(_ fault: InitiationFault, _ turn: inout Turn) {
        turn.event(.initiationFailed(self.label, peer: self.path.remote, fault))
        let notify: NotifyType = if case .refused(let type, _) = fault { type } else { .invalidSyntax }
        self.close(.failed(notify), &turn)
    }

    // MARK: The CHILD_SA

    private func beginRequestedChild(
        _ payloads: [Payload], _ initiating: Initiating, _ turn: inout Turn
    ) throws(InitiationFault) {
        guard var requested = self.requestedChild, case .asked(let spi) = requested.stage else { return }
        guard let answer = payloads.securityAssociation, let tsi = payloads.tsInitiator,
            let tsr = payloads.tsResponder
        else {
            let offered = self.describe(requested.configuration)
            let refusal = payloads.notifies.first { $0.type.isError }?.type
            throw refusal.map { .refused($0, offered: offered) }
                ?? .unusableAnswer("no CHILD_SA and no error")
        }
        let choice = ProposalChoice(ours: requested.configuration.proposals, keyExchange: .ignored)
        guard answer.proposals.count == 1, let chosen = choice.choose(from: answer.proposals),
            let suite = chosen.espSuite, let outboundSPI = ESPSPI(bytes: chosen.spi), outboundSPI.number > 255
        else { throw .unusableAnswer("an ESP proposal that we did not offer") }
        // We are the requester: TSi is our side.
        let offered = self.offer(of: requested.configuration)
        guard Self.isNarrowed(tsi, from: offered.local), Self.isNarrowed(tsr, from: offered.remote) else {
            throw .unusableAnswer("traffic selectors that we did not offer")
        }
        let selectors = SelectorNarrowing.Result(
            local: SelectorNarrowing.reduced(tsi.selectors), remote: SelectorNarrowing.reduced(tsr.selectors))
        self.register(&requested, selectors)
        let child: ChildSA
        do throws(CryptoFault) {
            child = try self.makeFirstChild(
                requested, initiating, spi, outboundSPI, suite, selectors, now: turn.now)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            throw .ownFault
        }
        requested.stage = .installing(child)
        requested.requestID = self.context.makeRequestID(for: self)
        self.requestedChild = requested
        turn.ask(.install(child.spec, [.inbound, .outbound, .policies]), requestID: requested.requestID)
    }

    /// True if the peer has left us something, and nothing that we did not offer (RFC 7296 §2.9).
    private static func isNarrowed(
        _ answer: TrafficSelectorPayload, from offered: [TrafficSelector]
    ) -> Bool {
        !answer.selectors.isEmpty && answer.unknownSelectors.isEmpty
            && answer.selectors.count <= SelectorNarrowing.limit
            && answer.selectors.allSatisfy { one in offered.contains { $0.contains(one) } }
    }

    /// Now it is known who the peer is and what was agreed: the reqid belongs to that.
    private func register(_ requested: inout RequestedChild, _ selectors: SelectorNarrowing.Result) {
        let key = ReqIDRegistry.Key(
            connection: self.connection.name, peer: self.established?.peerIdentity, local: selectors.local,
            remote: selectors.remote)
        requested.reqid = self.context.reqids.rename(requested.reqidKey, to: key) ?? requested.reqid
        requested.reqidKey = key
        self.requestedChild = requested
    }

    private func describe(_ child: ChildConfiguration) -> [String] {
        let selectors = self.offer(of: child)
        let list = { (selectors: [TrafficSelector]) in
            selectors.map(\.description).joined(separator: " ")
        }
        return child.proposals.map(\.description)
            + ["\(child.name): \(list(selectors.local)) === \(list(selectors.remote))"]
    }

    private func makeFirstChild(
        _ requested: RequestedChild, _ initiating: Initiating, _ inboundSPI: ESPSPI, _ outboundSPI: ESPSPI,
        _ suite: ESPSuite, _ selectors: SelectorNarrowing.Result, now: Instant
    ) throws(CryptoFault) -> ChildSA {
        let configuration = requested.configuration
        let keys = try KeySchedule(crypto: self.context.crypto).childKeys(
            suite.protection, skD: self.keys.skD, prf: self.keys.prf,
            requesterNonce: initiating.initiatorNonce, answererNonce: initiating.responderNonce,
            sharedSecret: nil)
        let rekey = try self.context.jittered(
            configuration.lifetime.rekey, by: configuration.lifetime.jitter)
        let spec = ChildSASpec(
            reqid: requested.reqid, inboundSPI: inboundSPI, outboundSPI: outboundSPI, path: self.path,
            suite: suite, inboundKeys: keys.fromAnswerer, outboundKeys: keys.fromRequester,
            localSelectors: selectors.local, remoteSelectors: selectors.remote,
            ownNetworks: SelectorNarrowing.resolve(configuration.localSelectors, self.path.local.address),
            mode: configuration.mode,
            replayWindow: configuration.replayWindow,
            lifetime: Lifetime(rekey: rekey, hard: configuration.lifetime.hard, jitter: .zero),
            bytes: configuration.bytes, packets: configuration.packets)
        return ChildSA(
            name: configuration.name, spec: spec, installedAt: now,
            rekeyAt: rekey.map { now.advanced(by: $0) },
            expiresAt: configuration.lifetime.hard.map { now.advanced(by: $0) },
            reqidKey: requested.reqidKey, isOutboundActive: true, activatesAt: nil)
    }

    /// The data plane answered for a CHILD_SA that we ask for; false if it was for something else.
    func receiveForRequestedChild(_ reply: DataPlaneReply, requestID: UInt64, _ turn: inout Turn) -> Bool {
        guard let requested = self.requestedChild, requested.requestID == requestID else { return false }
        switch (requested.stage, reply) {
        case (.spi, .spi(let spi)):
            self.requestedChild?.stage = .asked(spi)
            self.enqueue(.authenticate, &turn)
        case (.installing(let child), .done): self.finishRequestedChild(child, &turn)
        case (_, .failed(let fault)):
            turn.event(.dataPlaneFailed(self.label, fault))
            if case .installing(let child) = requested.stage {
                // Nothing of it was installed, but its SPI is still reserved.
                self.requestedChild?.stage = .asked(child.spec.inboundSPI)
            }
            self.giveUpRequestedChild(&turn)
        case (_, .done), (_, .spi):
            turn.event(.defect(self.label, "the data plane answered another question"))
            self.giveUpRequestedChild(&turn)
        }
        return true
    }

    private func finishRequestedChild(_ child: ChildSA, _ turn: inout Turn) {
        self.requestedChild = nil
        self.children.append(child)
        self.context.directory.setOwner(ofChild: child.spec.inboundSPI, self.localSPI)
        turn.event(.childSAInstalled(self.label, child: child.name, child.spec, replacing: nil))
        self.endReplaced(&turn)
        // The path may have moved while the data plane was busy.
        self.moveStragglers(&turn)
    }

    private func giveUpRequestedChild(_ turn: inout Turn) {
        guard self.established == nil else {
            self.close(.lostByDataPlane, &turn)
            return
        }
        self.fail(.ownFault, &turn)
    }

    /// Gives back what a CHILD_SA that we ask for holds.
    func abandonRequestedChild(_ turn: inout Turn) {
        guard let requested = self.requestedChild else { return }
        self.requestedChild = nil
        let isLast = self.context.reqids.release(requested.reqidKey)
        switch requested.stage {
        // An SPI that is still to come is given back when it comes.
        case .spi: return
        case .asked(let spi): turn.ask(.releaseSPI(spi, local: self.path.local.address))
        case .installing(let child): turn.ask(.remove(child.spec, withPolicies: isLast))
        }
    }
}

extension Proposal {
    /// Its transforms without key exchange methods, and with an explicit choice of sequence numbers: a peer that wants
    /// to see one refuses the proposal otherwise (RFC 7296 §3.3.3).
    fileprivate var offeredInIKEAuth: [Transform] {
        let kept = self.transforms.filter { $0.type != .keyExchange }
        let saysNumbers = kept.contains { $0.type == .sequenceNumbers }
        return saysNumbers ? kept : kept + [.sequenceNumbers(.short)]
    }
}
