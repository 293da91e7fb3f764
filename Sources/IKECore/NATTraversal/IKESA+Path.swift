internal import IKEWire
internal import IPsecModel

// The path of an IKE_SA and all its CHILD_SAs, and how it follows a NAT that forgets (RFC 7296 §2.23).
extension IKESA {
    /// A new authenticated message came this way: the first decides the path, a later one may move it.
    func followPath(_ arrival: Arrival, _ turn: inout Turn) {
        switch self.phase {
        case .halfOpen:
            // IKE_AUTH: here the peer moves to port 4500 if there is a NAT.
            self.path.local = arrival.destination
            self.path.remote = arrival.source
            self.path.confirmedAt = turn.now
        case .initiating:
            // We chose the path; only what comes back by it counts.
            self.path.confirmedAt = turn.now
        case .established, .closing:
            // What came to another address or port of ours says nothing of this path.
            guard arrival.destination == self.path.local else { return }
            guard arrival.source != self.path.remote else {
                self.path.confirmedAt = turn.now
                self.path.confirmedBy = .ike
                return
            }
            // With MOBIKE only UPDATE_SA_ADDRESSES says where the peer is, and ESP (RFC 4555 §3.8): anything else may be a
            // trial of another path.
            guard !self.mobility.isAgreed else { return }
            self.peerSeen(at: arrival.source, by: .ike, &turn)
        // Its path is that of the IKE_SA which it comes from.
        case .standby, .gone: return
        }
    }

    // RFC-GAP: RFC 7296 §2.23 we follow even if we are behind a NAT ourselves, which it advises against.
    /// Something authentic of the peer came from `remote`, which is not where we send to.
    ///
    /// Only a peer behind a NAT is followed: for another, a change would be an attack on the path, or needs
    /// MOBIKE.
    func peerSeen(at remote: Endpoint, by evidence: PathEvidence, _ turn: inout Turn) {
        guard self.path.isRemoteBehindNAT, remote != self.path.remote else { return }
        guard remote.address.family == self.path.remote.address.family else { return }
        // One move at a time: the next packet from there begins the next, if it is still needed.
        guard self.pendingMove == nil, self.mobility.heldPath == nil else { return }
        var target = self.path
        target.remote = remote
        target.confirmedAt = turn.now
        target.confirmedBy = evidence
        self.beginMove(to: target, &turn)
    }

    /// Moves the CHILD_SAs first; IKE follows when that is done, so that both move or neither.
    private func beginMove(to target: Path, _ turn: inout Turn) {
        let moving = self.children.filter { $0.state != .deleting }
        guard !moving.isEmpty else {
            self.take(target, &turn)
            return
        }
        let requestID = self.context.makeRequestID(for: self)
        self.pendingMove = PendingMove(
            requestID: requestID, target: target, children: moving.map(\.spec.inboundSPI), leadsIKE: true)
        turn.ask(.move(moving.map(\.spec), to: target), requestID: requestID)
    }

    /// The data plane moved the CHILD_SAs, or could not.
    func finishMove(_ reply: DataPlaneReply, _ turn: inout Turn) {
        guard let move = self.pendingMove else { return }
        self.pendingMove = nil
        if case .failed(let fault) = reply {
            // Everything is where it was. The next packet from the new place tries again, and nothing else:
            // to try at once would go on for ever.
            turn.event(.dataPlaneFailed(self.label, fault))
            for spi in move.activations { self.activateOutbound(spi, &turn) }
            if !move.leadsIKE { self.abandonStragglers(of: move, &turn) }
            return
        }
        for spi in move.children { self.updateChild(spi) { $0.spec.path = move.target } }
        if move.leadsIKE { self.take(move.target, &turn) }
        for spi in move.activations { self.activateOutbound(spi, &turn) }
        self.moveStragglers(&turn)
    }

    /// IKE has moved and CHILD_SAs could not: either they try a newer path, or they end, since nothing would come through.
    private func abandonStragglers(of move: PendingMove, _ turn: inout Turn) {
        guard move.target.isSameWay(as: self.path) else {
            self.moveStragglers(&turn)
            return
        }
        for spi in move.children { self.deleteChild(spi, .lostByDataPlane, &turn) }
    }

    /// Moves CHILD_SAs that are on a path which is no longer the one, unless they have to wait.
    func moveStragglers(_ turn: inout Turn) {
        guard self.pendingMove == nil, self.mobility.heldPath == nil else { return }
        let stragglers = self.children.filter {
            $0.state != .deleting && !$0.spec.path.isSameWay(as: self.path)
        }
        guard !stragglers.isEmpty else { return }
        let requestID = self.context.makeRequestID(for: self)
        self.pendingMove = PendingMove(
            requestID: requestID, target: self.path, children: stragglers.map(\.spec.inboundSPI),
            leadsIKE: false)
        turn.ask(.move(stragglers.map(\.spec), to: self.path), requestID: requestID)
    }

    /// IKE goes this way from now on.
    func take(_ target: Path, _ turn: inout Turn) {
        let old = self.path
        self.path = target
        guard !target.isSameWay(as: old) else { return }
        self.pathChanges &+= 1
        let isOurs = target.remote == old.remote
        self.lastPathChange = PathChange(
            at: turn.now, from: isOurs ? old.local : old.remote, to: isOurs ? target.local : target.remote,
            evidence: target.confirmedBy)
        turn.event(.pathChanged(self.label, from: old, to: target))
    }
}
