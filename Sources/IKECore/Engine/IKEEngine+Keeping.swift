internal import IKEWire
internal import IPsecModel

// Connections that are to stand: because the configuration says so, an operator, or a packet.
extension IKEEngine {
    // MARK: What is wanted

    /// Begins all connections that start by themselves.
    func startConnections(_ turn: inout Turn) {
        // Policies first: nothing may leave in clear while names are looked up.
        for connection in self.context.configuration.connections { self.installTraps(of: connection, &turn) }
        for connection in self.context.configuration.connections { self.startByItself(connection, &turn) }
    }

    private func startByItself(_ connection: ConnectionConfiguration, _ turn: inout Turn) {
        let children = connection.startingChildren
        guard !self.isShuttingDown, !children.isEmpty else { return }
        let searchID = self.keeper.keep(connection.name, children: children, .permanent)
        self.search(connection, searchID, &turn)
    }

    /// An operator wants a connection to stand.
    func initiate(_ name: String, _ child: String?, _ turn: inout Turn) -> CommandAnswer {
        guard let connection = self.connection(name) else {
            return .refused("there is no connection '\(name)'")
        }
        guard let chosen = child ?? connection.children.first?.name, connection.child(chosen) != nil else {
            return .refused("connection '\(name)' has no child" + (child.map { " '\($0)'" } ?? ""))
        }
        guard connection.canBeCalled || self.established(name) != nil else {
            return .refused("connection '\(name)' has no address to call: name one in remote_addrs")
        }
        if let refusal = self.reasonNotToInitiate(name, child: chosen) { return .refused(refusal) }
        self.want(chosen, of: connection, because: nil, &turn)
        return .begun(count: 1)
    }

    private func reasonNotToInitiate(_ name: String, child: String) -> String? {
        if self.isShuttingDown { return "culvertd is stopping" }
        if self.standing(name, child: child) != nil { return "connection '\(name)' stands already" }
        if self.established(name)?.isAsking(for: child) == true {
            return "child '\(child)' of connection '\(name)' is being begun already"
        }
        guard let entry = self.keeper.entries[name], entry.children.contains(child) else { return nil }
        switch entry.state {
        case .searching, .attempting: return "connection '\(name)' is being begun already"
        case .standing, .resting, .waiting: return nil
        }
    }

    /// A CHILD_SA is to stand, since an operator or a packet wants it: on the IKE_SA that there is, else on a new one.
    func want(
        _ child: String, of connection: ConnectionConfiguration, because packet: PacketSelectors?,
        _ turn: inout Turn
    ) {
        let name = connection.name
        // Packets that its policies do not take, because the peer has narrowed them, do not call for it again.
        guard self.standing(name, child: child) == nil else { return }
        let isFree = self.keeper.isFree(name, forPacket: packet != nil, now: turn.now)
        // What packets called for before a rest is not called for by this one.
        if isFree { self.keeper.releaseOthers(than: child, of: name) }
        let isKept = self.keeper.entries[name] != nil
        if isKept { self.keeper.add(child: child, to: name) }
        if let packet, isKept { self.keeper.note(packet, for: child, of: name) }
        if let ikeSA = self.established(name) {
            guard packet == nil || ikeSA.refusedChildren[child] == nil else { return }
            if !isKept {
                self.keeper.keep(
                    name, children: [child], self.persistence(connection, packet), on: ikeSA.localSPI)
                if let packet { self.keeper.note(packet, for: child, of: name) }
            } else if isFree {
                self.keeper.stand(name, ikeSA.localSPI, now: turn.now)
            }
            ikeSA.refusedChildren[child] = nil
            self.context.touch(ikeSA)
            return
        }
        guard isFree else { return }
        // What is to stand without end stays so.
        let permanent = self.keeper.entries[name].flatMap { $0.persistence == .permanent ? $0 : nil }
        let own = permanent?.children ?? connection.startingChildren
        let children = [child] + own.filter { $0 != child }
        let persistence = permanent?.persistence ?? self.persistence(connection, packet)
        let searchID = self.keeper.keep(name, children: children, persistence)
        if let packet { self.keeper.note(packet, for: child, of: name) }
        self.search(connection, searchID, &turn)
    }

    private func persistence(
        _ connection: ConnectionConfiguration, _ packet: PacketSelectors?
    ) -> ConnectionKeeper.Persistence {
        guard connection.startingChildren.isEmpty else { return .permanent }
        return packet == nil ? .once : .onDemand
    }

    // MARK: What becomes of it

