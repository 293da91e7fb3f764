package import IPsecModel

/// What routing must know of one CHILD_SA.
package struct TunnelChild: Hashable, Sendable {
    /// Names the child; it stays the same over rekeys.
    package var reqid: UInt32
    /// Inner packets' addresses on our side.
    package var localSelectors: [TrafficSelector]
    /// The networks on our side that the configuration names: they stay outside of all tunnels.
    package var ownNetworks: [TrafficSelector]
    /// Inner packets' addresses on the peer's side.
    package var remoteSelectors: [TrafficSelector]
    /// Our outer address; unspecified if it is not known.
    package var outer: IPAddress
    /// The peer's outer address; unspecified if it is not known.
    package var peer: IPAddress
    /// The largest inner packet in bytes.
    package var mtu: Int
    /// True if it only holds packets back: what it wants counts where no other wants the same.
    package var isTrap = false

    /// The child with these selectors.
    package init(
        reqid: UInt32, localSelectors: [TrafficSelector], ownNetworks: [TrafficSelector]? = nil,
        remoteSelectors: [TrafficSelector], outer: IPAddress, peer: IPAddress, mtu: Int
    ) {
        self.reqid = reqid
        self.localSelectors = localSelectors
        self.ownNetworks = ownNetworks ?? localSelectors
        self.remoteSelectors = remoteSelectors
        self.outer = outer
        self.peer = peer
        self.mtu = mtu
    }

    /// What `trap` holds back, in packets of at most `mtu` bytes.
    package init(_ trap: TrapPolicy, mtu: Int) {
        let unknown = IPAddress(family: .v4, number: 0)
        self.init(
            reqid: trap.reqid, localSelectors: trap.localSelectors, remoteSelectors: trap.remoteSelectors,
            outer: unknown, peer: trap.remote ?? unknown, mtu: mtu)
        self.isTrap = true
    }

    /// The child of `spec`, whose inner packets have at most `mtu` bytes.
    package init(_ spec: ChildSASpec, mtu: Int) {
        self.init(
            reqid: spec.reqid, localSelectors: spec.localSelectors, ownNetworks: spec.ownNetworks,
            remoteSelectors: spec.remoteSelectors, outer: spec.path.local.address,
            peer: spec.path.remote.address, mtu: mtu)
    }
}
