internal import IKEWire
internal import IPsecModel

// The peer's silence, and what breaks it (RFC 7296 §2.4).
extension IKESA {
    /// Nothing protected came for a while. ESP counts as well, which the data plane knows of: it is asked before the peer.
    func probeIfDue(_ turn: inout Turn) {
        guard self.established != nil, self.liveness.deadlineReached(now: turn.now) else { return }
        let carrying = self.children.filter { $0.state != .deleting }.map(\.spec)
        // A request of ours that is under way asks the peer already.
        guard self.requests.isIdle, !carrying.isEmpty else {
            self.finishLook(nil, &turn)
            return
        }
        let requestID = self.context.makeRequestID(for: self)
        self.pendingLook = requestID
        turn.ask(.traffic(carrying), requestID: requestID)
    }

    /// The data plane says when ESP last came; false if that is not what it was asked.
    func receiveTraffic(_ reply: DataPlaneReply, requestID: UInt64, _ turn: inout Turn) -> Bool {
        guard self.pendingLook == requestID else { return false }
        self.pendingLook = nil
        // A data plane that does not answer knows of no ESP: then the peer is asked.
        guard case .traffic(let traffic) = reply else {
            self.finishLook(nil, &turn)
            return true
        }
        self.noteSentESP(traffic, now: turn.now)
        self.finishLook(self.espWatch.newest(of: traffic, now: turn.now), &turn)
        return true
    }

    private func finishLook(_ newest: Instant?, _ turn: inout Turn) {
        guard self.liveness.looked(newest, now: turn.now), self.established != nil else { return }
        self.sendProbe(&turn)
    }

    /// Asks the peer whether it lives. Any request of ours that is under way asks the same question.
    func sendProbe(_ turn: inout Turn) {
        guard self.requests.isIdle else { return }
        self.enqueue(.liveness, &turn)
    }

    /// ESP keeps a NAT's mapping as well as a keepalive does (RFC 3948 §4). To ask for it would cost more than to send that
    /// one octet, but here the answer is at hand.
    private func noteSentESP(_ traffic: [ESPTraffic], now: Instant) {
        guard let ago = traffic.compactMap(\.lastOut).min() else { return }
        let sentAt = now.advanced(by: .zero - max(ago, .zero))
        // What left by an earlier path is no news to the NATs on this one.
        guard sentAt > self.lastPathChange?.at ?? .origin else { return }
        self.keepalive.noteSent(now: sentAt)
    }
}
