internal import ControlProtocol

/// What is said of a peer on more than one screen.
extension PeerReport {
    /// The connection's name, with the IKE_SA's ID if it has several.
    func label(among peers: [PeerReport]) -> String {
        guard let id = self.ike?.id else { return self.name }
        let others = peers.count { $0.name == self.name && $0.ike != nil }
        return others > 1 ? "\(self.name)#\(id)" : self.name
    }

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
            guard let failure = self.lastFailure else {
                return "\(which) not up, the peer has not asked for it"
            }
            return "\(which) not up, last failure: \(failure.sentence(now: now))"
        case .connecting: return "an IKE_SA is being set up"
        case .deleting: return "its IKE_SA is ending and none stands in its place"
        case .waiting where self.lastFailure == nil: return "has not come yet, and it must begin"
        case .down where self.lastFailure == nil: return "its IKE_SA was ended, and it must begin anew"
        case .waiting, .down, .failed:
            return self.lastFailure?.sentence(now: now) ?? "its IKE_SA failed for an unknown reason"
        default: return "'\(self.state.rawValue)' is a state that this culvert does not know"
        }
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
