import ESPCore
import IPsecModel
import Testing

/// What a peer that has the keys may put into a packet, and what it may not.
@Suite struct InboundTextTests {
    @Test func `a dummy packet is taken and dropped, whatever it holds`() throws {
        let ends = try SAEnds()
        for (number, inner) in [[], [0xff], try innerPacket(.v4, 9), [UInt8](repeating: 0x45, count: 900)]
            .enumerated()
        {
            let packet = try ends.forged(UInt64(number + 1), inner: inner, nextHeader: 59)
            #expect(try ends.opened(packet) == nil)
            #expect(ends.refusal(packet) == .replayed)
        }
        #expect(ends.receiver.counters.packets == 0)
        #expect(ends.receiver.counters.malformed == 0)
        #expect(ends.receiver.counters.sequenceNumber == 4)
    }

    /// RFC 4303 §2.7.
    @Test(arguments: [AddressFamily.v4, .v6])
    func `bytes behind the inner packet hide its length, and are cut off`(family: AddressFamily) throws {
        let ends = try SAEnds()
        let inner = try innerPacket(family, 50)
        for (number, extra) in [1, 2, 3, 4, 100, 1_400].enumerated() {
            let packet = try ends.forged(
                UInt64(number + 1), inner: inner + [UInt8](repeating: 0x45, count: extra),
                nextHeader: family == .v4 ? 4 : 41)
            #expect(try ends.opened(packet) == inner)
        }
        #expect(ends.receiver.counters.bytes == UInt64(6 * inner.count))
    }

    @Test func `a pad length may take all of the text, and no more`() throws {
        let ends = try SAEnds()
        // 22 bytes before the trailer.
        let inner = try innerPacket(.v4, 2)
        for padding in 23...255 as ClosedRange<UInt8> {
            let packet = try ends.forged(UInt64(padding), inner: inner, nextHeader: 59, padding: padding)
            #expect(ends.refusal(packet) == .malformed)
        }
        #expect(ends.receiver.counters.malformed == 233)
        #expect(try ends.opened(try ends.forged(256, inner: inner, nextHeader: 59, padding: 22)) == nil)
    }

    @Test func `padding that reaches into the inner packet makes none of it`() throws {
        let ends = try SAEnds()
        let inner = try innerPacket(.v4, 2)
        for padding in 1...22 as ClosedRange<UInt8> {
            let packet = try ends.forged(UInt64(padding), inner: inner, nextHeader: 4, padding: padding)
            #expect(ends.refusal(packet) == .malformed)
        }
        #expect(try ends.opened(try ends.forged(23, inner: inner, nextHeader: 4, padding: 0)) == inner)
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a next header other than the version's is refused`(family: AddressFamily) throws {
        let ends = try SAEnds()
        let inner = try innerPacket(family, 6)
        let right: UInt8 = family == .v4 ? 4 : 41
        for nextHeader in 0...255 as ClosedRange<UInt8> where nextHeader != right && nextHeader != 59 {
            let packet = try ends.forged(UInt64(nextHeader) + 1, inner: inner, nextHeader: nextHeader)
            #expect(ends.refusal(packet) == .malformed)
        }
        #expect(ends.receiver.counters.malformed == 254)
        #expect(try ends.opened(try ends.forged(300, inner: inner, nextHeader: right)) == inner)
    }

    @Test func `what is no IP packet is refused`() throws {
        let ends = try SAEnds()
        let whole = try innerPacket(.v4, 30)
        var (short, version) = (whole, whole)
        short[3] -= 31
        version[0] = 0x55
        for (number, inner) in [[], [0x45], Array(whole.dropLast()), short, version].enumerated() {
            let packet = try ends.forged(UInt64(number + 1), inner: inner, nextHeader: 4)
            #expect(ends.refusal(packet) == .malformed)
            #expect(ends.refusal(packet) == .replayed)
        }
    }

