internal import IKEWire
internal import IPsecModel

// The CHILD_SAs of an IKE_SA, from their first SPI to their end.
extension IKESA {
    /// How long we keep sending on an old CHILD_SA that the peer rekeyed, if it never deletes it.
    ///
    /// The peer has the new one when it got our answer; it says so by its DELETE (RFC 7296 §2.8). Until then
    /// the old one works on both sides.
    static let activationPatience: Duration = .seconds(60)

    /// Begins the installation of a CHILD_SA; the answer to the peer waits for it.
    func beginInstallation(
        _ negotiated: NegotiatedChild, exchange: ExchangeType, arrival: Arrival, prefix: [Payload],
        _ turn: inout Turn
    ) -> Outcome {
        let key = self.reqidKey(negotiated)
        guard let reqid = self.context.reqids.take(key, configured: negotiated.configuration.reqid) else {
            return .fault(.noAdditionalSAs, after: prefix)
        }
        let requestID = self.context.makeRequestID(for: self)
        self.pendingAnswer = PendingAnswer(
            exchange: exchange, arrival: arrival, prefix: prefix, negotiated: negotiated, reqid: reqid,
            requestID: requestID, stage: .spi)
        turn.ask(
            .allocateSPI(
                local: self.path.local.address, remote: self.path.remote.address, reqid: reqid),
            requestID: requestID)
        return .pending
    }

    /// The data plane answered a request of this IKE_SA; false if nobody waits for it any more.
    func receive(_ reply: DataPlaneReply, requestID: UInt64, _ turn: inout Turn) -> Bool {
        if self.receiveForRequestedChild(reply, requestID: requestID, &turn) { return true }
        if self.receiveTraffic(reply, requestID: requestID, &turn) { return true }
        if var pending = self.pendingAnswer, pending.requestID == requestID {
            self.continueInstallation(&pending, reply, &turn)
            return true
        }
        if self.pendingMove?.requestID == requestID {
            self.finishMove(reply, &turn)
            return true
        }
        if let spi = self.pendingChecks.removeValue(forKey: requestID) {
            if case .failed = reply { self.deleteChild(spi, .lostByDataPlane, &turn) }
            return true
        }
        guard let spi = self.pendingActivations.removeValue(forKey: requestID) else { return false }
        self.finishActivation(spi, reply, &turn)
        return true
    }

    private func continueInstallation(
        _ pending: inout PendingAnswer, _ reply: DataPlaneReply, _ turn: inout Turn
    ) {
        switch (pending.stage, reply) {
        case (.spi, .spi(let spi)): self.install(&pending, inboundSPI: spi, &turn)
        case (.installing(let child), .done): self.finishInstallation(pending, child, &turn)
        case (_, .failed(let fault)):
            turn.event(.dataPlaneFailed(self.label, fault))
            self.failInstallation(pending, &turn)
        case (.spi, .done), (.spi, .traffic), (.installing, .spi), (.installing, .traffic):
            turn.event(.defect(self.label, "the data plane answered another question"))
            self.failInstallation(pending, &turn)
        }
    }

    private func failInstallation(_ pending: PendingAnswer, _ turn: inout Turn) {
        self.pendingAnswer = nil
        if case .installing(let child) = pending.stage {
            // Nothing of it was installed, but its SPI is still reserved.
            turn.ask(.releaseSPI(child.spec.inboundSPI, local: child.spec.path.local.address))
        }
        _ = self.context.reqids.release(self.reqidKey(pending.negotiated))
        // RFC 7296 has no notify for "my kernel cannot": this one says that the fault is not the peer's offer.
        self.answer(
            .fault(.noAdditionalSAs, after: pending.prefix), exchange: pending.exchange, pending.arrival,
            &turn)
    }

