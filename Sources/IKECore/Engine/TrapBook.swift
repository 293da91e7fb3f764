internal import IPsecModel

/// The policies that stand before their tunnels do, and what each is for.
struct TrapBook {
    /// One of them.
    struct Trap {
        let connection: String
        let child: String
        /// True if a packet calls for the child; if not, packets only wait for it.
        fileprivate(set) var isArmed: Bool
        fileprivate(set) var policy: TrapPolicy
    }

    private var traps: [UInt32: Trap] = [:]
    private var byConnection: [String: Group<UInt32>] = [:]

    /// How many there are.
    var count: Int { self.traps.count }

    /// The one with this reqid.
    subscript(reqid: UInt32) -> Trap? { self.traps[reqid] }

    /// Those of a connection.
    func all(of connection: String) -> [Trap] {
        (self.byConnection[connection]?.all ?? []).compactMap { self.traps[$0] }
    }

    /// Enters one.
    mutating func add(_ policy: TrapPolicy, connection: String, child: String, isArmed: Bool) {
        self.traps[policy.reqid] = Trap(
            connection: connection, child: child, isArmed: isArmed, policy: policy)
        self.byConnection.insert(policy.reqid, connection)
    }

    /// Packets call for this child from now on, or do so no more; true if that was otherwise.
    mutating func arm(_ child: String, of connection: String, _ isArmed: Bool) -> Bool {
        let changed = self.all(of: connection).filter { $0.child == child && $0.isArmed != isArmed }
        for trap in changed { self.traps[trap.policy.reqid]?.isArmed = isArmed }
        return !changed.isEmpty
    }

    /// Forgets one.
    mutating func remove(_ reqid: UInt32) {
        guard let trap = self.traps.removeValue(forKey: reqid) else { return }
        self.byConnection.remove(reqid, trap.connection)
    }

    /// The peer of a connection is called at `remote`: the policies that said otherwise, as they are now.
    mutating func move(_ connection: String, to remote: IPAddress) -> [TrapPolicy] {
        self.all(of: connection).map(\.policy).filter { $0.remote != remote }.map { policy in
            var moved = policy
            moved.remote = remote
            self.traps[policy.reqid]?.policy = moved
            return moved
        }
    }
}
