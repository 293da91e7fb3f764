internal import ControlProtocol

/// How peers are named on a screen: by their connection, with the IKE_SA's ID if it has several.
struct PeerLabels {
    private let numberOfIKESAs: [String: Int]

    /// Labels that tell `peers` apart.
    init(_ peers: [PeerReport]) {
        self.numberOfIKESAs = peers.reduce(into: [:]) { numbers, peer in
            if peer.ike != nil { numbers[peer.name, default: 0] += 1 }
        }
    }

    /// The label of one of the peers.
    subscript(peer: PeerReport) -> String {
        guard let id = peer.ike?.id, let number = self.numberOfIKESAs[peer.name], number > 1 else {
            return peer.name
        }
        return "\(peer.name)#\(id)"
    }
}

/// What is said of a peer on more than one screen.
extension PeerReport {
    /// The state; whatever is not up is in capitals.
    var stateCell: Cell {
        switch self.state {
        case .established: return Cell("established", .good)
        case .connecting, .deleting, .waiting: return Cell(self.state.rawValue.uppercased(), .caution)
        default: return Cell(self.state.rawValue.uppercased(), .bad)
        }
    }

    /// Expected children that carry no packets.
    var missingChildren: [String] {
        let up = Set(self.childrenUp)
        return self.expectedChildren.filter { !up.contains($0) }
    }

    /// Why the peer or a child of it is not up, in one sentence; nil if all is up.
    func whyNotUp(now: Timestamp) -> String? {
        switch self.state {
        case .established:
            guard !self.missingChildren.isEmpty else { return nil }
            let names = self.missingChildren.joined(separator: ", ")
            let which = self.missingChildren.count == 1 ? "child \(names) is" : "children \(names) are"
            guard let failure = self.currentFailure else {
                return "\(which) not up, the peer has not asked for it"
            }
            return "\(which) not up, last failure: \(failure.sentence(now: now))"
        case .connecting: return "an IKE_SA is being set up"
        case .deleting: return "its IKE_SA is ending and none stands in its place"
        case .waiting where self.lastFailure == nil:
            switch self.configured?.startAction {
            case "trap": return "waits for a packet to its networks"
            case "start": return "is being called, and has not answered yet"
            default: return "has not come yet, and it must begin"
            }
        case .down:
            switch self.configured?.startAction {
            case "trap": return "its IKE_SA was ended in order, and the next packet brings it up again"
            case "start":
                return "its IKE_SA was ended in order; culvert initiate \(self.name) begins it again"
            default: return "its IKE_SA was ended in order, and it must begin anew"
            }
        case .waiting, .failed:
            return self.lastFailure?.sentence(now: now) ?? "its IKE_SA failed for an unknown reason"
        default: return "'\(self.state.rawValue)' is a state that this culvert does not know"
        }
    }

    /// What went wrong and is not over: a failure from before the IKE_SA stood is history.
    var currentFailure: FailureReport? {
        guard let failure = self.lastFailure else { return nil }
        if let ike = self.ike, failure.at < ike.establishedAt { return nil }
        return self.state == .down ? nil : failure
    }

    /// True if ESP came and the data plane does not say when (older kernels): the peer may have been heard later
    /// than `lastInboundAt`.
    var hasUntimedESP: Bool {
        self.children.contains { ($0.packetsIn ?? 0) > 0 && $0.lastInAt == nil }
    }

    /// When a packet of the peer last came and verified, IKE or ESP.
    var lastInboundAt: Timestamp? {
        (self.children.compactMap(\.lastInAt) + [self.liveness?.lastInboundAt].compactMap { $0 }).max()
    }
}

extension FailureReport {
    /// `NO_PROPOSAL_CHOSEN from peer`, `AUTHENTICATION_FAILED sent to peer`; nil without a notify.
    var notifyWords: String? {
        self.notify.map { notify in
            switch self.isFromPeer {
            case true?: return "\(notify) from peer"
            case false?: return "\(notify) sent to peer"
            case nil: return notify
            }
        }
    }

    /// What went wrong, where, when and why.
    func sentence(now: Timestamp) -> String {
        let place = "\(self.stage), \(Units.ago(self.at, now: now))"
        guard let notify = self.notifyWords else { return "\(self.reason) (\(place))" }
        return "\(notify) (\(place)): \(self.reason)"
    }
}