    private func install(_ pending: inout PendingAnswer, inboundSPI: ESPSPI, _ turn: inout Turn) {
        let child: ChildSA
        do throws(CryptoFault) {
            child = try self.makeChild(pending, inboundSPI: inboundSPI, now: turn.now)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            turn.ask(
                .releaseSPI(inboundSPI, local: self.path.local.address))
            self.failInstallation(pending, &turn)
            return
        }
        pending.requestID = self.context.makeRequestID(for: self)
        pending.stage = .installing(child)
        self.pendingAnswer = pending
        let steps: [InstallationStep] =
            child.isOutboundActive ? [.inbound, .outbound, .policies] : [.inbound]
        turn.ask(.install(child.spec, steps), requestID: pending.requestID)
    }

    private func makeChild(
        _ pending: PendingAnswer, inboundSPI: ESPSPI, now: Instant
    ) throws(CryptoFault) -> ChildSA {
        let negotiated = pending.negotiated
        let configuration = negotiated.configuration
        let keys = try KeySchedule(crypto: self.context.crypto).childKeys(
            negotiated.suite.protection, skD: self.keys.skD, prf: self.keys.prf,
            requesterNonce: negotiated.requesterNonce, answererNonce: negotiated.answererNonce,
            sharedSecret: negotiated.exchanged?.secret)
        var spec = self.childSpec(
            configuration, negotiated.suite, negotiated.selectors, reqid: pending.reqid,
            inbound: (inboundSPI, keys.fromRequester), outbound: (negotiated.outboundSPI, keys.fromAnswerer))
        // With other selectors than before, the policies are others too, and there is nothing to wait for.
        let old = self.children.first { $0.spec.inboundSPI == negotiated.replaces }
        let inherits =
            negotiated.replaces == nil
            && self.hasForerunner(sendingFor: pending.reqid, self.reqidKey(negotiated))
        let takesOver = old?.spec.reqid == pending.reqid || inherits
        let patience = inherits ? Self.inheritancePatience : Self.activationPatience
        spec.hasOutboundHalf = !takesOver
        var child = ChildSA(
            name: configuration.name, spec: spec, installedAt: now,
            reqidKey: self.reqidKey(negotiated), isOutboundActive: !takesOver,
            activatesAt: takesOver ? now.advanced(by: patience) : nil)
        if negotiated.replaces == nil { child.verification = self.verification(now: now) }
        return child
    }

    /// What the data plane is to know of a CHILD_SA of this configuration, whichever side has asked for it.
    func childSpec(
        _ configuration: ChildConfiguration, _ suite: ESPSuite, _ selectors: SelectorNarrowing.Result,
        reqid: UInt32, inbound: (spi: ESPSPI, keys: ESPKeys), outbound: (spi: ESPSPI, keys: ESPKeys)
    ) -> ChildSASpec {
        let lifetime = configuration.lifetime
        return ChildSASpec(
            reqid: reqid, inboundSPI: inbound.spi, outboundSPI: outbound.spi,
            path: self.mobility.heldPath ?? self.path, suite: suite, inboundKeys: inbound.keys,
            outboundKeys: outbound.keys, localSelectors: selectors.local, remoteSelectors: selectors.remote,
            ownNetworks: SelectorNarrowing.resolve(configuration.localSelectors, self.path.local.address),
            mode: configuration.mode, replayWindow: configuration.replayWindow,
            lifetime: Lifetime(
                rekey: self.context.jittered(lifetime.rekey, by: lifetime.jitter), hard: lifetime.hard,
                jitter: .zero), bytes: self.context.jittered(configuration.bytes),
            packets: suite.sequenceNumbers.bound(self.context.jittered(configuration.packets)))
    }

