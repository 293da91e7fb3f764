internal import IKEWire
internal import IPsecModel

// CREATE_CHILD_SA that we begin: a further CHILD_SA, or one that takes over from another (RFC 7296 §1.3.1, §1.3.3).
extension IKESA {
    // MARK: Beginning

    /// Begins to ask for a CHILD_SA on top of what there is, with the selectors of its configuration if no others are given.
    func beginFurtherChild(
        _ item: ExchangeAgenda.Item, _ configuration: ChildConfiguration, _ purpose: RequestedChild.Purpose,
        _ packet: PacketSelectors?, _ others: SelectorNarrowing.Result?, _ turn: inout Turn
    ) {
        let selectors = others ?? self.offeredSelectors(configuration, packet)
        let key = self.reqidKey(others ?? self.offeredSelectors(configuration, nil))
        let offer = ChildOffer(
            configured: configuration.proposals, current: nil, allowed: self.allowedMethods)
        self.allocateSPI(
            for: RequestedChild(
                purpose: purpose, item: item, configuration: configuration, selectors: selectors,
                offer: offer, reqid: self.context.reqids.reqid(of: key) ?? 0,
                requestID: self.context.makeRequestID(for: self)), &turn)
    }

    /// Begins to ask for a CHILD_SA that takes over from `old`, with the selectors that were agreed then.
    func beginRekeying(of old: ChildSA, _ configuration: ChildConfiguration, _ turn: inout Turn) {
        let offer = ChildOffer(
            configured: configuration.proposals, current: old.spec.suite.keyExchange,
            allowed: self.allowedMethods)
        self.allocateSPI(
            for: RequestedChild(
                purpose: .rekeying(old.spec.inboundSPI), item: .rekeyChild(old.spec.inboundSPI),
                configuration: configuration,
                selectors: SelectorNarrowing.Result(
                    local: old.spec.localSelectors, remote: old.spec.remoteSelectors),
                offer: offer, reqid: old.spec.reqid, requestID: self.context.makeRequestID(for: self)), &turn)
    }

    /// Groups that the connection allows for IKE, that of this IKE_SA's keys first: good enough for a CHILD_SA whose
    /// configuration names none.
    private var allowedMethods: [KeyExchangeMethod] {
        let own = self.keys.suite.keyExchange
        let all = self.allowedGroups.map { KeyExchangeMethod(rawValue: $0.id) }
        var seen: Set<KeyExchangeMethod> = []
        return (all.filter { $0 == own } + all).filter { seen.insert($0).inserted }
    }

    // MARK: The request

    /// [N(REKEY_SA)], SA, Ni, [KEi], TSi, TSr; nil if it need not be sent any more.
    func childPayloads(_ turn: inout Turn) -> [Payload]? {
        guard let requested = self.requestedChild, case .asked(let spi) = requested.stage,
            let offer = requested.offer
        else { return nil }
        if let old = requested.replaces,
            !self.isRekeyable(old) || self.pendingAnswer?.negotiated.replaces == old
        {
            // The peer has rekeyed or deleted it meanwhile, or is just doing so.
            self.abandonRequestedChild(&turn)
            return nil
        }
        do throws(CryptoFault) {
            let nonce = try self.context.crypto.bytes(32)
            let exchange: (any KeyExchange)?
            if let method = offer.method {
                exchange = try self.context.crypto.keyExchange(method)
            } else {
                exchange = nil
            }
            self.requestedChild?.attempt = RequestedChild.Attempt(nonce: nonce, exchange: exchange)
            return Self.payloads(requested, offer, spi, nonce, exchange)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            self.abandonRequestedChild(&turn)
            self.postpone(requested, &turn)
            return nil
        }
    }

