internal import IKEWire
internal import IPsecModel

// The CHILD_SA that we ask for, from its SPI to its installation: in IKE_AUTH or CREATE_CHILD_SA.
extension IKESA {
    /// What the peer agreed to.
    struct AgreedChild {
        let suite: ESPSuite
        let outboundSPI: ESPSPI
        let selectors: SelectorNarrowing.Result
    }

    /// What the keys of a CHILD_SA are made from beside SK_d (RFC 7296 §2.17).
    struct ChildIngredients {
        let requesterNonce: [UInt8]
        let answererNonce: [UInt8]
        let sharedSecret: SecretBytes?
    }

    /// Asks the data plane for the SPI that a request must have.
    func allocateSPI(for requested: RequestedChild, _ turn: inout Turn) {
        self.requestedChild = requested
        turn.ask(
            .allocateSPI(
                local: self.path.local.address, remote: self.path.remote.address, reqid: requested.reqid),
            requestID: requested.requestID)
    }

    /// The selectors of a CHILD_SA that we ask for; those of the packet that wants it come first (RFC 7296 §2.9).
    func offeredSelectors(
        _ child: ChildConfiguration, _ packet: PacketSelectors?
    ) -> SelectorNarrowing.Result {
        let local = SelectorNarrowing.reduced(
            SelectorNarrowing.resolve(child.localSelectors, self.path.local.address))
        let remote = SelectorNarrowing.reduced(
            SelectorNarrowing.resolve(child.remoteSelectors, self.path.remote.address))
        return SelectorNarrowing.Result(
            local: (packet.map { [$0.local] } ?? []) + local,
            remote: (packet.map { [$0.remote] } ?? []) + remote)
    }

    // MARK: The answer

    /// The peer's choice, which must be one that we gave it (RFC 7296 §2.7, §2.9).
    func examine(
        _ payloads: [Payload], _ requested: RequestedChild, _ choice: ProposalChoice
    ) throws(InitiationFault) -> AgreedChild {
        guard let answer = payloads.securityAssociation, let tsi = payloads.tsInitiator,
            let tsr = payloads.tsResponder
        else { throw .unusableAnswer("no CHILD_SA and no error") }
        guard answer.proposals.count == 1, let chosen = choice.choose(from: answer.proposals),
            let suite = chosen.espSuite, let outboundSPI = ESPSPI(bytes: chosen.spi), outboundSPI.number > 255
        else { throw .unusableAnswer("an ESP proposal that we did not offer") }
        // We are the requester: TSi is our side.
        guard Self.isNarrowed(tsi, from: requested.selectors.local),
            Self.isNarrowed(tsr, from: requested.selectors.remote)
        else { throw .unusableAnswer("traffic selectors that we did not offer") }
        return AgreedChild(
            suite: suite, outboundSPI: outboundSPI,
            selectors: SelectorNarrowing.Result(
                local: SelectorNarrowing.reduced(tsi.selectors),
                remote: SelectorNarrowing.reduced(tsr.selectors)))
    }

    /// True if the peer has left us something, and nothing that we did not offer (RFC 7296 §2.9).
    private static func isNarrowed(
        _ answer: TrafficSelectorPayload, from offered: [TrafficSelector]
    ) -> Bool {
        !answer.selectors.isEmpty && answer.unknownSelectors.isEmpty
            && answer.selectors.count <= SelectorNarrowing.limit
            && answer.selectors.allSatisfy { one in offered.contains { $0.contains(one) } }
    }

    // MARK: Installation

