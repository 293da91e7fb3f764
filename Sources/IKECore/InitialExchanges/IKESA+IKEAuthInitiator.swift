internal import IKEWire
internal import IPsecModel

// IKE_AUTH as initiator (RFC 7296 §1.2, §2.15).
extension IKESA {
    /// Keys exist. The request needs an SPI for the CHILD_SA that it asks for, with the selectors of its configuration if no
    /// others are given.
    func beginAuthentication(
        for child: ChildConfiguration, _ packet: PacketSelectors?, _ others: SelectorNarrowing.Result?,
        _ turn: inout Turn
    ) {
        let selectors = others ?? self.offeredSelectors(child, packet)
        let whole = others ?? self.offeredSelectors(child, nil)
        let key = ReqIDRegistry.Key(
            connection: self.connection.name, peer: nil, local: whole.local, remote: whole.remote)
        guard let reqid = self.context.reqids.take(key, configured: child.reqid) else {
            turn.event(.limitReached("reqids", peer: self.path.remote))
            self.fail(.ownFault, &turn)
            return
        }
        self.allocateSPI(
            for: RequestedChild(
                purpose: .first, item: nil, configuration: child, selectors: selectors, reqidKey: key,
                reqid: reqid, requestID: self.context.makeRequestID(for: self)), &turn)
    }

    /// The attempt is over. A peer that has answered our IKE_AUTH believes otherwise, and is told (RFC 7296 §2.21.2).
    func fail(_ fault: InitiationFault, hasAnswer: Bool = false, _ turn: inout Turn) {
        guard case .initiating = self.phase else { return }
        self.reportFailure(fault, &turn)
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

    /// Says why an attempt is over, once.
    func reportFailure(_ fault: InitiationFault, _ turn: inout Turn) {
        guard !self.isUnwanted else { return }
        turn.event(.initiationFailed(self.label, peer: self.path.remote, fault))
    }

    // MARK: Nobody wants it any more

    /// The attempt is over for us. If the peer has our IKE_AUTH already, it has an IKE_SA, and would keep it: that ends
    /// by a DELETE as soon as the peer answers.
    func abandonAuthentication(_ reason: EndReason, _ turn: inout Turn) {
        guard case .initiating = self.phase, self.requests.outstanding?.request == .authenticate else {
            self.fail(.ended(reason), &turn)
            return
        }
        self.reportFailure(.ended(reason), &turn)
        self.context.touch(self)
        self.isUnwanted = true
        self.abandonRequestedChild(&turn)
    }

    /// The peer has answered. Whether it is the right one is of no interest any more.
    private func deleteUnwanted(_ payloads: [Payload], _ turn: inout Turn) {
        guard payloads.authentication != nil else {
            self.phase = .gone
            return
        }
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
        self.enqueue(.deleteIKESA, &turn)
    }

    // MARK: The request

    /// IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, [N(QCD_TOKEN)], SAi2, TSi, TSr; nil if it cannot be made, which ends the attempt.
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
            return payloads + [.authentication(authentication)] + self.ownToken(&turn)
                + self.childOffer(requested, spi: spi) + self.mobilityOffer
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            self.fail(.ownFault, &turn)
            return nil
        }
    }

    /// SAi2, TSi, TSr. Key exchange methods have no meaning here (RFC 7296 §1.2).
    private func childOffer(_ requested: RequestedChild, spi: ESPSPI) -> [Payload] {
        let proposals = requested.configuration.proposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(clamping: index + 1), protocolID: .esp, spi: spi.bytes,
                transforms: proposal.offeredInIKEAuth)
        }
        return [
            .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
            .tsInitiator(TrafficSelectorPayload(selectors: requested.selectors.local)),
            .tsResponder(TrafficSelectorPayload(selectors: requested.selectors.remote)),
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
        guard self.connection.uniqueness != .never,
            self.context.reauthentications[self.localSPI] == nil
        else { return false }
        let directory = self.context.directory
        let address = self.path.remote.address
        let isBeingBegun =
            self.context.agreements.contains(from: address)
            || directory.unestablished.contains { $0 !== self && $0.path.remote.address == address }
        guard !isBeingBegun else { return false }
        let local = self.ownIdentity
        if case .exact(let peer) = self.connection.remoteIdentity {
            return directory.established(between: local, and: peer).isEmpty
        }
        // Any of many may be the peer: only looking at each tells.
        return !directory.all.contains { other in
            guard let established = other.established else { return false }
            return established.localIdentity == local
                && self.connection.remoteIdentity.matches(established.peerIdentity)
        }
    }

    // MARK: The answer

    /// IDr, AUTH, SAr2, TSi, TSr; or why not.
    func finishAuthentication(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard case .initiating(let initiating) = self.phase else { return }
        let payloads = message.payloads
        guard !self.isUnwanted else {
            self.deleteUnwanted(payloads, &turn)
            return
        }
        do throws(InitiationFault) {
            guard let identity = payloads.idResponder, let authentication = payloads.authentication else {
                let refusal = payloads.notifies.first { $0.type.isError }?.type
                throw refusal.map { .refused($0, offered: ["we are \(self.ownIdentity.explanation)"]) }
                    ?? .unusableAnswer("neither IDr and AUTH nor an error")
            }
            try self.verify(identity, authentication, initiating)
            self.establish(identity.identity, begunAt: initiating.begunAt, &turn)
            self.takeToken(payloads, &turn)
            self.noteMobility(in: payloads)
            try self.installFirstChild(payloads, initiating, &turn)
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
        self.context.directory.established(of: self.connection.name).filter { other in
            guard other !== self, let established = other.established else { return false }
            return established.establishedAt < begunAt
                && IdentityPattern.exact(established.peerIdentity).matches(peer)
        }.map { Replaced(ikeSA: $0, tellsPeer: true) }
    }

    private func establish(_ peer: Identity, begunAt: Instant, _ turn: inout Turn) {
        let local = self.ownIdentity
        if self.connection.uniqueness == .replace {
            // The one whose place this one takes stays until that is possible.
            let predecessor = self.context.reauthentications[self.localSPI]?.old
            self.replaced = self.older(of: peer, than: begunAt).filter { $0.ikeSA.localSPI != predecessor }
        }
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

    /// SAr2, TSi, TSr: the CHILD_SA that the IKE_SA was begun for.
    private func installFirstChild(
        _ payloads: [Payload], _ initiating: Initiating, _ turn: inout Turn
    ) throws(InitiationFault) {
        guard let requested = self.requestedChild, case .asked(let spi) = requested.stage else { return }
        if payloads.securityAssociation == nil,
            let refusal = payloads.notifies.first(where: { $0.type.isError })
        {
            throw .refused(refusal.type, offered: requested.description)
        }
        let choice = ProposalChoice(ours: requested.configuration.proposals, keyExchange: .ignored)
        let agreed = try self.examine(payloads, requested, choice)
        try self.install(
            agreed, inboundSPI: spi,
            ChildIngredients(
                requesterNonce: initiating.initiatorNonce, answererNonce: initiating.responderNonce,
                sharedSecret: nil), &turn)
    }
}

extension Proposal {
    /// Its transforms without key exchange methods.
    fileprivate var offeredInIKEAuth: [Transform] {
        self.withSequenceNumbers.filter { $0.type != .keyExchange }
    }
}
