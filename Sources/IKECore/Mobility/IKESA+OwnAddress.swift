internal import IKEWire
internal import IPsecModel

// Our own address, or our way to the peer, has changed (RFC 4555 §3.5; without MOBIKE RFC 7296 §2.23).
extension IKESA {
    /// This host's addresses or routes have changed: looks for the way to the peer, if that can matter.
    func ownAddressesChanged(_ turn: inout Turn) {
        switch self.phase {
        case .initiating:
            if self.hasLostAddress { self.fail(.ended(.addressLost), &turn) }
        case .established:
            guard self.hasLostAddress || self.choosesPath else { return }
            self.seekPath(to: [self.path.remote.address] + self.mobility.peerAddresses, &turn)
        case .halfOpen, .standby, .closing, .gone: return
        }
    }

    /// True if this host does not have our end of the path any more.
    private var hasLostAddress: Bool { !self.context.ownAddresses.contains(self.path.local.address) }

    /// True if the peer follows us to whatever address we take: because we update it, or since it believes that we are
    /// behind a NAT.
    private var choosesPath: Bool {
        self.mobility.isAgreed ? self.mobility.isInitiator : self.seemsBehindNAT
    }

    /// Lets the driver look for ways to these addresses of the peer's. Only the initiator may choose among several.
    private func seekPath(to remotes: [IPAddress], _ turn: inout Turn) {
        let isFree = self.mobility.isAgreed && self.mobility.isInitiator
        let patterns = remotes.prefix(isFree ? remotes.count : 1).compactMap { remote in
            AddressRange(remote, remote).map { AddressPattern.range($0) }
        }
        turn.outbox.append(
            .findAddresses(
                searchID: self.context.makePathSearch(for: self), local: self.connection.localAddresses,
                remote: patterns))
    }

    /// The driver has looked.
    func pathFound(_ pairs: [AddressPair], _ turn: inout Turn) {
        // Without any way the next change tells.
        guard self.established != nil,
            let pair = pairs.first(where: { $0.remote == self.path.remote.address }) ?? pairs.first,
            pair.local != self.path.local.address || pair.remote != self.path.remote.address
        else { return }
        if self.mobility.isAgreed, self.mobility.isInitiator {
            self.update(to: pair, &turn)
            return
        }
        // A request of ours that came meanwhile may have moved the path.
        guard pair.remote == self.path.remote.address, self.hasLostAddress || self.choosesPath else { return }
        var target = self.path
        target.local.address = pair.local
        target.confirmedAt = turn.now
        self.pendingMove?.leadsIKE = false
        self.take(target, &turn)
        guard self.mobility.isAgreed || self.seemsBehindNAT else {
            // RFC 7296 §2.23: who is behind no NAT is not followed. The peer is told, from where we are.
            self.close(.addressLost, &turn)
            return
        }
        self.moveStragglers(&turn)
        self.repeatOutstanding(&turn)
        // As the responder we say where we are, and the initiator decides (RFC 4555 §3.5, §3.6). Without MOBIKE any
        // request tells the peer.
        self.enqueueFirst(self.mobility.isAgreed ? .announceAddresses : .liveness, &turn)
    }

    // MARK: UPDATE_SA_ADDRESSES

    /// IKE takes the new path at once, and CHILD_SAs as well if the peer's address is the one that it has answered from.
    private func update(to pair: AddressPair, _ turn: inout Turn) {
        let known = self.mobility.heldPath ?? self.path
        var target = self.path
        target.local.address = pair.local
        target.confirmedAt = turn.now
        if pair.remote != self.path.remote.address {
            // A NAT in front of the peer would have shown us another port: the new address begins with the usual one.
            let port = self.path.local.port == IKEPort.ike ? IKEPort.ike : IKEPort.natTraversal
            target.remote = pair.remote == known.remote.address ? known.remote : Endpoint(pair.remote, port)
        }
        self.pendingMove?.leadsIKE = false
        self.take(target, &turn)
        self.mobility.heldPath = pair.remote == known.remote.address ? nil : known
        self.moveStragglers(&turn)
        if target.local == known.local {
            // Another address of a peer that does not answer: its tries are still counted, or they would never end.
            let datagrams = self.requests.outstanding?.datagrams ?? []
            self.transmit(datagrams, from: self.path.local, to: self.path.remote, &turn)
        } else {
            self.repeatOutstanding(&turn)
        }
        self.oweUpdate(&turn)
    }

    /// The peer has to be told of our path, after what is under way.
    private func oweUpdate(_ turn: inout Turn) {
        self.mobility.owesUpdate = true
        self.enqueueFirst(.updateAddresses, &turn)
    }

    /// The peer has answered our UPDATE_SA_ADDRESSES.
    func finishUpdate(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard let update = self.mobility.update else { return }
        self.mobility.update = nil
        guard self.hasCookie(of: update, message) else {
            self.close(.wrongCookie, &turn)
            return
        }
        // Another change has come since: its own update follows, and this answer says nothing (RFC 4555 §3.5).
        guard !self.mobility.owesUpdate, update.path.isSameWay(as: self.path) else { return }
        let refusals: [NotifyType] = [.unacceptableAddresses, .unexpectedNATDetected]
        if let refusal = refusals.first(where: { message.payloads.notify($0) != nil }) {
            self.close(.failed(refusal), &turn)
            return
        }
        var target = self.path
        target.confirmedAt = turn.now
        if let finding = self.finding(in: message, &turn) {
            target = target.adopting(finding, forced: self.connection.forcesEncapsulation)
        }
        self.take(target, &turn)
        self.mobility.seenAs = message.payloads.notify(.natDetectionDestinationIP)?.data
        self.mobility.heldPath = nil
        self.moveStragglers(&turn)
    }

    private func finding(in message: AuthenticatedMessage, _ turn: inout Turn) -> NATDetection.Finding? {
        do throws(CryptoFault) {
            return try self.natDetection.examine(
                message.payloads.notifies, source: message.arrival.source,
                destination: message.arrival.destination)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            return nil
        }
    }

    // MARK: Reasons to update

    /// The peer has answered whether it lives: if it sees us elsewhere than before, a NAT has forgotten us
    /// (RFC 4555 §3.8).
    func compareMapping(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard self.watchesMapping, let seen = message.payloads.notify(.natDetectionDestinationIP)?.data,
            seen != self.mobility.seenAs
        else { return }
        self.oweUpdate(&turn)
    }

    /// The peer has sent a list of its addresses (RFC 4555 §3.6): if the one that we use is not among them, another must do.
    func reconsiderPeer(_ turn: inout Turn) {
        let addresses = self.mobility.peerAddresses
        guard self.established != nil, self.mobility.isInitiator,
            !addresses.contains(self.path.remote.address)
        else { return }
        self.seekPath(to: addresses, &turn)
    }

    /// The peer does not answer where we ask it: perhaps it does at another of its addresses (RFC 4555 §3.5).
    func tryOtherAddress(_ turn: inout Turn) {
        guard self.established != nil, self.mobility.isAgreed, self.mobility.isInitiator,
            let other = self.mobility.takeOtherAddress(than: self.path.remote.address)
        else { return }
        self.seekPath(to: [other], &turn)
    }
}
