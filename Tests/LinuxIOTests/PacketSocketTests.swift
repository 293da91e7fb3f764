internal import IPsecModel
internal import Testing

@testable internal import LinuxIO

/// Memory for packets, and a socket's functions with arrays, for tests.
struct Received: Hashable {
    let bytes: [UInt8]
    let segmentSize: Int
    let source: Endpoint
    let destination: Endpoint
    let trafficClass: UInt8
    let isTruncated: Bool
}

extension PacketSocket {
    /// All that is there, or −errno.
    func receiveAll(slotSize: Int = 65_536, slots count: Int = 20) -> (result: Int, slots: [Received]) {
        var memory = [UInt8](repeating: 0xee, count: slotSize * count)
        var slots = [ReceivedSlot](repeating: ReceivedSlot(), count: count)
        var span = memory.mutableSpan
        var slotSpan = slots.mutableSpan
        let result = self.receive(into: &span, slotSize: slotSize, slots: &slotSpan)
        return (
            result,
            slots.prefix(max(0, result)).map {
                Received(
                    bytes: Array(memory[$0.offset..<($0.offset + $0.count)]), segmentSize: $0.segmentSize,
                    source: $0.source.endpoint, destination: $0.destination.endpoint,
                    trafficClass: $0.trafficClass, isTruncated: $0.isTruncated)
            }
        )
    }

    /// `send` of a whole array, or `sendSingly`.
    func send(
        _ bytes: [UInt8], segmentSize: Int = .max, from: Endpoint? = nil, to: Endpoint,
        trafficClass: UInt8 = 0,
        singly: Bool = false
    ) -> SendResult {
        let source = PackedEndpoint(from ?? Endpoint(to.address.family.unspecified, 0))
        let destination = PackedEndpoint(to)
        return singly
            ? self.sendSingly(
                bytes.span, 0..<bytes.count, segmentSize: segmentSize, from: source, to: destination,
                trafficClass: trafficClass)
            : self.send(
                bytes.span, 0..<bytes.count, segmentSize: segmentSize, from: source, to: destination,
                trafficClass: trafficClass)
    }
}

/// `count` bytes, no two segments of which are alike.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &* 7) }
}

/// UDP on the loopback interface.
@Suite struct PacketSocketTests {
    private static let loopback4 = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    private static let loopback6 = IPAddress.v6(IPv6Address(bits: 1))

    private func socket(
        _ address: IPAddress, allowing allowed: PacketSocket.Offloads = .all
    ) throws -> (packets: PacketSocket, ike: IKESocket) {
        let ike = try IKESocket(bindingTo: Endpoint(address, 0), role: [])
        return (try PacketSocket(sharing: ike, allowing: allowed), ike)
    }

