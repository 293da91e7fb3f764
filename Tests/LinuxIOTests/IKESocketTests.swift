internal import IPsecModel
internal import Testing

@testable internal import LinuxIO

/// Sockets on the loopback interface.
@Suite struct IKESocketTests {
    private static let loopback4 = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    private static let loopback6 = IPAddress.v6(IPv6Address(bits: 1))

    /// What arrives within the poller's patience, by asking again: the loopback delivers before `send` returns.
    private func received(_ socket: IKESocket) throws -> [IKESocket.Datagram] {
        var batch: [IKESocket.Datagram] = []
        try socket.receive(into: &batch)
        return batch
    }

    @Test(arguments: [loopback4, loopback6])
    func `a datagram says where it came from and where it was sent to`(address: IPAddress) throws {
        let all = try IKESocket(bindingTo: Endpoint(address.family.unspecified, 0), role: [])
        let one = try IKESocket(bindingTo: Endpoint(address, 0), role: [])
        try one.send([1, 2, 3], from: one.localEndpoint, to: Endpoint(address, all.localEndpoint.port))
        let datagrams = try self.received(all)
        #expect(
            datagrams == [
                IKESocket.Datagram(
                    bytes: [1, 2, 3], from: one.localEndpoint, to: Endpoint(address, all.localEndpoint.port))
            ])
    }

    @Test func `an answer leaves from the address that the request was sent to`() throws {
        let server = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, 0), role: [])
        let client = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        // All of 127.0.0.0/8 is ours.
        let other = Endpoint(.v4(IPv4Address(127, 9, 8, 7)), server.localEndpoint.port)
        try client.send([1], from: client.localEndpoint, to: other)
        let request = try #require(try self.received(server).first)
        #expect(request.to == other)
        try server.send([2], from: request.to, to: request.from)
        #expect(try self.received(client).map(\.from) == [other])
    }

    @Test func `without a source address the kernel chooses one`() throws {
        let server = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, 0), role: [])
        let client = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        try server.send([2], from: server.localEndpoint, to: client.localEndpoint)
        #expect(try self.received(client).map(\.from.address) == [Self.loopback4])
    }

    @Test func `an empty socket gives nothing and does not wait`() throws {
        let socket = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        #expect(try self.received(socket).isEmpty)
    }

    @Test(arguments: [loopback4, loopback6])
    func `an ICMP error for an earlier packet stops neither what comes nor what goes`(address: IPAddress)
        throws
    {
        let socket = try IKESocket(bindingTo: Endpoint(address.family.unspecified, 0), role: [])
        let own = Endpoint(address, socket.localEndpoint.port)
        // A port that was somebody's a moment ago: the loopback answers at once that it is unreachable.
        let closed = try { try IKESocket(bindingTo: Endpoint(address, 0), role: []).localEndpoint }()
        for number in 1...3 as ClosedRange<UInt8> {
            try socket.send([0], from: own, to: closed)
            try socket.send([number], from: own, to: own)
            #expect(try self.received(socket).map(\.bytes) == [[number]])
        }
    }

    @Test(arguments: [0, 1, 60_000])
    func `datagrams of all sizes arrive whole`(count: Int) throws {
        let socket = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        try socket.send(bytes, from: socket.localEndpoint, to: socket.localEndpoint)
        #expect(try self.received(socket).map(\.bytes) == [bytes])
    }

    @Test func `one call takes no more than it was told to`() throws {
        let socket = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        for number in 0..<5 {
            try socket.send([UInt8(number)], from: socket.localEndpoint, to: socket.localEndpoint)
        }
        var batch: [IKESocket.Datagram] = []
        try socket.receive(into: &batch, atMost: 3)
        #expect(batch.map(\.bytes) == [[0], [1], [2]])
        try socket.receive(into: &batch, atMost: 3)
        #expect(batch.count == 5)
    }

    @Test(arguments: [loopback4, loopback6])
    func `a busy port is an error with a sentence`(address: IPAddress) throws {
        let first = try IKESocket(bindingTo: Endpoint(address.family.unspecified, 0), role: [])
        let busy = Endpoint(address.family.unspecified, first.localEndpoint.port)
        let fault = #expect(throws: IOFault.self) { try IKESocket(bindingTo: busy, role: []) }
        #expect(fault?.errno == Errno.addressInUse)
        #expect(fault?.text.contains("already in use") == true)
        #expect(fault?.text.contains("\(busy.port)") == true)
    }

    @Test func `IPv4 and IPv6 sockets share a port`() throws {
        let v6 = try IKESocket(bindingTo: Endpoint(AddressFamily.v6.unspecified, 0), role: [])
        let port = v6.localEndpoint.port
        let v4 = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, port), role: [])
        try v4.send([7], from: v4.localEndpoint, to: Endpoint(Self.loopback4, port))
        #expect(try self.received(v6).isEmpty)
        #expect(try self.received(v4).count == 1)
    }

    @Test func `an address of another host is an error with a sentence`() throws {
        let foreign = Endpoint(.v4(IPv4Address(192, 0, 2, 1)), 0)
        let fault = #expect(throws: IOFault.self) { try IKESocket(bindingTo: foreign, role: []) }
        #expect(fault?.text == "192.0.2.1 is not an address of this host")
    }

    @Test func `a socket that takes ESP leaves us what has a non-ESP marker`() throws {
        // RFC 3948 §2.2; what does not begin with four zero bytes is ESP and goes to the kernel.
        let gateway = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [.takesESP])
        let peer = try IKESocket(bindingTo: Endpoint(Self.loopback4, 0), role: [])
        let esp = [UInt8](repeating: 0xab, count: 64)
        let ike = [0, 0, 0, 0] + [UInt8](repeating: 0xcd, count: 64)
        for bytes in [esp, [0xff], ike] {
            try peer.send(bytes, from: peer.localEndpoint, to: gateway.localEndpoint)
        }
        #expect(try self.received(gateway).map(\.bytes) == [ike])
    }

    @Test(.enabled(if: Host.hasNetworkAdministration), arguments: [loopback4, loopback6])
    func `the bypass policies are accepted by the kernel`(address: IPAddress) throws {
        _ = try IKESocket(bindingTo: Endpoint(address, 0), role: [.bypassesPolicies])
    }

    @Test func `a bypass policy has the size and the fields of linux xfrm`() {
        // struct xfrm_userpolicy_info: 168 bytes; sel.family at 40, dir at 160, action at 161.
        let policy = SocketPolicy.allow(.outbound, family: .v6)
        #expect(policy.count == 168)
        #expect(policy.indices.filter { policy[$0] != 0 } == [40, 160])
        #expect(policy[40] == 10 && policy[160] == 1)
    }
}
