internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import XFRM

/// From traffic selectors to the kernel's prefixes and masks.
@Suite struct PolicyTests {
    @Test func `a range of ports becomes masked ports`() throws {
        let selectors = try #require(
            KernelSelector.selectors(
                from: try selector("10.1.0.0/16", ipProtocol: 17, ports: .range(1_000...1_003)),
                to: try selector("10.2.0.0/16"), atMost: 64))
        // 1000 is a multiple of 8: one block of four.
        #expect(selectors.map(\.sourcePort) == [MaskedPort(value: 1_000, mask: 0xfffc)])
        #expect(selectors.map(\.destinationPort) == [.any])
        #expect(selectors.map(\.ipProtocol) == [17])
    }

    @Test func `OPAQUE ports are port zero, which packets without a port have in the kernel`() throws {
        let selectors = KernelSelector.selectors(
            from: try selector("10.1.0.0/16", ipProtocol: 17, ports: .opaque),
            to: try selector("10.2.0.0/16", ipProtocol: 17), atMost: 64)
        #expect(selectors?.map(\.sourcePort) == [MaskedPort(value: 0, mask: 0xffff)])
    }

    @Test func `a range of ICMP types is masked where the type is`() throws {
        // Types 8 to 11, any code.
        let ports = PortSelector.range(0x0800...0x0bff)
        let selectors = KernelSelector.selectors(
            from: try selector("10.1.0.0/16", ipProtocol: 1, ports: ports),
            to: try selector("10.2.0.0/16", ipProtocol: 1, ports: ports), atMost: 64)
        #expect(selectors?.map(\.sourcePort) == [MaskedPort(value: 8, mask: 0xfc)])
        #expect(selectors?.map(\.destinationPort) == [.any])
    }

    @Test func `selectors with nothing in common make no policy`() throws {
        let v4 = try selector("10.1.0.0/16")
        let v6 = try selector("2001:db8::/32")
        #expect(KernelSelector.selectors(from: v4, to: v6, atMost: 64)?.isEmpty == true)
        let tcp = try selector("10.1.0.0/16", ipProtocol: 6)
        let udp = try selector("10.2.0.0/16", ipProtocol: 17)
        #expect(KernelSelector.selectors(from: tcp, to: udp, atMost: 64)?.isEmpty == true)
    }

    @Test func `each pair of networks has a policy for packets from us, for us and through us`() throws {
        let child = try child(
            local: [try selector("10.1.0.0/16"), try selector("2001:db8:1::/48")],
            remote: [try selector("10.2.0.0/16"), try selector("10.3.0.0/16")])
        let policies = try KernelPolicy.policies(for: child, on: child.path)
        #expect(policies.count == 6)
        let out = policies.filter { $0.direction == .outbound }
        #expect(
            out.map { "\($0.selector)" } == ["10.1.0.0/16 to 10.2.0.0/16", "10.1.0.0/16 to 10.3.0.0/16"])
        #expect(out.allSatisfy { $0.template.destination == child.path.remote.address })
        for direction in [KernelPolicy.Direction.inbound, .forward] {
            let back = policies.filter { $0.direction == direction }
            #expect(
                back.map { "\($0.selector)" } == ["10.2.0.0/16 to 10.1.0.0/16", "10.3.0.0/16 to 10.1.0.0/16"])
            #expect(back.allSatisfy { $0.template.source == child.path.remote.address })
        }
    }

    @Test func `too many policies are a fault that says so`() throws {
        let ugly = TrafficSelector(addresses: try range("10.0.0.1", "10.255.255.254"))
        let child = try child(local: [ugly], remote: [ugly])
        let fault = #expect(throws: KernelFault.self) {
            try KernelPolicy.policies(for: child, on: child.path)
        }
        #expect(fault?.text.contains("more than 64") == true)
    }

    @Test func `many small pairs are bounded as well`() throws {
        let networks = try (0..<9).map { try selector("10.\($0).0.0/16") }
        let child = try child(local: networks, remote: networks)
        #expect(throws: KernelFault.self) { try KernelPolicy.policies(for: child, on: child.path) }
    }

    /// From the one that must win to the one that must lose.
    @Test func `the narrower policy comes before the wider`() throws {
        func priority(
            _ source: String, _ destination: String, _ ipProtocol: UInt8 = 0, _ port: MaskedPort = .any
        ) throws -> UInt32 {
            KernelPolicy.priority(
                of: KernelSelector(
                    source: try #require(IPPrefix(source)), destination: try #require(IPPrefix(destination)),
                    ipProtocol: ipProtocol, sourcePort: port, destinationPort: .any))
        }
        let inOrder = [
            try priority("10.1.2.3/32", "10.2.0.0/16"),
            try priority("10.1.0.0/24", "10.2.0.0/16", 6, MaskedPort(value: 443, mask: 0xffff)),
            try priority("10.1.0.0/24", "10.2.0.0/16", 6, MaskedPort(value: 0, mask: 0xff00)),
            try priority("10.1.0.0/24", "10.2.0.0/16", 6),
            try priority("10.1.0.0/24", "10.2.0.0/16"),
            try priority("10.1.0.0/16", "10.2.0.0/16"),
            try priority("0.0.0.0/0", "0.0.0.0/0"),
        ]
        #expect(inOrder == inOrder.sorted() && Set(inOrder).count == inOrder.count)
        let narrowest = try priority("::1/128", "::2/128", 6, MaskedPort(value: 1, mask: 0xffff))
        #expect(narrowest > 0 && narrowest < inOrder[0])
    }

    @Test func `a moved policy names the new addresses on the side that is theirs`() throws {
        let child = try child(local: [try selector("10.1.0.0/16")], remote: [try selector("10.2.0.0/16")])
        let path = try route("192.0.2.99", "198.51.100.99")
        for policy in try KernelPolicy.policies(for: child, on: child.path) {
            let moved = policy.moved(to: path)
            let ends = [moved.template.source, moved.template.destination]
            let expected = [path.local.address, path.remote.address]
            #expect(ends == (policy.direction == .outbound ? expected : expected.reversed()))
            #expect(moved.selector == policy.selector && moved.priority == policy.priority)
        }
    }

    @Test func `the host's settings that defeat a tunnel are named`() {
        let none = KernelDataPlane.warnings { $0.contains("forward") ? 1 : 0 }
        #expect(none.isEmpty)
        let some = KernelDataPlane.warnings { $0.contains("forward") ? 0 : 1 }
        #expect(some.count == 5)
        #expect(some[0].hasPrefix("net.ipv4.ip_forward is 0: "))
        #expect(KernelDataPlane.warnings { _ in nil }.isEmpty)
    }
}
