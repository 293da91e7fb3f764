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
}
