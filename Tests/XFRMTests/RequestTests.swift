internal import IPsecModel
internal import LinuxIO
internal import Netlink
internal import Testing

@testable internal import XFRM

/// Our requests against those that iproute2 makes of the same wishes.
@Suite struct RequestTests {
    let vectors: VectorFile

    init() throws {
        self.vectors = try VectorFile("iproute2-requests")
    }

    /// Type and payload are iproute2's.
    private func expect(
        _ request: NetlinkRequest, is name: String, upTo count: Int? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let fields = try #require(self.vectors.all(name).first, sourceLocation: sourceLocation)
        let expected = try fromHex(fields[1])
        #expect(request.type.rawValue == UInt16(fields[0]), sourceLocation: sourceLocation)
        let wanted = Array(expected.prefix(count ?? expected.count))
        #expect(hexadecimal(request.payload) == hexadecimal(wanted), sourceLocation: sourceLocation)
    }

    private func outbound(_ child: ChildSASpec) -> KernelState {
        KernelState(outboundOf: child, on: child.path)
    }

    private func inbound(_ child: ChildSASpec) -> KernelState {
        KernelState(inboundOf: child, on: child.path)
    }

    @Test func `a sending state of AES-256-GCM in UDP with limits of time`() throws {
        let child = try child(
            bits: 256, path: route(inUDP: true),
            lifetime: Lifetime(rekey: .seconds(3_300), hard: .milliseconds(3_960_900), jitter: .seconds(9)))
        try self.expect(try self.outbound(child).request(.newSA), is: "outbound-gcm256-udp")
    }

    @Test func `a sending state with limits of bytes and packets`() throws {
        var child = try child(
            lifetime: Lifetime(rekey: .milliseconds(1), hard: .seconds(2), jitter: .zero))
        child.bytes = VolumeLimit(rekey: 1_000_000, hard: 2_000_000)
        child.packets = VolumeLimit(rekey: 3_000, hard: 4_000)
        try self.expect(try self.outbound(child).request(.newSA), is: "outbound-gcm128-limits")
    }

    @Test func `a sending state of ChaCha20-Poly1305 over IPv6 in UDP`() throws {
        let child = try child(
            .chacha20Poly1305, bits: 256, path: route("2001:db8::1", "2001:db8:0:7::2", inUDP: true))
        try self.expect(try self.outbound(child).request(.newSA), is: "outbound-chacha-v6-udp")
    }

    @Test func `a receiving state that takes the place of the reserved one, with a window of 1024`() throws {
        let child = try child(
            .aesCBC, integrity: .hmacSHA256, window: 1_024, path: route(inUDP: true, reversed: true))
        try self.expect(try self.inbound(child).request(.updateSA), is: "inbound-update-cbc-sha256")
    }

    @Test(arguments: [
        (IntegrityAlgorithm.hmacSHA384, UInt32(32), "inbound-cbc-sha384"),
        (IntegrityAlgorithm.hmacSHA512, UInt32(33), "inbound-cbc-sha512"),
    ])
    func `HMAC with its own key and truncation, with either form of the window`(
        integrity: IntegrityAlgorithm, window: UInt32, name: String
    ) throws {
        let child = try child(
            .aesCBC, bits: 256, integrity: integrity, window: window, path: route(reversed: true))
        try self.expect(try self.inbound(child).request(.newSA), is: name)
    }

    @Test func `a receiving state with extended sequence numbers`() throws {
        let child = try child(numbers: .extended, window: 64, path: route(reversed: true))
        try self.expect(try self.inbound(child).request(.newSA), is: "inbound-gcm128-esn")
    }

    /// iproute2 adds XFRMA_SRCADDR, which the kernel reads for protocols without an SPI only.
    @Test(arguments: [
        (XFRMMessageType.deleteSA, "198.51.100.7", "delete"), (.deleteSA, "2001:db8:0:7::2", "delete-v6"),
        (.getSA, "198.51.100.7", "get"),
    ])
    func `a state is named by SPI and destination`(
        type: XFRMMessageType, destination: String, name: String
    ) throws {
        let identifier = SAIdentifier(spi: ESPSPI(0xc123_4567), destination: try address(destination))
        try self.expect(KernelState.request(type, identifier), is: name, upTo: 24)
    }

    @Test func `an SPI is asked for in the range that other implementations use`() throws {
        let request = KernelState.allocation(
            local: try address("198.51.100.7"), remote: try address("192.0.2.1"), reqid: 0x4356_0001)
        let wanted = try #require(try self.vectors.bytes("allocspi").first)
        try self.expect(request, is: "allocspi", upTo: wanted.count)
    }

    private func policy(
        _ direction: KernelPolicy.Direction, from source: String, to destination: String,
        ipProtocol: UInt8 = 0, sourcePort: MaskedPort = .any, destinationPort: MaskedPort = .any
    ) throws -> KernelPolicy {
        let near = try address("192.0.2.1")
        let far = try address("198.51.100.7")
        let isOutbound = direction == .outbound
        return KernelPolicy(
            direction: direction,
            selector: KernelSelector(
                source: try #require(IPPrefix(source)), destination: try #require(IPPrefix(destination)),
                ipProtocol: ipProtocol, sourcePort: sourcePort, destinationPort: destinationPort),
            priority: 1_000,
            template: KernelPolicy.Template(
                source: isOutbound ? near : far, destination: isOutbound ? far : near, reqid: 0x4356_0001))
    }

    private static func port(_ number: UInt16) -> MaskedPort { MaskedPort(value: number, mask: 0xffff) }

    @Test func `a policy for packets to the peer`() throws {
        let policy = try self.policy(.outbound, from: "10.1.0.0/16", to: "10.2.3.0/24")
        try self.expect(policy.request(.newPolicy), is: "policy-out")
    }

    @Test func `a policy for packets of one TCP port from the peer, and its deletion`() throws {
        let policy = try self.policy(
            .inbound, from: "10.2.3.0/24", to: "10.1.0.0/16", ipProtocol: 6, sourcePort: Self.port(443))
        try self.expect(policy.request(.newPolicy), is: "policy-in-tcp")
        try self.expect(policy.deletion(), is: "policy-delete")
    }

    @Test func `a policy for packets through us, replaced`() throws {
        let policy = try self.policy(.forward, from: "10.2.3.0/24", to: "10.1.0.0/16")
        try self.expect(policy.request(.updatePolicy), is: "policy-fwd-update")
    }

    @Test func `a policy for IPv6 packets in a tunnel over IPv4`() throws {
        let policy = try self.policy(
            .outbound, from: "2001:db8:1::/48", to: "2001:db8:2::/48", ipProtocol: 17,
            destinationPort: Self.port(53))
        try self.expect(policy.request(.newPolicy), is: "policy-out-v6-in-v4")
    }

    @Test func `a policy for ICMP has the type where the source port is and the code where the other is`()
        throws
    {
        let echo = TrafficSelectorCase.echo
        let selectors = try #require(
            KernelSelector.selectors(
                from: try selector("10.1.0.0/16", ipProtocol: 1, ports: echo),
                to: try selector("10.2.3.0/24", ipProtocol: 1, ports: .any), atMost: 4))
        var policy = try self.policy(.outbound, from: "10.1.0.0/16", to: "10.2.3.0/24")
        policy.selector = try #require(selectors.first)
        #expect(selectors.count == 1)
        try self.expect(policy.request(.newPolicy), is: "policy-out-icmp")
    }

    private enum TrafficSelectorCase {
        /// Echo request, type 8 code 0 (RFC 7296 §3.13.1: type × 256 + code).
        static let echo = PortSelector.range(0x0800...0x0800)
    }
}
