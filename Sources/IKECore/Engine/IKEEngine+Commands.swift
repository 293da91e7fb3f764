internal import IPsecModel

// Commands that end or renew what stands; one that cannot be carried out is refused with a sentence that says why.
extension IKEEngine {
    /// An operator wants new keys.
    func rekey(
        _ connection: String, _ uniqueID: UInt64?, _ child: String?, _ turn: inout Turn
    ) -> CommandAnswer {
        let meant = self.established(connection, uniqueID)
        if let refusal = self.refusal(connection, uniqueID, child, meant) { return refusal }
        let count = meant.reduce(0) { count, ikeSA in
            self.context.touch(ikeSA)
            return count + ikeSA.rekeyNow(child: child, &turn)
        }
        guard count == 0, let child else { return .begun(count: count) }
        return self.refuseWithoutChild(connection, child, meant)
    }

    /// An operator wants something to end: what stands, and what is only being begun.
    func terminate(
        _ connection: String, _ uniqueID: UInt64?, _ child: String?, _ turn: inout Turn
    ) -> CommandAnswer {
        let isAll = uniqueID == nil && child == nil
        let meant = self.established(connection, uniqueID)
        let refusal = self.refusal(connection, uniqueID, child, meant)
        let abandoned = isAll ? self.abandon(connection, &turn) : 0
        if let refusal { return abandoned > 0 ? .begun(count: abandoned) : refusal }
        guard let child else {
            for ikeSA in meant { ikeSA.close(.terminated, &turn) }
            return .begun(count: meant.count)
        }
        let isDisowned = uniqueID == nil && self.disown(child, of: connection)
        let count = meant.reduce(0) { count, ikeSA in
            self.context.touch(ikeSA)
            return count + ikeSA.terminate(child: child, &turn)
        }
        // Where nothing stands or is on its way, what ends is the wish.
        if count == 0, isDisowned { return .begun(count: 1) }
        return count > 0 ? .begun(count: count) : self.refuseWithoutChild(connection, child, meant)
    }

    /// An operator wants a child no more, on whatever IKE_SA: neither do we, nor do packets call for it. False if nobody did.
    private func disown(_ name: String, of connection: String) -> Bool {
        let wasWanted = self.keeper.entries[connection]?.children.contains(name) == true
        self.keeper.drop(child: name, of: connection)
        guard let configured = self.connection(connection), let child = configured.child(name) else {
            return wasWanted
        }
        return self.resetTrap(of: child, of: configured) || wasWanted
    }

    private func established(_ connection: String, _ uniqueID: UInt64?) -> [IKESA] {
        self.context.directory.established(of: connection).filter {
            uniqueID == nil || $0.uniqueID == uniqueID
        }
    }

    // MARK: Refusals

    /// Why a command cannot be about these IKE_SAs and this child; nil if it can.
    private func refusal(
        _ name: String, _ uniqueID: UInt64?, _ child: String?, _ meant: [IKESA]
    ) -> CommandAnswer? {
        guard let connection = self.connection(name) else {
            return .refused("there is no connection '\(name)'")
        }
        if let child, connection.child(child) == nil {
            return .refused("connection '\(name)' has no child '\(child)'")
        }
        return meant.isEmpty ? .refused(self.reasonWithoutIKESA(name, uniqueID)) : nil
    }

    private func reasonWithoutIKESA(_ name: String, _ uniqueID: UInt64?) -> String {
        if self.isShuttingDown { return "culvertd is stopping" }
        let which = uniqueID.map { " with the ID \($0)" } ?? ""
        let isBeingDeleted = self.context.directory.unestablished.contains { ikeSA in
            ikeSA.connection.name == name && (uniqueID == nil || ikeSA.uniqueID == uniqueID)
                && ikeSA.requests.unanswered.contains(.deleteIKESA)
        }
        if isBeingDeleted { return "the IKE_SA\(which) of connection '\(name)' is being deleted already" }
        let none = "connection '\(name)' has no IKE_SA\(which)"
        guard uniqueID == nil, let entry = self.keeper.entries[name] else { return none }
        switch entry.state {
        case .searching, .attempting: return none + " yet: it is being begun"
        case .resting: return none + ": the last attempt failed, and there is a pause before the next"
        case .standing, .waiting: return none
        }
    }

    private func refuseWithoutChild(_ name: String, _ child: String, _ meant: [IKESA]) -> CommandAnswer {
        let states = meant.flatMap(\.children).filter { $0.name == child }.map(\.state)
        let it = "CHILD_SA '\(child)'"
        guard !states.isEmpty else {
            let isOnItsWay = meant.contains { $0.isAsking(for: child) }
            return .refused(
                "connection '\(name)' has no \(it)" + (isOnItsWay ? " yet: it is being begun" : ""))
        }
        let isGoing = states.allSatisfy { $0 == .deleting }
        return .refused(
            "\(it) of connection '\(name)' is being \(isGoing ? "deleted" : "rekeyed") already")
    }
}

extension IKESA {
    /// An operator wants no CHILD_SA of this name, neither what stands nor what is on its way; how many there were.
    func terminate(child name: String, _ turn: inout Turn) -> Int {
        let doomed = self.children.filter { $0.name == name && $0.state != .deleting }
        for child in doomed { self.deleteChild(child.spec.inboundSPI, .terminated, &turn) }
        return doomed.count + (self.disownRequest(child: name) ? 1 : 0)
    }

    /// What the peer is being asked for ends as soon as it stands: the peer may have its half already. True if there is such a thing.
    func disownRequest(child name: String) -> Bool {
        let wasLinedUp = self.agenda.removeCreation(ofChild: name)
        guard let requested = self.requestedChild, requested.configuration.name == name,
            requested.replaces == nil, !requested.isUnwanted
        else { return wasLinedUp }
        self.requestedChild?.isUnwanted = true
        return true
    }
}