    private func finishInstallation(_ pending: PendingAnswer, _ child: ChildSA, _ turn: inout Turn) {
        self.pendingAnswer = nil
        let negotiated = pending.negotiated
        var child = child
        if pending.isRedundant {
            child.wait(until: turn.now.advanced(by: Self.activationPatience))
        } else if let old = negotiated.replaces {
            self.noteSuccessor(child.spec.inboundSPI, of: old)
        }
        self.children.append(child)
        self.context.directory.setOwner(ofChild: child.spec, self.localSPI)
        if negotiated.replaces == nil { self.awaitInheritance(of: child, &turn) }
        turn.event(
            .childSAInstalled(self.label, child: child.name, child.spec, replacing: negotiated.replaces))
        let answer = self.childPayloads(negotiated, inboundSPI: child.spec.inboundSPI, pending.exchange)
        self.answer(.payloads(pending.prefix + answer), exchange: pending.exchange, pending.arrival, &turn)
        // The path may have moved while the data plane was busy.
        self.moveStragglers(&turn)
    }

    /// The peer has rekeyed a CHILD_SA.
    private func noteSuccessor(_ successor: ESPSPI, of old: ESPSPI) {
        self.updateChild(old) { child in
            if child.state == .installed { child.state = .rekeyed(successor: successor) }
        }
        if self.requestedChild?.replaces == old { self.requestedChild?.collision?.successor = successor }
    }

    /// SA, Nr, KE, TSi, TSr (RFC 7296 §1.2, §1.3.1); IKE_AUTH has its nonces in IKE_SA_INIT.
    private func childPayloads(
        _ negotiated: NegotiatedChild, inboundSPI: ESPSPI, _ exchange: ExchangeType
    ) -> [Payload] {
        let proposal = negotiated.chosen.answer(.esp, spi: inboundSPI.bytes)
        var payloads: [Payload] = [.securityAssociation(SecurityAssociationPayload(proposals: [proposal]))]
        if exchange == .createChildSA {
            payloads.append(.nonce(NoncePayload(nonce: negotiated.answererNonce)))
        }
        if let exchanged = negotiated.exchanged, let method = negotiated.suite.keyExchange {
            payloads.append(.keyExchange(KeyExchangePayload(method: method, data: exchanged.publicValue)))
        }
        // The peer is the requester, so TSi is its side.
        payloads.append(.tsInitiator(TrafficSelectorPayload(selectors: negotiated.selectors.remote)))
        payloads.append(.tsResponder(TrafficSelectorPayload(selectors: negotiated.selectors.local)))
        return payloads
    }

    /// Gives back what a pending CHILD_SA holds, without answering.
    func abandonPendingAnswer(_ turn: inout Turn) {
        guard let pending = self.pendingAnswer else { return }
        self.pendingAnswer = nil
        self.answers.abandoned()
        let isLast = self.context.reqids.release(self.reqidKey(pending.negotiated))
        // An SPI that is still to come is given back when it comes.
        guard case .installing(let child) = pending.stage else { return }
        turn.ask(.remove(child.spec, withPolicies: isLast))
    }

    /// The half of a rekeyed CHILD_SA that sends takes over from the one before.
    func activateOutbound(_ spi: ESPSPI, _ turn: inout Turn) {
        guard let child = self.children.first(where: { $0.spec.inboundSPI == spi }), !child.isOutboundActive,
            child.state != .deleting
        else { return }
        self.updateChild(spi) { $0.activatesAt = nil }
        if self.context.heirs[child.spec.reqid] == spi { self.context.heirs[child.spec.reqid] = nil }
        if let move = self.pendingMove, move.children.contains(spi) {
            // It would be installed where the CHILD_SA is just leaving.
            if !move.activations.contains(spi) { self.pendingMove?.activations.append(spi) }
            return
        }
        self.updateChild(spi) {
            $0.isOutboundActive = true
            $0.spec.hasOutboundHalf = true
        }
        let requestID = self.context.makeRequestID(for: self)
        self.pendingActivations[requestID] = spi
        turn.ask(.install(child.spec, [.outbound]), requestID: requestID)
    }

