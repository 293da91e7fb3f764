internal import IPsecModel

/// What children want from routing: each by itself, and all together for each prefix and address.
struct TunnelBooks {
    /// The needs of each child, by reqid.
    var children: [UInt32: TunnelNeeds] = [:]
    /// The ways into the tunnel, by the prefix that they lead to.
    var ways: [IPPrefix: TunnelWays] = [:]
    /// How many children have each prefix among our networks.
    private var networks: [IPPrefix: Int] = [:]
    /// The peers' outer addresses.
    private var peers = PeerAddresses()
    /// How many prefixes lead into the tunnel, by their length.
    private var lengths: [Int: Int] = [:]
    /// How many children need an address on the interface; those that others put there are not counted.
    var addresses: [IPAddress: Int] = [:]
    /// What is wanted with each of our outer addresses.
    var outer: [IPAddress: OuterClaims] = [:]

    /// The one route that does for all children. A way into the tunnel wins over a throw.
    func target(of prefix: IPPrefix, interface: UInt32) -> Route.Target? {
        if let hop = self.ways[prefix]?.hop(interface: interface) { return .interface(hop) }
        if self.networks[prefix] != nil { return .throw }
        let address = prefix.address
        guard prefix.length == address.family.bitWidth, self.peers.contains(address) else { return nil }
        return self.isKept(outside: address) ? .throw : nil
    }

    /// All prefixes whose routes may change with these needs.
    private func prefixes(concerning needs: [TunnelNeeds]) -> Set<IPPrefix> {
        let tunnelled = needs.flatMap { $0.tunnelled.map(\.prefix) }
        let peers = needs.compactMap(\.peer) + tunnelled.flatMap { self.peers.within($0) }
        return Set(tunnelled + needs.flatMap(\.networks) + peers.compactMap(Self.host))
    }

    /// True if packets to this peer's outer address leave outside, as those of its own tunnel must.
    ///
    /// A peer can move, and might say that it is in a network which leads to somebody else: what goes there must not
    /// leave in clear.
    private func isKept(outside peer: IPAddress) -> Bool {
        !self.lengths.keys.contains { length in
            guard let ways = IPPrefix(peer, length: length).flatMap({ self.ways[$0] }) else { return false }
            return ways.contains { reqid in
                guard self.children[reqid]?.peer != peer else { return false }
                // A trap stands for whoever its tunnel will be with: for this one, if it is there already.
                return ways[reqid]?.isTrap != true || !ways.contains { self.children[$0]?.peer == peer }
            }
        }
    }

    private static func host(_ address: IPAddress) -> IPPrefix? {
        IPPrefix(address, length: address.family.bitWidth)
    }

    /// Enters the needs of a child in place of those that it had; what the kernel must do to follow.
    mutating func change(_ reqid: UInt32, to needs: TunnelNeeds?, interface: UInt32) -> [TunnelStep] {
        let concerned = [self.children[reqid], needs].compactMap { $0 }
        let prefixes = self.prefixes(concerning: concerned)
        let before = TunnelState(self, prefixes, concerning: concerned, interface: interface)
        self.enter(needs, reqid: reqid)
        return before.steps(to: TunnelState(self, prefixes, concerning: concerned, interface: interface))
    }

    /// Enters the needs of a child in place of those that it had.
    mutating func enter(_ needs: TunnelNeeds?, reqid: UInt32) {
        if let old = self.children[reqid] {
            self.count(old, by: -1)
            for tunnelled in old.tunnelled { self.set(nil, tunnelled.prefix, reqid) }
        }
        self.children[reqid] = needs
        if let needs {
            self.count(needs, by: 1)
            for tunnelled in needs.tunnelled { self.set(tunnelled.way, tunnelled.prefix, reqid) }
        }
    }

    private mutating func set(_ way: TunnelWay?, _ prefix: IPPrefix, _ reqid: UInt32) {
        var ways = self.ways[prefix] ?? TunnelWays()
        let wasEmpty = ways.isEmpty
        ways[reqid] = way
        self.ways[prefix] = ways.isEmpty ? nil : ways
        guard wasEmpty != ways.isEmpty else { return }
        Self.count(prefix.length, in: &self.lengths, by: wasEmpty ? 1 : -1)
    }

    /// Counts networks, peer, addresses and our outer address, `by` one more or one less.
    private mutating func count(_ needs: TunnelNeeds, by one: Int) {
        for prefix in needs.networks { Self.count(prefix, in: &self.networks, by: one) }
        if let peer = needs.peer, one > 0 { self.peers.add(peer) }
        if let peer = needs.peer, one < 0 { self.peers.remove(peer) }
        for address in needs.addresses { Self.count(address, in: &self.addresses, by: one) }
        guard let outer = needs.outer else { return }
        var claims = self.outer[outer.address] ?? OuterClaims()
        claims.count(outer, by: one)
        self.outer[outer.address] = claims.isEmpty ? nil : claims
    }

    private static func count<Key>(_ key: Key, in counts: inout [Key: Int], by one: Int) {
        let count = (counts[key] ?? 0) + one
        counts[key] = count == 0 ? nil : count
    }
}
