internal import IPsecModel

/// What children want from routing: each by itself, and all together for each prefix and address.
struct TunnelBooks {
    /// The needs of each child, by reqid.
    var children: [UInt32: TunnelNeeds] = [:]
    /// The ways into the tunnel, by the prefix that they lead to.
    var ways: [IPPrefix: TunnelWays] = [:]
    /// How many local selectors and outer addresses of peers have each prefix.
    var throwers: [IPPrefix: Int] = [:]
    /// How many children need an address on the interface; those that others put there are not counted.
    var addresses: [IPAddress: Int] = [:]
    /// What is wanted with each of our outer addresses.
    var outer: [IPAddress: OuterClaims] = [:]

    /// The one route that does for all children. A way into the tunnel wins over a throw.
    func target(of prefix: IPPrefix, interface: UInt32) -> Route.Target? {
        if let hop = self.ways[prefix]?.hop(interface: interface) { return .interface(hop) }
        return self.throwers[prefix] == nil ? nil : .throw
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
        ways[reqid] = way
        self.ways[prefix] = ways.isEmpty ? nil : ways
    }

    /// Counts throws, addresses and our outer address, `by` one more or one less.
    private mutating func count(_ needs: TunnelNeeds, by one: Int) {
        for prefix in needs.thrown { Self.count(prefix, in: &self.throwers, by: one) }
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