    /// Something happened to an IKE_SA: perhaps a connection stands now, or does no more, or has lost a CHILD_SA.
    func noteFate(of ikeSA: IKESA, _ turn: inout Turn) {
        self.considerEnds(of: ikeSA, &turn)
        guard let name = self.keeper.name(of: ikeSA.localSPI) ?? self.adopt(ikeSA, &turn) else { return }
        switch ikeSA.phase {
        case .halfOpen, .initiating, .standby: return
        case .established: self.complete(name, ikeSA, &turn)
        case .closing, .gone:
            // Rekeyed, or the peer has begun one by itself.
            if let other = self.established(name) {
                self.complete(name, other, &turn)
            } else {
                self.rest(name, &turn)
            }
        }
    }

    /// The peer has begun an IKE_SA while ours is not there yet: its connection, if that is to stand on this one.
    ///
    /// An attempt ends only as long as it waits for the answer to IKE_SA_INIT. The peer has sent IKE_AUTH for its own by then, so
    /// that it does not end that one for ours, and one of the two is left.
    private func adopt(_ ikeSA: IKESA, _ turn: inout Turn) -> String? {
        let name = ikeSA.connection.name
        guard let entry = self.keeper.entries[name], ikeSA.serves(entry) else { return nil }
        switch entry.state {
        case .searching, .standing: return nil
        case .resting, .waiting:
            if entry.persistence == .onDemand {
                // What else packets called for before the rest, the next ones call for again.
                for child in entry.children where !ikeSA.has(child: child) {
                    self.keeper.drop(child: child, of: name)
                }
            }
            self.keeper.stand(name, ikeSA.localSPI, now: turn.now)
        case .attempting(let spi):
            guard let initiation = self.initiations[spi] else { return nil }
            self.keeper.stand(name, ikeSA.localSPI, now: turn.now)
            self.end(initiation, .ended(.replaced), &turn)
        }
        return name
    }

    /// CHILD_SAs have ended: whether they are to stand again depends on why.
    private func considerEnds(of ikeSA: IKESA, _ turn: inout Turn) {
        let ends = ikeSA.endedChildren
        guard !ends.isEmpty else { return }
        ikeSA.endedChildren = []
        let name = ikeSA.connection.name
        guard !self.isShuttingDown, let connection = self.connection(name), connection == ikeSA.connection
        else { return }
        for end in ends {
            guard self.standing(name, child: end.name) == nil, let child = connection.child(end.name),
                let action = end.reason.action(for: child)
            else { continue }
            self.take(action, for: child, of: connection, after: end.reason, ikeSA, &turn)
        }
    }

    private func take(
        _ action: ChildAction, for child: ChildConfiguration, of connection: ConnectionConfiguration,
        after reason: EndReason, _ ikeSA: IKESA, _ turn: inout Turn
    ) {
        switch action {
        case .none:
            self.resetTrap(of: child, of: connection)
            self.keeper.drop(child: child.name, of: connection.name)
        case .trap:
            self.armTrap(of: child, of: connection)
            self.keeper.release(
                child: child.name, of: connection.name, chance: self.context.chance(), now: turn.now)
        case .start:
            if case .deletedByPeer = reason, ikeSA.established != nil {
                // A peer that deletes it each time must not be asked without a pause.
                ikeSA.refusedChildren[child.name] = turn.now.advanced(
                    by: self.context.chosen(IKESA.shortPause))
            }
            self.beginAgain(child.name, of: connection, &turn)
        }
    }

    private func beginAgain(_ child: String, of connection: ConnectionConfiguration, _ turn: inout Turn) {
        let name = connection.name
        guard let entry = self.keeper.entries[name] else {
            if let standing = self.established(name) {
                self.keeper.keep(name, children: [child], .permanent, on: standing.localSPI)
                self.context.touch(standing)
            } else if connection.canBeCalled {
                _ = self.keeper.keep(name, children: [child], .permanent)
                self.rest(name, &turn)
            }
            return
        }
        self.keeper.add(child: child, to: name)
        self.keeper.makePermanent(name)
        guard self.keeper.isFree(name, forPacket: false, now: turn.now) else { return }
        if let standing = self.established(name) {
            self.keeper.stand(name, standing.localSPI, now: turn.now)
            self.context.touch(standing)
        } else if entry.state == .waiting {
            self.rest(name, &turn)
        }
    }

    /// Gives the IKE_SA of a connection the CHILD_SAs that it lacks. One that gets none is of no use, and ends.
    private func complete(_ name: String, _ ikeSA: IKESA, _ turn: inout Turn) {
        guard let entry = self.keeper.entries[name] else { return }
        let lacking = entry.children.filter { self.standing(name, child: $0) == nil }
        // An operator who alone wanted it has been told; nobody waits for another answer.
        let refused = lacking.filter {
            ikeSA.refusedChildren[$0] != nil && ikeSA.connection.child($0)?.isHeldBack == false
        }
        for child in refused { self.keeper.drop(child: child, of: name) }
        let missing = lacking.filter { !refused.contains($0) }
        for child in missing where !ikeSA.isAsking(for: child) && ikeSA.refusedChildren[child] == nil {
            ikeSA.agenda.add(.createChild(child, entry.packets[child]))
            self.context.touch(ikeSA)
        }
        let isOfUse =
            lacking.count < entry.children.count || ikeSA.children.contains(where: \.isCurrent)
            || missing.contains { ikeSA.isAsking(for: $0) }
        if isOfUse || missing.contains(where: { ikeSA.isSparing($0, now: turn.now) }) {
            self.keeper.stand(name, ikeSA.localSPI, now: turn.now)
            return
        }
        self.rest(name, &turn)
        ikeSA.close(.childless, &turn)
    }