    @Test(arguments: [loopback4, loopback6])
    func `64 segments leave as one and arrive as one`(address: IPAddress) throws {
        let (sender, from) = try self.socket(address)
        let (receiver, to) = try self.socket(address)
        #expect(sender.offloads == .all && receiver.offloads == .all)
        let bytes = pattern(64 * 1000 - 10)
        let sent = sender.send(bytes, segmentSize: 1000, to: to.localEndpoint)
        #expect(sent == SendResult(datagrams: 64, errno: 0))
        let received = receiver.receiveAll()
        #expect(
            received.slots == [
                Received(
                    bytes: bytes, segmentSize: 1000, source: from.localEndpoint,
                    destination: to.localEndpoint,
                    trafficClass: 0, isTruncated: false)
            ])
    }

    @Test func `without GRO each datagram arrives by itself`() throws {
        let (sender, _) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4, allowing: .gso)
        #expect(receiver.offloads == .gso)
        #expect(receiver.missing.count { $0.contains("switched off: UDP GRO") } == 1)
        let bytes = pattern(3 * 500 + 7)
        #expect(sender.send(bytes, segmentSize: 500, to: to.localEndpoint).errno == 0)
        // More than one call's worth of slots would be needed for more than 16.
        let received = receiver.receiveAll().slots
        #expect(received.map(\.segmentSize) == [500, 500, 500, 7])
        #expect(received.flatMap(\.bytes) == bytes)
    }

    @Test func `without GSO the datagrams are sent one by one`() throws {
        let (sender, _) = try self.socket(Self.loopback4, allowing: .gro)
        #expect(sender.offloads == .gro)
        #expect(sender.missing.count { $0.contains("switched off: UDP GSO") } == 1)
        let (receiver, to) = try self.socket(Self.loopback4, allowing: [])
        let bytes = pattern(64 * 100)
        #expect(sender.send(bytes, segmentSize: 100, to: to.localEndpoint).datagrams == 64)
        let received = receiver.receiveAll(slotSize: 2000, slots: 70)
        #expect(received.result == 64)
        #expect(received.slots.flatMap(\.bytes) == bytes)
    }

    @Test func `more datagrams than one call takes are sent by several`() throws {
        let (sender, _) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4, allowing: [])
        let bytes = pattern(130 * 20 + 1)
        let sent = sender.send(bytes, segmentSize: 20, to: to.localEndpoint, singly: true)
        #expect(sent == SendResult(datagrams: 131, errno: 0))
        #expect(receiver.receiveAll(slotSize: 64, slots: 200).slots.flatMap(\.bytes) == bytes)
    }

    @Test func `a receiver with few slots gets the rest at the next call`() throws {
        let (sender, _) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4, allowing: [])
        _ = sender.send(pattern(50), segmentSize: 1, to: to.localEndpoint, singly: true)
        #expect(receiver.receiveAll(slotSize: 64, slots: 33).result == 33)
        #expect(receiver.receiveAll(slotSize: 64, slots: 33).result == 17)
        #expect(receiver.receiveAll(slotSize: 64, slots: 33).result == -Int(Errno.again))
    }

    @Test(arguments: [
        (loopback4, IPAddress.v4(IPv4Address(127, 9, 8, 7))), (loopback6, .v6(IPv6Address(bits: 1))),
    ])
    func `the source address and the traffic class arrive`(address: IPAddress, other: IPAddress) throws {
        let (sender, from) = try self.socket(address.family.unspecified)
        let (receiver, to) = try self.socket(address.family.unspecified)
        let source = Endpoint(other, from.localEndpoint.port)
        let destination = Endpoint(address, to.localEndpoint.port)
        for trafficClass: UInt8 in [0, 0xb8, 0x03] {
            let sent = sender.send([1], from: source, to: destination, trafficClass: trafficClass)
            #expect(sent == SendResult(datagrams: 1, errno: 0))
            #expect(
                receiver.receiveAll().slots == [
                    Received(
                        bytes: [1], segmentSize: 1, source: source, destination: destination,
                        trafficClass: trafficClass, isTruncated: false)
                ])
        }
    }

    @Test func `the source and the traffic class hold for segments, cut by the kernel or not`() throws {
        let (sender, from) = try self.socket(AddressFamily.v4.unspecified)
        let (receiver, to) = try self.socket(Self.loopback4, allowing: [])
        let source = Endpoint(.v4(IPv4Address(127, 9, 8, 7)), from.localEndpoint.port)
        for singly in [false, true] {
            _ = sender.send(
                pattern(30), segmentSize: 10, from: source, to: to.localEndpoint, trafficClass: 0x28,
                singly: singly)
            let received = receiver.receiveAll().slots
            #expect(received.map(\.source) == [source, source, source])
            #expect(received.map(\.trafficClass) == [0x28, 0x28, 0x28])
        }
    }

    @Test func `a datagram that does not fit its slot is truncated and says so`() throws {
        let (sender, _) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4)
        _ = sender.send(pattern(101), to: to.localEndpoint)
        _ = sender.send(pattern(100), to: to.localEndpoint)
        let received = receiver.receiveAll(slotSize: 100, slots: 4).slots
        #expect(received.map(\.isTruncated) == [true, false])
        #expect(received.map(\.bytes) == [Array(pattern(101).prefix(100)), pattern(100)])
    }

    @Test func `an empty datagram is a slot without bytes`() throws {
        let (_, from) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4)
        try from.send([], from: from.localEndpoint, to: to.localEndpoint)
        #expect(receiver.receiveAll().slots.map(\.segmentSize) == [0])
    }

    @Test func `IKE can still be sent through the socket that was shared`() throws {
        let (sender, ike) = try self.socket(Self.loopback4)
        let (receiver, to) = try self.socket(Self.loopback4)
        try ike.send([0, 0, 0, 0, 9], from: ike.localEndpoint, to: to.localEndpoint)
        _ = sender.send([1, 2, 3], to: to.localEndpoint)
        #expect(receiver.receiveAll().slots.map(\.bytes) == [[0, 0, 0, 0, 9], [1, 2, 3]])
    }

    @Test func `what makes no sense is refused with EINVAL`() throws {
        let (sender, to) = try self.socket(Self.loopback4)
        let bytes = pattern(10)
        let here = PackedEndpoint(to.localEndpoint)
        let v6 = PackedEndpoint(Endpoint(Self.loopback6, 4500))
        func send(_ range: Range<Int>, _ segment: Int, _ to: PackedEndpoint) -> [Int32] {
            [
                sender.send(bytes.span, range, segmentSize: segment, from: here, to: to, trafficClass: 0),
                sender.sendSingly(
                    bytes.span, range, segmentSize: segment, from: here, to: to, trafficClass: 0),
            ].map(\.errno)
        }
        let refused = [Errno.invalid, Errno.invalid]
        #expect(send(0..<11, 5, here) == refused)
        #expect(send(-1..<3, 5, here) == refused)
        #expect(send(3..<3, 5, here) == refused)
        #expect(send(0..<10, 0, here) == refused)
        #expect(send(0..<10, -1, here) == refused)
        #expect(send(0..<10, 5, v6) == refused)
        #expect(sender.receiveAll(slotSize: 0).result == -Int(Errno.invalid))
        #expect(sender.receiveAll(slots: 0).result == -Int(Errno.invalid))
    }

    @Test func `more than UDP can carry is EMSGSIZE`() throws {
        let (sender, to) = try self.socket(Self.loopback4)
        let result = sender.send(pattern(70_000), to: to.localEndpoint)
        #expect(result == SendResult(datagrams: 0, errno: Errno.messageTooLong))
        let cut = sender.send(pattern(140_000), segmentSize: 70_000, to: to.localEndpoint)
        #expect(cut == SendResult(datagrams: 0, errno: Errno.messageTooLong))
    }

    @Test(arguments: [loopback4, loopback6])
    func `segments beyond the MTU are refused together and go one by one`(address: IPAddress) throws {
        let (refused, singly, received) = try PrivateNetwork.run {
            try PrivateNetwork.ip("link set lo mtu 1500")
            let (sender, _) = try self.socket(address)
            let (receiver, to) = try self.socket(address, allowing: [])
            let refused = sender.send(pattern(6000), segmentSize: 3000, to: to.localEndpoint)
            let singly = sender.send(pattern(6000), segmentSize: 3000, to: to.localEndpoint, singly: true)
            return (refused, singly, receiver.receiveAll().slots.map(\.bytes))
        }
        #expect(refused.isRefusedSegmentation && refused.datagrams == 0)
        #expect(singly == SendResult(datagrams: 2, errno: 0))
        #expect(received.map(\.count) == [3000, 3000] && received.flatMap { $0 } == pattern(6000))
    }

    @Test func `where there is no route nothing goes, and the errno says why`() throws {
        let results = try PrivateNetwork.run {
            let (sender, _) = try self.socket(AddressFamily.v4.unspecified)
            let to = Endpoint(.v4(IPv4Address(192, 0, 2, 2)), 4500)
            return [false, true].map {
                sender.send(pattern(30), segmentSize: 10, to: to, singly: $0)
            }
        }
        // ENETUNREACH
        #expect(results == [SendResult(datagrams: 0, errno: 101), SendResult(datagrams: 0, errno: 101)])
        #expect(results.allSatisfy { !$0.wouldBlock && !$0.isRefusedSegmentation })
    }

    @Test func `routing rules see the mark, of IKE as well`() throws {
        let errors = try PrivateNetwork.run {
            // The rule for local addresses comes first, so they must be elsewhere.
            try PrivateNetwork.ip("route add 192.0.2.0/24 dev lo")
            try PrivateNetwork.ip("rule add fwmark 0x80000007 prohibit")
            let to = Endpoint(.v4(IPv4Address(192, 0, 2, 2)), 4500)
            let (plain, _) = try self.socket(AddressFamily.v4.unspecified)
            let ike = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, 0), role: [])
            let marked = try PacketSocket(sharing: ike, mark: 0x8000_0007)
            let alone = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, 0), role: [])
            try alone.setMark(0x8000_0007)
            func error(_ socket: IKESocket) -> Int32 {
                do throws(IOFault) {
                    try socket.send([1], from: socket.localEndpoint, to: to)
                    return 0
                } catch { return error.errno }
            }
            return [
                plain.send([1], to: to).errno, marked.send([1], to: to).errno,
                error(ike), error(alone),
            ]
        }
        #expect(errors == [0, Errno.accessDenied, Errno.accessDenied, Errno.accessDenied])
    }
}
