internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// Packets that do not fit the tunnel, although the kernel was told its MTU.
@Suite(.serialized) struct TooBigTests {
    /// The routes are made too wide, so that the kernel hands over what does not fit.
    private static func widened(tunOffloads: TunDevice.Offloads = .all) throws -> Bench {
        let bench = try Bench(tunOffloads: tunOffloads)
        let (tun, far) = (bench.site.tun.name, Wire.Addresses.far)
        try bench.wire.near.ip("link set \(tun) mtu 4000")
        for (address, own) in [
            (far.inner4, Wire.Addresses.near.inner4), (far.inner6, Wire.Addresses.near.inner6),
        ] {
            try bench.wire.near.ip(
                "route replace \(address) dev \(tun) src \(own) table 17238 proto 67 mtu 4000")
        }
        return bench
    }

    /// Outer IPv4, UDP, ESP, IV, ICV and trailer around AES-GCM (RFC 4106): what of 1,500 bytes is left inside, with a
    /// trailer that ends at a multiple of four.
    private static let limit = 1_500 - 20 - 8 - 8 - 8 - 16 - 2

    @Test(arguments: [false, true])
    func `who must not be fragmented hears the tunnel's MTU`(isIPv6: Bool) throws {
        let bench = try Self.widened()
        let program = try PlainSocket(.udp, isIPv6: isIPv6, in: bench.wire.near)
        program.connect(isIPv6 ? Wire.Addresses.far.inner6 : Wire.Addresses.far.inner4, 7_001)
        program.setDontFragment(true)
        #expect(program.send([UInt8](repeating: 1, count: 3_000)) == 3_000)
        #expect(eventually { program.pathMTU == Self.limit }, "\(program.pathMTU)")
        #expect(bench.site.dropped(.tooBig) == 1)
        #expect(program.send([UInt8](repeating: 1, count: 3_000)) == -Int(Errno.messageTooLong))
        #expect(bench.peer.receive(milliseconds: 20) == nil)
        let fitting = Self.limit - (isIPv6 ? 48 : 28)
        while program.send([UInt8](repeating: 1, count: fitting)) < 0 { rest() }
        let arrival = try #require(bench.peer.receive())
        #expect(bench.peer.open(arrival)?.count == Self.limit)
    }

    @Test func `who may be fragmented is, before sealing`() throws {
        let bench = try Self.widened()
        bench.program.setDontFragment(false)
        let data = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        bench.program.send(data)
        var payload: [UInt8] = []
        for _ in 0..<3 {
            let arrival = try #require(bench.peer.receive())
            #expect(arrival.bytes.count + 28 <= 1_500)
            let fragment = try #require(bench.peer.open(arrival))
            #expect((Int(fragment[6]) << 8 | Int(fragment[7])) & 0x1fff == payload.count / 8)
            #expect(Packets.checksum(Array(fragment[..<20])) == 0)
            payload += fragment[20...]
        }
        #expect(Array(payload.dropFirst(8)) == data)
        #expect(bench.peer.receive(milliseconds: 20) == nil)
    }

    @Test func `all of a large packet of the kernel's is fragmented, not only its first datagram`() throws {
        let bench = try Self.widened()
        try #require(bench.site.tun.offloads.contains(.uso))
        bench.program.setDontFragment(false)
        bench.program.setSegmentSize(2_000)
        bench.program.send([UInt8](repeating: 1, count: 6_000))
        // Two fragments for each of the three.
        let lengths = (0..<6).map { _ in bench.peer.receive().flatMap { bench.peer.open($0) }?.count ?? 0 }
        let (data, udpHeaders, ipHeaders) = (6_000, 3 * 8, 6 * 20)
        let total = data + udpHeaders + ipHeaders
        #expect(lengths.reduce(0, +) == total)
    }

    @Test func `fragments are put together behind the other engine`() throws {
        let wire = try Wire()
        let child = try Child.near()
        let (near, far) = (try Site(wire.near), try Site(wire.far))
        try near.install(child)
        try far.install(child.reversed)
        try wire.near.ip("link set \(near.tun.name) mtu 9000")
        try wire.near.ip(
            "route replace \(Wire.Addresses.far.inner4) dev \(near.tun.name) src \(Wire.Addresses.near.inner4) "
                + "table 17238 proto 67 mtu 9000")
        let sender = try PlainSocket(.udp, isIPv6: false, in: wire.near)
        let receiver = try PlainSocket(.udp, isIPv6: false, in: wire.far)
        try receiver.bind(Wire.Addresses.far.inner4, 7_001)
        sender.connect(Wire.Addresses.far.inner4, 7_001)
        sender.setDontFragment(false)
        let data = (0..<8_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        sender.send(data)
        #expect(receiver.receive() == data)
        #expect(far.dropped(.malformedESP) == 0)
    }

    @Test func `a SYN's maximum segment size is lowered on its way out`() throws {
        let bench = try Self.widened()
        let tcp = try PlainSocket(.tcp, isIPv6: false, in: bench.wire.near)
        tcp.connect(Wire.Addresses.far.inner4, 80)
        let syn = try #require(bench.peer.receive().flatMap { bench.peer.open($0) })
        #expect(syn[9] == 6 && syn[33] == 0x02 && syn[40] == 2 && syn[41] == 4)
        #expect(Int(syn[42]) << 8 | Int(syn[43]) == Self.limit - 40)
        let pseudo = Array(syn[12..<20]) + [0, 6, 0, UInt8(syn.count - 20)]
        #expect(Packets.checksum(pseudo + syn[20...]) == 0)
    }

    @Test func `a SYN's maximum segment size is lowered on its way in`() throws {
        let bench = try Self.widened()
        let listener = try PlainSocket(.tcp, isIPv6: false, in: bench.wire.near)
        try listener.bind(Wire.Addresses.near.inner4, 80)
        listener.listen()
        let (near, far) = (Wire.Addresses.near.inner4, Wire.Addresses.far.inner4)
        bench.peer.send(
            bench.peer.seal(try Packets.syn(from: far, to: near, port: 80, mss: 3_960)), to: bench.child.path)
        let answer = try #require(bench.peer.receive().flatMap { bench.peer.open($0) })
        // SYN and ACK.
        #expect(answer[33] == 0x12)
        let acknowledgment = try Packets.acknowledgment(of: answer)
        bench.peer.send(bench.peer.seal(acknowledgment), to: bench.child.path)
        let accepted = try listener.accept()
        #expect(accepted.maximumSegmentSize == Self.limit - 40)
    }
}
