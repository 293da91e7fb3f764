internal import IPsecModel

/// An address of this host between which and a peer a child's outer packets go.
struct OuterAddress: Hashable {
    /// The address.
    let address: IPAddress
    /// True if the local selectors have it: packets from it may be for the tunnel.
    let isInside: Bool

    /// Our outer address of `child`.
    init(_ child: TunnelChild) {
        let address = child.outer
        self.address = address
        self.isInside = child.localSelectors.contains { selector in
            selector.addresses.first <= address && address <= selector.addresses.last
        }
    }
}

/// All that children want with one outer address of ours. One that has it inside wins: its packets must not leave in clear.
struct OuterClaims: Hashable {
    /// How many children have the address in their local selectors.
    private var inside = 0
    /// How many have it outside of them.
    private var outside = 0

    /// True if nobody wants anything any more.
    var isEmpty: Bool { self.inside == 0 && self.outside == 0 }
    /// True if packets from the address are led past our table; if not, only answers to IKE and ESP are.
    var isOutside: Bool { self.inside == 0 && self.outside > 0 }

    /// Counts a child more or less.
    mutating func count(_ outer: OuterAddress, by one: Int) {
        if outer.isInside { self.inside += one } else { self.outside += one }
    }
}
