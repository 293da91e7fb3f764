internal import CryptoOpenSSL
internal import IPsecModel
internal import LinuxIO

@testable internal import UserspaceESP

/// A host whose ESP the engine carries.
final class Site {
    let host: Namespace
    let plane: UserspaceDataPlane
    let interface: TunnelInterface
    let tun: TunDevice
    /// IKE's socket on 4500, by family.
    let ike: [IKESocket]

    /// The engine on `host`, at work.
    init(
        _ host: Namespace, tunOffloads: TunDevice.Offloads = .all, offloads: PacketSocket.Offloads = .all,
        starting: Bool = true
    ) throws {
        self.host = host
        (self.tun, self.interface, self.ike, self.plane) = try host.run {
            let tun = try TunDevice(name: "culvert%d", allowing: tunOffloads)
            let interface = try TunnelInterface(tun)
            let mark = TunnelInterface.mark
            var ike: [IKESocket] = []
            var packets: [PacketSocket] = []
            for family in [AddressFamily.v4, .v6] {
                let bound = try IKESocket(bindingTo: Endpoint(family.unspecified, Child.port), role: [])
                ike.append(bound)
                packets.append(try PacketSocket(sharing: bound, mark: mark, allowing: offloads))
                packets.append(try PacketSocket(rawESP: family, mark: mark))
            }
            let plane = try UserspaceDataPlane(
                interface, sockets: TunnelSockets(packets), provider: OpenSSLProvider())
            return (tun, interface, ike, plane)
        }
        if starting { try self.plane.start() }
    }

    deinit { self.plane.stop() }

    /// Inbound, outbound, policies.
    func install(_ child: ChildSASpec) throws {
        try self.host.run {
            try self.plane.installInbound(child)
            try self.plane.installOutbound(child)
            try self.plane.installPolicies(child)
        }
    }

    func move(_ children: [ChildSASpec], to path: Path) throws {
        try self.host.run { try self.plane.move(children, to: path) }
    }

    func dropped(_ reason: DropReason) -> UInt64 { self.plane.drops.snapshot[reason] ?? 0 }
}
