internal import IPsecModel

// What keeps packets from leaving in clear while their tunnel is down, and calls for it.
extension IKEEngine {
    /// Puts policies in front of all children of a connection that are to stand at some time, or that packets are to call for.
    /// One that came only with the end of a CHILD_SA would come after its policies have gone.
    func installTraps(of connection: ConnectionConfiguration, _ turn: inout Turn) {
        for child in connection.children where child.isHeldBack {
            self.installTrap(for: child, of: connection, &turn)
        }
    }

    /// A new configuration: puts policies in front of the connections that are `changed`. The result is what is to be removed then, the
    /// policies of those that are `gone` or different.
    func replaceTraps(
        of gone: [ConnectionConfiguration], by changed: [ConnectionConfiguration], _ turn: inout Turn
    ) -> [TrapBook.Trap] {
        let stale = gone.flatMap { self.traps.all(of: $0.name) }
        for connection in changed { self.installTraps(of: connection, &turn) }
        return stale
    }

    private func installTrap(
        for child: ChildConfiguration, of connection: ConnectionConfiguration, _ turn: inout Turn
    ) {
        guard connection.canBeCalled, let (local, remote) = child.fixedSelectors,
            let reqid = self.context.reqids.takeAlone()
        else { return }
        let policy = TrapPolicy(
            reqid: reqid, localSelectors: local, remoteSelectors: remote, remote: connection.knownAddress)
        self.traps.add(
            policy, connection: connection.name, child: child.name, isArmed: child.waitsForPackets)
        turn.ask(.installTrap(policy))
    }

    /// A CHILD_SA has ended, and packets call for another.
    func armTrap(of child: ChildConfiguration, of connection: ConnectionConfiguration) {
        _ = self.traps.arm(child.name, of: connection.name, true)
    }

    /// Nobody wants a child any more: packets call for it as they did at first, whatever has armed its trap since. True if that is
    /// a difference.
    @discardableResult
    func resetTrap(of child: ChildConfiguration, of connection: ConnectionConfiguration) -> Bool {
        self.traps.arm(child.name, of: connection.name, child.waitsForPackets)
    }

    /// The same for all children of a connection.
    func resetTraps(of name: String) -> Bool {
        guard let connection = self.connection(name) else { return false }
        return !connection.children.filter { self.resetTrap(of: $0, of: connection) }.isEmpty
    }

    /// Takes the policies `traps` away again.
    func removeTraps(_ traps: [TrapBook.Trap], _ turn: inout Turn) {
        for trap in traps {
            self.traps.remove(trap.policy.reqid)
            self.context.reqids.releaseAlone(trap.policy.reqid)
            turn.ask(.removeTrap(trap.policy))
        }
    }

    /// The peer of a connection is called at `remote`, so that its own packets must be let in from there.
    func moveTraps(of connection: String, to remote: IPAddress, _ turn: inout Turn) {
        for policy in self.traps.move(connection, to: remote) { turn.ask(.installTrap(policy)) }
    }

    /// A packet has no CHILD_SA. One that starts by itself does not wait for packets: either it is being begun, or an
    /// operator has ended it. Nor does one that nobody has begun yet.
    func acquire(reqid: UInt32, _ packet: PacketSelectors, _ turn: inout Turn) {
        guard !self.isShuttingDown, let trap = self.traps[reqid], trap.isArmed,
            let connection = self.connection(trap.connection)
        else { return }
        self.want(trap.child, of: connection, because: packet, &turn)
    }
}

extension ChildConfiguration {
    /// True if packets call for it before it has ever stood.
    fileprivate var waitsForPackets: Bool { self.startAction == .trap }

    /// Its packets, as far as they are known before it stands; nil if there are `dynamic` selectors.
    fileprivate var fixedSelectors: (local: [TrafficSelector], remote: [TrafficSelector])? {
        guard let local = Self.fixed(self.localSelectors), let remote = Self.fixed(self.remoteSelectors)
        else { return nil }
        return (SelectorNarrowing.reduced(local), SelectorNarrowing.reduced(remote))
    }

    private static func fixed(_ selectors: [ConfiguredSelector]) -> [TrafficSelector]? {
        var fixed: [TrafficSelector] = []
        for selector in selectors {
            guard case .fixed(let one) = selector else { return nil }
            fixed.append(one)
        }
        return fixed
    }
}

extension ConnectionConfiguration {
    /// The first address that the peer is called at, unless it is a name.
    fileprivate var knownAddress: IPAddress? {
        guard case .range(let range)? = self.remoteAddresses.first(where: \.canBeCalled) else { return nil }
        return range.first
    }
}
