internal import ArgumentParser
internal import CAllocationCount
internal import IPsecModel
internal import LinuxIO
internal import Routing
internal import UserspaceESP

/// What many CHILD_SAs cost the whole engine: SAs, ciphers and tables, and the books of senders, routes and addresses.
///
/// Runs in a network namespace of its own and needs root. Each CHILD_SA is another peer's, which is what takes most.
struct EngineBench {
    private let provider: any ESPTransformProvider
    private let template: ChildSASpec

    /// Bytes of the replay window's bits, with the header of the array.
    private static let windowBytes = 32 * 8 + 32
    /// The interface that every namespace has.
    private static let loopback: UInt32 = 1

    /// A bench with this cipher library, for CHILD_SAs like `template`.
    init(_ provider: any ESPTransformProvider, _ template: ChildSASpec) {
        self.provider = provider
        self.template = template
    }

    /// Bytes of memory and seconds of installation of each of `count` CHILD_SAs, the replay window not counted.
    func measure(_ count: Int) throws -> (bytes: Double, seconds: Double) {
        try NetworkNamespace.unshare()
        // Our address in the network behind us: routes then name it as source, and the device gets it.
        try RoutingSocket().add(Self.address(0x0a01_0001), interface: Self.loopback)
        let plane = try UserspaceDataPlane(
            try TunnelInterface(try TunDevice(name: "bench")), sockets: TunnelSockets([]),
            provider: self.provider)
        // What is there once, whatever the number.
        try self.install(0, on: plane)
        let (heap, begin) = (allocated_bytes(), Host.now)
        for number in 1...count { try self.install(number, on: plane) }
        let seconds = Double(Host.now.since(begin).wholeNanoseconds) / 1e9
        let bytes = Double(allocated_bytes() - heap) / Double(count) - Double(Self.windowBytes)
        guard try plane.statistics(try self.child(count)).inbound.packets == 0 else {
            throw ValidationError("a CHILD_SA has carried packets that nobody sent")
        }
        return (bytes, seconds / Double(count))
    }

    private func install(_ number: Int, on plane: UserspaceDataPlane) throws {
        let child = try self.child(number)
        try plane.installInbound(child)
        try plane.installOutbound(child)
        try plane.installPolicies(child)
    }

    private func child(_ number: Int) throws -> ChildSASpec {
        var child = self.template
        let number = UInt32(truncatingIfNeeded: number)
        child.reqid = ReqID.range.lowerBound + number
        child.inboundSPI = ESPSPI(0xc000_0000 + number)
        // Peers choose theirs at random.
        child.outboundSPI = ESPSPI(number &* 0x9e37_79b1 | 0x100)
        child.path.remote = Endpoint(Self.address(0xc612_0000 + number), child.path.remote.port)
        child.localSelectors = [TrafficSelector(try Self.prefix(0x0a01_0000, length: 24))]
        child.remoteSelectors = [TrafficSelector(try Self.prefix(0x0b00_0000 + number << 8, length: 24))]
        return child
    }

    private static func address(_ number: UInt32) -> IPAddress { .v4(IPv4Address(bits: number)) }

    private static func prefix(_ number: UInt32, length: Int) throws -> IPPrefix {
        guard let prefix = IPPrefix(self.address(number), length: length) else {
            throw ValidationError("an address has 32 bits")
        }
        return prefix
    }
}