    private func finishActivation(_ spi: ESPSPI, _ reply: DataPlaneReply, _ turn: inout Turn) {
        guard case .failed(let fault) = reply else { return }
        turn.event(.dataPlaneFailed(self.label, fault))
        // A state that is there with this SPI is another peer's: the peer chooses the number.
        self.updateChild(spi) { $0.spec.hasOutboundHalf = false }
        self.deleteChild(spi, .lostByDataPlane, &turn)
    }

    /// Ends a CHILD_SA and tells the peer.
    func deleteChild(_ spi: ESPSPI, _ reason: EndReason, _ turn: inout Turn) {
        guard let child = self.child(spi), child.state != .deleting else { return }
        if case .terminated = reason, self.requestedChild?.replaces == spi {
            // Its successor may stand on the peer already.
            self.requestedChild?.isUnwanted = true
        }
        self.handOverTraffic(of: child, &turn)
        self.removeFromDataPlane(child, reason, &turn)
        self.updateChild(spi) {
            $0.state = .deleting
            $0.activatesAt = nil
        }
        // What retires has its DELETE under way.
        if child.state != .retiring { self.enqueue(.deleteChildren([spi]), &turn) }
    }

    /// The peer deleted a CHILD_SA by its inbound SPI; ours to answer with, or nil if we do not have it.
    ///
    /// If our own DELETE is under way, the answer leaves it out (RFC 7296 §1.4.1).
    func peerDeletedChild(outboundSPI: ESPSPI, _ turn: inout Turn) -> ESPSPI? {
        guard let child = self.children.first(where: { $0.spec.outboundSPI == outboundSPI }) else {
            self.noteUnknownDelete(outboundSPI)
            return nil
        }
        if child.state == .deleting || child.state == .retiring { return nil }
        self.handOverTraffic(of: child, &turn)
        let reason: EndReason =
            switch child.state {
            case .rekeyed, .redundant: .rekeyed
            case .installed, .retiring, .deleting: .deletedByPeer
            }
        self.removeFromDataPlane(child, reason, &turn)
        self.children.removeAll { $0.spec.inboundSPI == child.spec.inboundSPI }
        return child.spec.inboundSPI
    }

    /// Perhaps it is of the CHILD_SA that the peer has just made for us, and that the data plane still works on, or whose SPI
    /// we do not have yet.
    private func noteUnknownDelete(_ spi: ESPSPI) {
        if case .installing(let child) = self.requestedChild?.stage, child.spec.outboundSPI == spi {
            self.requestedChild?.isDeletedByPeer = true
            return
        }
        guard let requested = self.requestedChild, requested.attempt != nil,
            requested.deletedUnknown.count < RequestedChild.deletedUnknownLimit
        else { return }
        self.requestedChild?.deletedUnknown.append(spi)
    }

    /// A CHILD_SA is about to end: its successor sends from now on, and one that it was to succeed stays.
    private func handOverTraffic(of child: ChildSA, _ turn: inout Turn) {
        if case .rekeyed(let successor) = child.state { self.activateOutbound(successor, &turn) }
        for old in self.children where old.state == .rekeyed(successor: child.spec.inboundSPI) {
            self.updateChild(old.spec.inboundSPI) { $0.state = .installed }
        }
    }

    /// Our DELETE of these was answered.
    func forgetDeletedChildren(_ spis: [ESPSPI], _ turn: inout Turn) {
        for child in self.children where spis.contains(child.spec.inboundSPI) && child.state == .retiring {
            self.removeFromDataPlane(child, .rekeyed, &turn)
            self.updateChild(child.spec.inboundSPI) { $0.state = .deleting }
        }
        self.children.removeAll { $0.state == .deleting && spis.contains($0.spec.inboundSPI) }
    }

    /// Expires CHILD_SAs, and activates those whose predecessors the peer forgot to delete.
    func tendChildren(_ turn: inout Turn) {
        for child in self.children {
            if let activatesAt = child.activatesAt, turn.now >= activatesAt {
                self.endWaiting(of: child, &turn)
            }
            if let expiresAt = child.expiresAt, turn.now >= expiresAt {
                self.deleteChild(
                    child.spec.inboundSPI, child.state == .redundant ? .rekeyed : .expired, &turn)
            }
        }
        self.rekeyDueChildren(&turn)
    }