    private static func payloads(
        _ requested: RequestedChild, _ offer: ChildOffer, _ spi: ESPSPI, _ nonce: [UInt8],
        _ exchange: (any KeyExchange)?
    ) -> [Payload] {
        let proposals = offer.proposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(clamping: index + 1), protocolID: .esp, spi: spi.bytes,
                transforms: proposal.withSequenceNumbers)
        }
        var payloads: [Payload] = []
        if let old = requested.replaces {
            payloads.append(.notify(NotifyPayload(protocolID: .esp, spi: old.bytes, type: .rekeySA)))
        }
        payloads.append(.securityAssociation(SecurityAssociationPayload(proposals: proposals)))
        payloads.append(.nonce(NoncePayload(nonce: nonce)))
        if let exchange {
            payloads.append(
                .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)))
        }
        payloads.append(.tsInitiator(TrafficSelectorPayload(selectors: requested.selectors.local)))
        payloads.append(.tsResponder(TrafficSelectorPayload(selectors: requested.selectors.remote)))
        return payloads
    }

    // MARK: The answer

    /// SA, Nr, [KEr], TSi, TSr; or a notify that says why not.
    func finishCreateChild(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard let requested = self.requestedChild, case .asked(let spi) = requested.stage,
            let attempt = requested.attempt, let offer = requested.offer
        else { return }
        if let refusal = message.payloads.notifies.first(where: { $0.type.isError }) {
            self.childRefused(requested, offer, refusal, &turn)
            return
        }
        do throws(InitiationFault) {
            let choice = ProposalChoice(ours: offer.choices, keyExchange: .allowed([]))
            let agreed = try self.examine(message.payloads, requested, choice)
            let ingredients = try self.ingredients(message.payloads, attempt, agreed.suite)
            guard self.survives(requested, attempt, ingredients.answererNonce, agreed, &turn) else { return }
            self.reportPFS(requested.configuration, agreed.suite, &turn)
            try self.install(agreed, inboundSPI: spi, ingredients, &turn)
        } catch {
            turn.event(.requestFailed(self.label, child: requested.configuration.name, error))
            self.discardRequestedChild(&turn)
            if case .ownFault = error {
                self.postpone(requested, &turn)
            } else {
                self.postponeForLong(requested, &turn)
            }
        }
    }

    private func ingredients(
        _ payloads: [Payload], _ attempt: RequestedChild.Attempt, _ suite: ESPSuite
    ) throws(InitiationFault) -> ChildIngredients {
        guard let nonce = payloads.nonce else { throw .unusableAnswer("no nonce") }
        guard let method = suite.keyExchange else {
            return ChildIngredients(
                requesterNonce: attempt.nonce, answererNonce: nonce, sharedSecret: nil)
        }
        guard let exchange = attempt.exchange, exchange.method == method,
            let theirs = payloads.keyExchange, theirs.method == method
        else { throw .unusableAnswer("a public value of another group, or none") }
        do throws(CryptoFault) {
            return ChildIngredients(
                requesterNonce: attempt.nonce, answererNonce: nonce,
                sharedSecret: try exchange.sharedSecret(with: theirs.data[...]))
        } catch { throw .unusableAnswer("a public value that is none: \(error)") }
    }

    /// False if what the peer has just made for us ends at once: it is redundant, or the peer has deleted it already.
    private func survives(
        _ requested: RequestedChild, _ attempt: RequestedChild.Attempt, _ nonce: [UInt8],
        _ agreed: AgreedChild, _ turn: inout Turn
    ) -> Bool {
        if requested.deletedUnknown.contains(agreed.outboundSPI) {
            self.abandonRequestedChild(&turn)
            self.postpone(requested, &turn)
            return false
        }
        guard let collision = requested.collision else { return true }
        // RFC 7296 §2.8.1: what the exchange with the lowest nonce made is closed by who made it.
        let own = Redundancy.lowest(attempt.nonce, nonce)
        guard Redundancy.isLower(own, than: collision.lowestNonce) else {
            self.makeRedundant(collision, replacing: requested.replaces, &turn)
            return true
        }
        self.discardRequestedChild(&turn)
        return false
    }

    /// The peer will delete what it made; until then it only waits.
    private func makeRedundant(
        _ collision: RequestedChild.Collision, replacing old: ESPSPI?, _ turn: inout Turn
    ) {
        guard let old else { return }
        if self.pendingAnswer?.negotiated.replaces == old { self.pendingAnswer?.isRedundant = true }
        guard let rival = collision.successor else { return }
        let until = turn.now.advanced(by: Self.activationPatience)
        self.updateChild(rival) { child in
            guard child.state == .installed else { return }
            child.wait(until: until)
        }
    }

    // MARK: A refusal

    private func childRefused(
        _ requested: RequestedChild, _ offer: ChildOffer, _ refusal: NotifyPayload, _ turn: inout Turn
    ) {
        // If the peer rekeyed or deleted it meanwhile, its word holds.
        let isStillWanted =
            requested.collision == nil && !requested.isUnwanted
            && requested.replaces.map { self.isRekeyable($0) } != false
        if isStillWanted, let next = offer.next(after: refusal) {
            self.requestedChild?.offer = next
            self.requestedChild?.attempt = nil
            self.enqueue(.createChild, &turn)
            return
        }
        self.abandonRequestedChild(&turn)
        guard isStillWanted else { return }
        switch (refusal.type, requested.purpose) {
        case (.temporaryFailure, _):
            turn.event(.rekeyingPostponed(self.label, child: requested.configuration.name))
            self.postpone(requested, &turn)
        case (.childSANotFound, .rekeying(let old)):
            // RFC 7296 §2.25: it is gone there, so another must be made from scratch.
            turn.event(.peerReported(self.label, refusal.type))
            self.updateChild(old) { $0.rekeyAt = nil }
            self.agenda.add(.supersedeChild(old))
        case (_, .superseding(let old)):
            self.reportRefusal(requested, offer, refusal.type, &turn)
            self.deleteChild(old, .unknownToPeer, &turn)
        case (_, _):
            self.reportRefusal(requested, offer, refusal.type, &turn)
            self.postponeForLong(requested, &turn)
        }
    }

    private func reportRefusal(
        _ requested: RequestedChild, _ offer: ChildOffer, _ type: NotifyType, _ turn: inout Turn
    ) {
        let name = requested.configuration.name
        let isVerification = requested.replaces.map { old in
            self.children.contains { $0.spec.inboundSPI == old && $0.verification == .begun }
        }
        turn.event(
            .rekeyingRefused(
                self.label, child: name, type, isVerification: isVerification ?? false,
                MismatchReport.refusal(requested, offer, type)))
    }

    /// PFS on one side only is the commonest trouble of all, and comes up at the first rekeying: say it.
    func reportPFS(_ configuration: ChildConfiguration, _ suite: ESPSuite, _ turn: inout Turn) {
        let configured = configuration.proposals.flatMap { $0.transforms(.keyExchange) }
            .map { KeyExchangeMethod(rawValue: $0.id) }
        guard configured.isEmpty, let theirs = suite.keyExchange else { return }
        turn.event(.pfsDiffers(self.label, child: configuration.name, ours: configured, theirs: theirs))
    }
}

extension ChildOffer {
    /// What the peer may choose from, as it stands in the request.
    var choices: [Proposal] {
        self.proposals.map { Proposal($0.securityProtocol, $0.withSequenceNumbers) }
    }

    /// What may be offered after this refusal; nil if nothing else.
    func next(after refusal: NotifyPayload) -> ChildOffer? {
        switch refusal.type {
        case .noProposalChosen: return self.afterNoProposalChosen()
        case .invalidKEPayload:
            guard refusal.data.count == 2 else { return nil }
            let number = UInt16(refusal.data[0]) << 8 | UInt16(refusal.data[1])
            return self.afterInvalidKE(wanted: KeyExchangeMethod(rawValue: number))
        default: return nil
        }
    }
}

extension Proposal {
    /// Its transforms with an explicit choice of sequence numbers: a peer that wants to see one refuses the proposal
    /// otherwise (RFC 7296 §3.3.3).
    var withSequenceNumbers: [Transform] {
        let saysNumbers = self.transforms.contains { $0.type == .sequenceNumbers }
        return saysNumbers ? self.transforms : self.transforms + [.sequenceNumbers(.short)]
    }
}
