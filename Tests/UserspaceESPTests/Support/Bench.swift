internal import IPsecModel
internal import LinuxIO

@testable internal import UserspaceESP

/// One engine, and a peer who is a test.
struct Bench {
    let wire: Wire
    let site: Site
    let peer: Peer
    let child: ChildSASpec
    /// An ordinary program on the near host, which speaks to 7001 of the far one.
    let program: PlainSocket

    /// `installing` the child, unless a test does that itself.
    init(
        _ change: (inout ChildSASpec) -> Void = { _ in }, _ transport: Child.Transport = .udp4,
        mtu: Int = 1_500, installing: Bool = true, tunOffloads: TunDevice.Offloads = .all,
        offloads: PacketSocket.Offloads = .all
    ) throws {
        var child = try Child.near(.aes128GCM, transport)
        change(&child)
        self.child = child
        self.wire = try Wire(mtu: mtu)
        self.site = try Site(self.wire.near, tunOffloads: tunOffloads, offloads: offloads)
        self.peer = try Peer(self.wire.far, of: child, transport)
        if installing { try self.site.install(child) }
        self.program = try PlainSocket(.udp, isIPv6: false, in: self.wire.near)
        try self.program.bind(Wire.Addresses.near.inner4, 7_000)
        self.program.connect(Wire.Addresses.far.inner4, 7_001)
    }

    var plane: UserspaceDataPlane { self.site.plane }

    /// The next packet that the near host sends when its program says something.
    func say(_ byte: UInt8 = 1) -> Peer.Arrival? {
        self.program.send([byte])
        return self.peer.receive()
    }

    /// Statistics once `condition` holds, or what they are in the end.
    func statistics(
        of child: ChildSASpec? = nil, until condition: (SAStatistics, SAStatistics) -> Bool = { _, _ in true }
    ) throws -> (inbound: SAStatistics, outbound: SAStatistics) {
        _ = try eventually {
            let now = try self.plane.statistics(child ?? self.child)
            return condition(now.inbound, now.outbound)
        }
        return try self.plane.statistics(child ?? self.child)
    }
}