    private func endWaiting(of child: ChildSA, _ turn: inout Turn) {
        guard self.context.heirs[child.spec.reqid] == child.spec.inboundSPI else {
            self.activateOutbound(child.spec.inboundSPI, &turn)
            return
        }
        self.updateChild(child.spec.inboundSPI) { $0.activatesAt = nil }
        self.askAboutInheritance(&turn)
    }

    /// The data plane's events were lost, an expiry perhaps among them: asks for each CHILD_SA whether it stands.
    func checkChildren(_ turn: inout Turn) {
        for child in self.children where child.state != .deleting {
            let requestID = self.context.makeRequestID(for: self)
            self.pendingChecks[requestID] = child.spec.inboundSPI
            turn.ask(.check(child.spec), requestID: requestID)
        }
    }

    /// Takes a CHILD_SA out of the data plane and all tables but `children`.
    func removeFromDataPlane(_ child: ChildSA, _ reason: EndReason, _ turn: inout Turn) {
        guard child.state != .deleting else { return }
        self.bequeathTraffic(of: child, &turn)
        let isLast = self.context.reqids.release(child.reqidKey)
        self.context.directory.setOwner(ofChild: child.spec, nil)
        if let move = self.pendingMove, move.children.contains(child.spec.inboundSPI) {
            // Whether it has moved already is not known: it ends in both places.
            var moved = child.spec
            moved.path = move.target
            turn.ask(.remove(moved, withPolicies: false))
        }
        turn.ask(.remove(child.spec, withPolicies: isLast))
        self.endedChildren.append((child.name, reason))
        turn.event(
            .childSAEnded(self.label, child: child.name, inboundSPI: child.spec.inboundSPI, reason))
    }

    /// Changes one CHILD_SA in place.
    func updateChild(_ spi: ESPSPI, _ change: (inout ChildSA) -> Void) {
        guard let index = self.children.firstIndex(where: { $0.spec.inboundSPI == spi }) else { return }
        change(&self.children[index])
    }

    private func reqidKey(_ negotiated: NegotiatedChild) -> ReqIDRegistry.Key {
        self.reqidKey(negotiated.selectors)
    }

    /// What the reqid of a CHILD_SA with these selectors goes by.
    func reqidKey(_ selectors: SelectorNarrowing.Result) -> ReqIDRegistry.Key {
        ReqIDRegistry.Key(
            connection: self.connection.name, peer: self.established?.peerIdentity, local: selectors.local,
            remote: selectors.remote)
    }

    /// The inbound SPI of the CHILD_SA of which `identifier` names one half.
    func inboundSPI(ofHalf identifier: SAIdentifier) -> ESPSPI? {
        self.children.first { child in
            child.spec.inboundIdentifier == identifier
                || (child.spec.hasOutboundHalf && child.spec.outboundIdentifier == identifier)
        }?.spec.inboundSPI
    }
}

extension ChildSASpec {
    /// The half that receives, as a data plane names it.
    var inboundIdentifier: SAIdentifier {
        SAIdentifier(spi: self.inboundSPI, destination: self.path.local.address)
    }

    /// The half that sends, as a data plane names it.
    var outboundIdentifier: SAIdentifier {
        SAIdentifier(spi: self.outboundSPI, destination: self.path.remote.address)
    }
}

extension SequenceNumbers {
    /// `limit`, but no more packets than there are numbers: the kernel stops after the last one without a word.
    fileprivate func bound(_ limit: VolumeLimit) -> VolumeLimit {
        guard self != .extended else { return limit }
        return VolumeLimit(
            rekey: min(limit.rekey ?? .max, self.rekeyAt), hard: min(limit.hard ?? .max, self.last))
    }
}