    /// Installs what was agreed; the peer has it already.
    func install(
        _ agreed: AgreedChild, inboundSPI: ESPSPI, _ ingredients: ChildIngredients, _ turn: inout Turn
    ) throws(InitiationFault) {
        guard var requested = self.requestedChild else { return }
        try self.register(&requested, agreed.selectors, &turn)
        var child: ChildSA
        do throws(CryptoFault) {
            child = try self.makeChild(requested, agreed, inboundSPI, ingredients, now: turn.now)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            throw .ownFault
        }
        let old = requested.replaces
        // Its policies stand as long as the one before does.
        let takesOver = self.children.contains { other in
            other.spec.inboundSPI == old && other.state != .deleting && other.spec.reqid == child.spec.reqid
        }
        if let old {
            self.updateChild(old) { old in
                if old.state != .deleting { old.state = .rekeyed(successor: inboundSPI) }
            }
        }
        var steps: [InstallationStep] =
            takesOver ? [.inbound, .outbound] : [.inbound, .outbound, .policies]
        if self.context.reauthentications[self.localSPI]?.isRedundant == true,
            self.context.reqids.isShared(child.reqidKey)
        {
            // The other one sends, and what is installed last would take that over.
            child.waitForInheritance(until: turn.now.advanced(by: Self.inheritancePatience))
            steps = [.inbound]
        }
        requested.stage = .installing(child)
        requested.requestID = self.context.makeRequestID(for: self)
        self.requestedChild = requested
        turn.ask(
            .install(child.spec, steps), requestID: requested.requestID)
    }

    /// Now it is known what was agreed, and in IKE_AUTH who the peer is: the reqid belongs to that.
    private func register(
        _ requested: inout RequestedChild, _ selectors: SelectorNarrowing.Result, _ turn: inout Turn
    ) throws(InitiationFault) {
        let key = self.reqidKey(selectors)
        let reqid: UInt32?
        if let provisional = requested.reqidKey {
            reqid = self.context.reqids.rename(provisional, to: key)
        } else {
            reqid = self.context.reqids.take(key, configured: requested.configuration.reqid)
        }
        guard let reqid else {
            turn.event(.limitReached("reqids", peer: self.path.remote))
            throw .ownFault
        }
        requested.reqid = reqid
        requested.reqidKey = key
        self.requestedChild = requested
    }

    private func makeChild(
        _ requested: RequestedChild, _ agreed: AgreedChild, _ inboundSPI: ESPSPI,
        _ ingredients: ChildIngredients, now: Instant
    ) throws(CryptoFault) -> ChildSA {
        let configuration = requested.configuration
        let keys = try KeySchedule(crypto: self.context.crypto).childKeys(
            agreed.suite.protection, skD: self.keys.skD, prf: self.keys.prf,
            requesterNonce: ingredients.requesterNonce, answererNonce: ingredients.answererNonce,
            sharedSecret: ingredients.sharedSecret)
        let spec = self.childSpec(
            configuration, agreed.suite, agreed.selectors, reqid: requested.reqid,
            inbound: (inboundSPI, keys.fromAnswerer), outbound: (agreed.outboundSPI, keys.fromRequester))
        var child = ChildSA(
            name: configuration.name, spec: spec, installedAt: now,
            reqidKey: requested.reqidKey ?? self.reqidKey(agreed.selectors),
            isOutboundActive: true, activatesAt: nil)
        // What takes an older one's place has been rekeyed before, or would have been.
        let isFirst = requested.replaces == nil && self.context.reauthentications[self.localSPI] == nil
        if isFirst { child.verification = self.verification(now: now) }
        return child
    }

    /// The data plane answered for a CHILD_SA that we ask for; false if it was for something else.
    func receiveForRequestedChild(_ reply: DataPlaneReply, requestID: UInt64, _ turn: inout Turn) -> Bool {
        guard let requested = self.requestedChild, requested.requestID == requestID else { return false }
        switch (requested.stage, reply) {
        case (.spi, .spi(let spi)):
            self.requestedChild?.stage = .asked(spi)
            self.enqueue(requested.purpose == .first ? .authenticate : .createChild, &turn)
        case (.installing(let child), .done): self.finishRequestedChild(requested, child, &turn)
        case (_, .failed(let fault)):
            turn.event(.dataPlaneFailed(self.label, fault))
            self.giveUpRequestedChild(requested, &turn)
        case (_, .done), (_, .spi), (_, .traffic):
            turn.event(.defect(self.label, "the data plane answered another question"))
            self.giveUpRequestedChild(requested, &turn)
        }
        return true
    }