    /// RFC 4301 §5.2, step 4.
    @Test(arguments: [
        ("10.2.0.9", "10.1.0.7", true), ("10.3.0.9", "10.1.0.7", false), ("10.2.0.9", "10.3.0.7", false),
        ("10.1.0.7", "10.2.0.9", false), ("0.0.0.0", "10.1.0.7", false), ("fd00:2::9", "fd00:1::7", true),
        ("fd00:3::9", "fd00:1::7", false), ("fd00:2::9", "fd00:3::7", false),
        ("fd00:1::7", "fd00:2::9", false),
    ])
    func `an inner packet must be from the peer's selectors and to ours`(
        source: String, destination: String, isAdmitted: Bool
    ) throws {
        let ends = try SAEnds()
        let inner = try packet(source, destination, 17, [0, 1, 0, 2, 0, 8, 0, 0])
        let sealed = try ends.sealed(inner)
        #expect(ends.refusal(sealed) == (isAdmitted ? nil : .outsideSelectors))
        #expect(ends.receiver.counters.outsideSelectors == (isAdmitted ? 0 : 1))
        #expect(ends.receiver.counters.packets == (isAdmitted ? 1 : 0))
        // It was sealed by the peer, so it was seen.
        #expect(ends.refusal(sealed) == .replayed)
    }

    @Test func `protocol and ports of the selectors hold as well`() throws {
        let ends = try SAEnds {
            $0.localSelectors = $0.localSelectors.map {
                TrafficSelector(ipProtocol: 17, ports: .range(53...53), addresses: $0.addresses)
            }
        }
        for (ipProtocol, port, isAdmitted) in [(17, 53, true), (17, 54, false), (6, 53, false)]
            as [(UInt8, UInt16, Bool)]
        {
            let inner = try packet("10.2.0.9", "10.1.0.7", ipProtocol, ports(9_999, port))
            #expect(ends.refusal(try ends.sealed(inner)) == (isAdmitted ? nil : .outsideSelectors))
        }
    }

    struct Congestion: Sendable {
        let inner: UInt8
        let outer: UInt8
        let result: UInt8?
    }

    /// RFC 6040 §4.2, figure 4, in the order Not-ECT, ECT(0), ECT(1), CE.
    private static let congestion: [Congestion] = zip(
        [0b00, 0b10, 0b01, 0b11] as [UInt8],
        [
            [0b00, 0b00, 0b00, nil], [0b10, 0b10, 0b01, 0b11], [0b01, 0b01, 0b01, 0b11],
            [0b11, 0b11, 0b11, 0b11],
        ] as [[UInt8?]]
    ).flatMap { inner, results in
        zip([0b00, 0b10, 0b01, 0b11] as [UInt8], results).map {
            Congestion(inner: inner, outer: $0, result: $1)
        }
    }

    @Test(arguments: Self.congestion, [AddressFamily.v4, .v6])
    func `congestion on the way comes out of the tunnel`(_ row: Congestion, family: AddressFamily) throws {
        let ends = try SAEnds()
        // Inside, DSCP 46; outside, another, which stays outside (RFC 4301 §5.1.2.1).
        let inner = try Self.marked(family, trafficClass: 46 << 2 | row.inner)
        let sealed = try ends.sealed(inner)
        guard let result = row.result else {
            #expect(ends.refusal(sealed, outerClass: 10 << 2 | row.outer) == .congested)
            #expect(ends.refusal(sealed, outerClass: 0) == .replayed)
            #expect(ends.receiver.counters.packets == 0)
            return
        }
        let expected = try Self.marked(family, trafficClass: 46 << 2 | result)
        #expect(try ends.opened(sealed, outerClass: 10 << 2 | row.outer) == expected)
    }

    private static func marked(_ family: AddressFamily, trafficClass: UInt8) throws -> [UInt8] {
        var bytes = try innerPacket(family, 20)
        switch family {
        case .v4:
            bytes[1] = trafficClass
            bytes.storeIPv4Checksum()
        case .v6:
            bytes[0] |= trafficClass >> 4
            bytes[1] |= trafficClass << 4
        }
        return bytes
    }
}
