internal import ArgumentParser
internal import CryptoIPsecMB
internal import CryptoOpenSSL
internal import IPsecModel
internal import LinuxIO
internal import UserspaceESP

/// One CHILD_SA of the user-space engine, from start to SIGTERM.
struct Tunnel {
    private let options: TunnelOptions

    init(_ options: TunnelOptions) {
        self.options = options
    }

    func run() throws {
        if self.options.selfbench {
            return try SelfBench(try self.provider(), try self.options.template()).run()
        }
        Signals.holdAwaited()
        let child = try self.options.child()
        let (plane, interface) = try self.open(child)
        try plane.installInbound(child)
        try plane.installOutbound(child)
        try plane.installPolicies(child)
        if let mtu = self.options.mtu { try interface.setMTU(mtu) }
        try plane.start()
        StandardOutput.write(line: "ready \(plane.description)")
        while Signals.next() == .user { try self.report(plane, child) }
        try self.report(plane, child)
        try plane.removeEverything()
        plane.stop()
    }

    private func open(_ child: ChildSASpec) throws -> (UserspaceDataPlane, TunnelInterface) {
        let tun = try TunDevice(
            name: try self.options.deviceName(), allowing: self.options.noOffload ? [] : .all)
        let interface = try TunnelInterface(tun)
        let bound = try IKESocket(bindingTo: child.path.local, role: [])
        let family = child.path.local.address.family
        let mark = TunnelInterface.mark
        var sockets = [
            try PacketSocket(sharing: bound, mark: mark, allowing: self.options.noOffload ? [] : .all)
        ]
        if self.options.bare { sockets.append(try PacketSocket(rawESP: family, mark: mark)) }
        for sentence in tun.missing + sockets.flatMap(\.missing) { StandardOutput.write(line: sentence) }
        let plane = try UserspaceDataPlane(
            interface, sockets: TunnelSockets(sockets), provider: try self.provider())
        return (plane, interface)
    }

    private func provider() throws -> any ESPTransformProvider {
        let reference = OpenSSLProvider()
        switch self.options.provider {
        case "openssl": return reference
        case "ipsec-mb":
            return PreferredTransforms(try IPsecMBProvider(checkedAgainst: reference), otherwise: reference)
        case "auto": return IPsecMBProvider.choice(over: reference).provider
        default: throw ValidationError("'\(self.options.provider)' is none of openssl, ipsec-mb, auto")
        }
    }

    private func report(_ plane: UserspaceDataPlane, _ child: ChildSASpec) throws {
        let (inbound, outbound) = try plane.statistics(child)
        var words = [
            "packets_in=\(inbound.packets)", "bytes_in=\(inbound.bytes)", "packets_out=\(outbound.packets)",
            "bytes_out=\(outbound.bytes)", "late=\(inbound.late)", "replayed=\(inbound.replayed)",
            "bad_icv=\(inbound.badICV)", "sequence_in=\(inbound.sequenceNumber)",
            "sequence_out=\(outbound.sequenceNumber)",
        ]
        words += plane.drops.snapshot.map { "dropped_\($0.key.name)=\($0.value)" }.sorted()
        StandardOutput.write(line: words.joined(separator: " "))
    }
}