    private func finishRequestedChild(
        _ requested: RequestedChild, _ child: ChildSA, _ turn: inout Turn
    ) {
        self.requestedChild = nil
        self.children.append(child)
        self.context.directory.setOwner(ofChild: child.spec, self.localSPI)
        turn.event(
            .childSAInstalled(
                self.label, child: child.name, child.spec, replacing: requested.replaces))
        if requested.isDeletedByPeer {
            // Its DELETE was answered when there was nothing to name in the answer yet. One that this was to succeed stays.
            _ = self.peerDeletedChild(outboundSPI: child.spec.outboundSPI, &turn)
        } else {
            self.finishPredecessor(of: requested, &turn)
        }
        if requested.isUnwanted { self.deleteChild(child.spec.inboundSPI, .terminated, &turn) }
        if !self.agenda.hasChildrenToCreate { self.endReplaced(&turn) }
        // The path may have moved while the data plane was busy.
        self.moveStragglers(&turn)
    }

    /// The CHILD_SA in whose place one was asked for is needed no more.
    private func finishPredecessor(of requested: RequestedChild, _ turn: inout Turn) {
        switch requested.purpose {
        case .first, .further: return
        case .rekeying(let old): self.retireChild(old, &turn)
        case .superseding(let old):
            // What the lost one was to succeed has waited for the peer's DELETE, which will not come.
            for predecessor in self.children where predecessor.state == .rekeyed(successor: old) {
                self.deleteChild(predecessor.spec.inboundSPI, .rekeyed, &turn)
            }
            self.deleteChild(old, .unknownToPeer, &turn)
        }
    }

    private func giveUpRequestedChild(_ requested: RequestedChild, _ turn: inout Turn) {
        guard requested.purpose == .first else {
            self.discardRequestedChild(&turn)
            self.postpone(requested, &turn)
            return
        }
        if case .installing(let child) = requested.stage {
            // Nothing of it was installed, but its SPI is still reserved.
            self.requestedChild?.stage = .asked(child.spec.inboundSPI)
        }
        guard self.established == nil else {
            self.close(.lostByDataPlane, &turn)
            return
        }
        self.fail(.ownFault, &turn)
    }

    /// Lets go of a CHILD_SA that we asked for, and of which the peer has its half already, or may have.
    func discardRequestedChild(_ turn: inout Turn) {
        guard let requested = self.requestedChild else { return }
        let spi: ESPSPI?
        switch requested.stage {
        case .spi: spi = nil
        case .asked(let asked): spi = requested.attempt == nil ? nil : asked
        case .installing(let child):
            // Nothing of it was installed, but its SPI is still reserved.
            spi = child.spec.inboundSPI
            self.requestedChild?.stage = .asked(child.spec.inboundSPI)
            if let old = requested.replaces { self.reinstate(old, insteadOf: child.spec.inboundSPI) }
        }
        self.abandonRequestedChild(&turn)
        if let spi { self.enqueue(.deleteChildren([spi]), &turn) }
    }

    /// Gives back what a CHILD_SA that we ask for holds.
    func abandonRequestedChild(_ turn: inout Turn) {
        guard let requested = self.requestedChild else { return }
        self.requestedChild = nil
        let isLast = requested.reqidKey.map { self.context.reqids.release($0) } ?? false
        switch requested.stage {
        // An SPI that is still to come is given back when it comes.
        case .spi: return
        case .asked(let spi): turn.ask(.releaseSPI(spi, local: self.path.local.address))
        case .installing(let child): turn.ask(.remove(child.spec, withPolicies: isLast))
        }
    }
}