    /// The IKE_SA of a connection that has the CHILD_SA.
    func standing(_ name: String, child: String) -> IKESA? {
        self.context.directory.established(of: name).first { $0.has(child: child) }
    }

    /// An IKE_SA of a connection that stands, the newest.
    private func established(_ name: String) -> IKESA? {
        self.context.directory.established(of: name).max { $0.uniqueID < $1.uniqueID }
    }

    /// Begins again what has rested long enough.
    func retryConnections(_ turn: inout Turn) {
        while let (name, searchID) = self.keeper.due(now: turn.now) {
            guard let connection = self.connection(name) else {
                self.keeper.forget(name)
                continue
            }
            self.search(connection, searchID, &turn)
        }
    }

    // MARK: What is wanted no more

    /// A new configuration: attempts of connections that are gone or different end, their policies `stale` go, and what is new in
    /// `changed` starts, if it does so by itself.
    func reconsiderConnections(
        changed: [ConnectionConfiguration], stale: [TrapBook.Trap], _ turn: inout Turn
    ) {
        for initiation in Array(self.initiations.values)
        where !self.isConfigured(initiation.connection) {
            self.end(initiation, .ended(.configurationChanged), &turn)
        }
        for name in Array(self.keeper.entries.keys) where self.connection(name) == nil {
            self.keeper.forget(name)
        }
        self.removeTraps(stale, &turn)
        for connection in changed {
            self.keeper.forget(connection.name)
            self.startByItself(connection, &turn)
        }
    }

    /// An operator wants a connection to stand no more: attempts end as well; how many there were.
    func abandon(_ name: String, _ turn: inout Turn) -> Int {
        // Where nothing is on its way yet, what ends is the wish.
        var count = self.resetTraps(of: name) || self.keeper.isAboutToTry(name) ? 1 : 0
        self.keeper.forget(name)
        for initiation in Array(self.initiations.values) where initiation.connection.name == name {
            self.end(initiation, .ended(.terminated), &turn)
            count += 1
        }
        for ikeSA in self.context.directory.unestablished where ikeSA.connection.name == name {
            guard case .initiating = ikeSA.phase, !ikeSA.isUnwanted else { continue }
            ikeSA.abandonAuthentication(.terminated, &turn)
            count += 1
        }
        return count
    }

    /// The gateway stops.
    func abandonInitiations(_ turn: inout Turn) {
        for name in Array(self.keeper.entries.keys) { self.keeper.forget(name) }
        for initiation in Array(self.initiations.values) { self.end(initiation, .ended(.terminated), &turn) }
    }
}

extension IKESA {
    /// True if it stands with a CHILD_SA of this name.
    fileprivate func has(child name: String) -> Bool {
        self.established != nil && self.children.contains { $0.name == name && $0.isCurrent }
    }

    /// True if what is kept can stand on it, whoever has begun it.
    func serves(_ entry: ConnectionKeeper.Entry) -> Bool {
        guard self.established != nil else { return false }
        switch entry.persistence {
        case .permanent, .once: return self.children.contains(where: \.isCurrent)
        case .onDemand:
            switch entry.state {
            // A packet has just called.
            case .searching, .attempting: return self.children.contains(where: \.isCurrent)
            // Only with a child that was called for: after an end by the peer none is called again before the rest is over.
            case .resting, .waiting, .standing: return entry.children.contains { self.has(child: $0) }
            }
        }
    }

    /// True if a CHILD_SA of this name is on its way, by our doing or the peer's.
    func isAsking(for name: String) -> Bool {
        self.requestedChild?.configuration.name == name || self.agenda.creates(child: name)
            || self.pendingAnswer?.negotiated.configuration.name == name
            || self.children.contains { child in
                // Its successor is being installed, or another is to come in its place.
                if case .rekeyed = child.state { child.name == name } else { false }
            }
    }

    /// True if the peer has ended a CHILD_SA of this name, and gets a moment before it is asked again.
    fileprivate func isSparing(_ name: String, now: Instant) -> Bool {
        guard let until = self.refusedChildren[name] else { return false }
        return until <= now.advanced(by: Self.shortPause.most)
    }
}
