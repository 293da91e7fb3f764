internal import IKEWire
internal import IPsecModel

// How an IKE_SA ends. Its CHILD_SAs end with it (RFC 7296 §1.4.1).
extension IKESA {
    /// Ends the IKE_SA without telling the peer: it knows, or cannot be told.
    ///
    /// The last answer stays for a while, since the peer may not have got it.
    func end(_ reason: EndReason, _ turn: inout Turn) {
        let lastAnswerUntil = turn.now.advanced(by: self.context.limits.halfOpenLifetime)
        let wasInitiating = if case .initiating = self.phase { true } else { false }
        guard self.leave(reason, &turn) else {
            // Rekeyed, or our own DELETE is under way: now the peer has ended it as well.
            if case .closing(let until) = self.phase {
                self.phase = .closing(until: min(until, lastAnswerUntil))
            }
            return
        }
        self.requests.clearQueue()
        // Nobody is left who could answer.
        self.requests.abandonOutstanding()
        // What the peer made by a rekeying that crossed ours goes with it.
        if let collision = self.requestedSuccessor?.collision { collision.ikeSA.end(reason, &turn) }
        self.requestedSuccessor = nil
        self.phase = .closing(until: lastAnswerUntil)
        // Nobody is left to whom an answer could be repeated.
        if reason == .peerDead || reason == .lostByPeer { self.phase = .gone }
        // The peer has no answer of ours, and may have no IKE_SA.
        if wasInitiating { self.phase = .gone }
        if case .replaced = reason { self.phase = .gone }
    }

    /// Ends the IKE_SA and tells the peer by a DELETE, if the peer may have it.
    func close(_ reason: EndReason, _ turn: inout Turn) {
        guard self.established != nil else {
            if case .initiating = self.phase {
                self.abandonAuthentication(reason, &turn)
            } else {
                self.end(reason, &turn)
            }
            return
        }
        guard self.leave(reason, &turn) else { return }
        self.requests.clearQueue()
        self.disownSuccessors(&turn)
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
        self.enqueue(.deleteIKESA, &turn)
    }

    /// Ends an IKE_SA in whose place another one stands, and tells the peer. What it has for ESP goes on receiving until the
    /// peer has answered, since that may send with it until then. What waits for it sends from now on, unless `isSucceeded`: then
    /// the other one sends already.
    func retire(_ reason: EndReason, isSucceeded: Bool, _ turn: inout Turn) {
        guard self.established != nil else { return }
        turn.event(.ikeSAEnded(self.label, reason))
        self.context.touch(self)
        self.abandonPendingAnswer(&turn)
        self.abandonRequestedChild(&turn)
        self.agenda = ExchangeAgenda()
        self.replaced = []
        self.requests.clearQueue()
        self.disownSuccessors(&turn)
        for child in self.children where child.state != .deleting {
            if !isSucceeded { self.bequeathTraffic(of: child, &turn) }
            self.updateChild(child.spec.inboundSPI) { $0.retire() }
        }
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
        self.enqueue(.deleteIKESA, &turn)
    }

    /// Nothing is left of an IKE_SA: what it still has for ESP goes as well.
    func removeRetiredChildren(_ turn: inout Turn) {
        for child in self.children { self.removeFromDataPlane(child, .replaced, &turn) }
        self.children.removeAll()
    }

    /// Lets go of all that the IKE_SA holds; false if it is over already.
    private func leave(_ reason: EndReason, _ turn: inout Turn) -> Bool {
        switch self.phase {
        case .closing, .gone: return false
        case .halfOpen, .standby: break
        case .initiating: self.reportFailure(.ended(reason), &turn)
        case .established: turn.event(.ikeSAEnded(self.label, reason))
        }
        self.context.touch(self)
        self.abandonPendingAnswer(&turn)
        self.abandonRequestedChild(&turn)
        self.agenda = ExchangeAgenda()
        // What was to be replaced stays: there is nothing in its place.
        self.replaced = []
        for child in self.children { self.removeFromDataPlane(child, reason, &turn) }
        self.children.removeAll()
        return true
    }
}
