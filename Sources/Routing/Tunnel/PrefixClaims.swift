internal import IPsecModel

/// What a child's packets into the tunnel need to know.
struct TunnelWay: Hashable {
    /// The largest packet in bytes.
    let mtu: Int
    /// The source address of this host's own packets; nil leaves it to the kernel.
    let source: IPAddress?
}

/// All that children want with one prefix. A way into the tunnel wins over a throw.
struct PrefixClaims: Hashable {
    /// Those with a remote selector there, by reqid.
    var tunnelled: [UInt32: TunnelWay] = [:]
    /// How many have a local selector or the peer's outer address there.
    var throwers = 0

    /// True if nobody wants anything any more.
    var isEmpty: Bool { self.tunnelled.isEmpty && self.throwers == 0 }

    /// The one route that does for all of them: with the smallest MTU, and with the source of the lowest reqid
    /// that has one, so that it does not depend on who came first.
    func target(interface: UInt32) -> Route.Target? {
        guard let mtu = self.tunnelled.values.map(\.mtu).min() else {
            return self.throwers > 0 ? .throw : nil
        }
        let source = self.tunnelled.filter { $0.value.source != nil }.min { $0.key < $1.key }?.value.source
        return .interface(Route.Hop(interface: interface, preferredSource: source, mtu: mtu))
    }
}
