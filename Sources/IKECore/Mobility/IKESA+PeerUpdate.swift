internal import IKEWire
internal import IPsecModel

// UPDATE_SA_ADDRESSES of the peer's: it began the IKE_SA, and says where it is now (RFC 4555 §3.5).
extension IKESA {
    /// Moves to the addresses of the IP packet. Nothing changes if it is refused, with the notify that is returned.
    func peerUpdates(
        _ message: AuthenticatedMessage, _ finding: NATDetection.Finding, _ turn: inout Turn
    ) -> NotifyType? {
        let arrival = message.arrival
        if let notify = message.payloads.notify(.noNATsAllowed),
            !notify.allows(from: arrival.source, to: arrival.destination)
        {
            return .unexpectedNATDetected
        }
        guard !self.mobility.isInitiator, self.accepts(arrival) else { return .unacceptableAddresses }
        guard self.established != nil else { return nil }
        var target = self.path
        target.local = arrival.destination
        target.remote = arrival.source
        target.confirmedAt = turn.now
        target.confirmedBy = .ike
        target = target.adopting(finding, forced: self.connection.forcesEncapsulation)
        self.follow(target, &turn)
        return nil
    }

    /// Local policy: where the connection expects us and the peer to be.
    private func accepts(_ arrival: Arrival) -> Bool {
        self.connection.localAddresses.contains { $0.matches(arrival.destination.address) }
            && self.connection.remoteAddresses.contains { $0.matches(arrival.source.address) }
    }

    /// IKE goes to `target` at once. CHILD_SAs go there as well if the peer has answered at that address; else they wait
    /// until it does, or anybody could have our traffic sent to somebody else (RFC 4555 §3.7, §5.3).
    private func follow(_ target: Path, _ turn: inout Turn) {
        let known = self.mobility.heldPath ?? self.path
        let isKnown = target.remote.address == known.remote.address
        let isSame = target.isSameWay(as: self.path)
        // Of two moves the update decides.
        self.pendingMove?.leadsIKE = false
        self.take(target, &turn)
        if !isSame { self.repeatOutstanding(&turn) }
        if isKnown {
            self.mobility.heldPath = nil
            self.moveStragglers(&turn)
        } else {
            self.mobility.heldPath = known
            if !isSame || self.mobility.check == nil { self.enqueueFirst(.checkAddress, &turn) }
        }
    }

    /// The peer has answered the check of its address.
    func finishCheck(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard let check = self.mobility.check else { return }
        self.mobility.check = nil
        guard self.hasCookie(of: check, message) else {
            self.close(.wrongCookie, &turn)
            return
        }
        guard self.mobility.heldPath != nil else { return }
        // The request went to several addresses, so its answer shows none of them (RFC 4555 §3.7).
        guard check.path.remote == self.path.remote else {
            self.enqueueFirst(.checkAddress, &turn)
            return
        }
        self.mobility.heldPath = nil
        self.moveStragglers(&turn)
    }

    /// "If the values do not match, the IKE_SA MUST be closed" (RFC 4555 §3.7).
    func hasCookie(of probe: Mobility.Probe, _ message: AuthenticatedMessage) -> Bool {
        guard let cookie = message.payloads.notify(.cookie2)?.data else { return false }
        return equalInConstantTime(cookie, probe.cookie)
    }

    /// A request that is under way was lost, most likely: it goes by the new path (RFC 4555 §3.5).
    func repeatOutstanding(_ turn: inout Turn) {
        guard let datagrams = self.requests.restart(haste: self.context.haste(), now: turn.now) else {
            return
        }
        self.transmit(datagrams, from: self.path.local, to: self.path.remote, &turn)
    }

    /// Puts a request in line before all others, once, and sends it if nothing is outstanding.
    func enqueueFirst(_ request: OwnRequest, _ turn: inout Turn) {
        if !self.requests.queued.contains(request) { self.requests.enqueueFirst(request) }
        self.sendNextRequest(&turn)
    }
}
