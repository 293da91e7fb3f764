import ESPCore
import IPsecModel
import Testing

/// A packet by an independent program, and what must be found in it.
struct PacketVector: Sendable, CustomTestStringConvertible {
    let name: String
    let hex: String
    let ipProtocol: UInt8
    let payloadOffset: Int
    var ports: [UInt16]?
    var isFragment = false
    var isLaterFragment = false

    var testDescription: String { self.name }

    static let all = [
        PacketVector(
            name: "TCP over IPv4",
            hex: "45b9003400070000400665f40a0100050a0200099c4001bb000000000000000080022000980d00000204"
                + "05b40402030307000000", ipProtocol: 6, payloadOffset: 20, ports: [40_000, 443]),
        PacketVector(
            name: "UDP behind IPv4 options",
            hex: "470000270001000040118187c0000201c633640207070400000000000035ffff000b4f09616263",
            ipProtocol: 17, payloadOffset: 28, ports: [53, 65_535]),
        PacketVector(
            name: "ICMP echo request", hex: "4500001d00010000400166dd0a0000010a00000208007ffc0001000278",
            ipProtocol: 1, payloadOffset: 20, ports: [0x0800, 0x0800]),
        PacketVector(
            name: "ICMP fragmentation needed",
            hex: "4500003800010000400166c20a0000010a00000203040ba0000005784500001c00010000401166ce0a00"
                + "00020a000001003500350008eb71", ipProtocol: 1, payloadOffset: 20, ports: [0x0304, 0x0304]),
        PacketVector(
            name: "first fragment, IPv4",
            hex: "4500002400052000401146c20a0000010a00000203e807d0006400006161616161616161",
            ipProtocol: 17, payloadOffset: 20, ports: [1_000, 2_000], isFragment: true),
        PacketVector(
            name: "later fragment, IPv4",
            hex: "4500002000050002401166c40a0000010a000002123456786162636465666768", ipProtocol: 17,
            payloadOffset: 20, isFragment: true, isLaterFragment: true),
        PacketVector(
            name: "GRE", hex: "4500001800010000402f66b40a0000010a00000200000800", ipProtocol: 47,
            payloadOffset: 20),
        PacketVector(
            name: "SCTP", hex: "4500002000010000408466570a0000010a00000213881389000000004e7f3e15",
            ipProtocol: 132, payloadOffset: 20, ports: [5_000, 5_001]),
        PacketVector(
            name: "TCP over IPv6",
            hex: "6b9123450018064020010db800000000000000000000000120010db8ffff00000000000000000002"
                + "0016c350000000000000000060122000594f0000020405a0", ipProtocol: 6, payloadOffset: 40,
            ports: [22, 50_000]),
        PacketVector(
            name: "UDP behind hop-by-hop, destination options and routing",
            hex: "60000000003a004020010db800000000000000000000000120010db8000000000000000000000002"
                + "3c000502000001002b01010c000000000000000000000000110200010000000020010db800000000"
                + "000000000000000300070009000a29da7a7a", ipProtocol: 17, payloadOffset: 88, ports: [7, 9]),
        PacketVector(
            name: "first fragment, IPv6",
            hex: "6000000000182c4020010db800000000000000000000000120010db8000000000000000000000002"
                + "110000010000000900070009006400016161616161616161", ipProtocol: 17, payloadOffset: 48,
            ports: [7, 9], isFragment: true),
        PacketVector(
            name: "later fragment, IPv6",
            hex: "6000000000102c4020010db800000000000000000000000120010db8000000000000000000000002"
                + "11000010000000096161616161616161", ipProtocol: 17, payloadOffset: 48, isFragment: true,
            isLaterFragment: true),
        PacketVector(
            name: "whole packet with a fragment header (RFC 6946)",
            hex: "6000000000112c4020010db800000000000000000000000120010db8000000000000000000000002"
                + "1100000000000009000700090009335771", ipProtocol: 17, payloadOffset: 48, ports: [7, 9]),
        PacketVector(
            name: "neighbour solicitation",
            hex: "6000000000183afffe800000000000000000000000000001ff0200000000000000000001ff000002"
                + "87007da100000000fe800000000000000000000000000002", ipProtocol: 58, payloadOffset: 40,
            ports: [0x8700, 0x8700]),
        PacketVector(
            name: "no next header",
            hex: "6000000000003b4020010db800000000000000000000000120010db8000000000000000000000002",
            ipProtocol: 59, payloadOffset: 40),
        PacketVector(
            name: "mobility header",
            hex: "600000000008874020010db800000000000000000000000120010db8000000000000000000000002"
                + "3b00050000000000", ipProtocol: 135, payloadOffset: 40, ports: [0x0500, 0x0500]),
    ]
}

@Suite struct InnerPacketTests {
    @Test(arguments: PacketVector.all)
    func `protocol, ports and fragments are found`(vector: PacketVector) throws {
        let bytes = try octets(vector.hex)
        let packet = try #require(parsed(bytes))
        #expect(packet.family == (bytes[0] >> 4 == 4 ? .v4 : .v6))
        #expect(packet.range == 0..<bytes.count)
        #expect(packet.ipProtocol == vector.ipProtocol)
        #expect(packet.payloadOffset == vector.payloadOffset)
        #expect(packet.transportOffset == (vector.isLaterFragment ? nil : vector.payloadOffset))
        #expect(packet.sourcePort == vector.ports?.first)
        #expect(packet.destinationPort == vector.ports?.last)
        #expect(packet.isFragment == vector.isFragment)
        #expect(packet.isLaterFragment == vector.isLaterFragment)
    }

    @Test func `addresses and traffic class are found`() throws {
        let four = try #require(try parsed(PacketVector.all[0].hex))
        #expect(four.source == PackedAddress(high: 0, low: 0x0a01_0005))
        #expect(four.destination == PackedAddress(high: 0, low: 0x0a02_0009))
        #expect(four.trafficClass == 0xb9)
        let six = try #require(try parsed(PacketVector.all[8].hex))
        #expect(six.source == PackedAddress(high: 0x2001_0db8_0000_0000, low: 1))
        #expect(six.destination == PackedAddress(high: 0x2001_0db8_ffff_0000, low: 2))
        #expect(six.trafficClass == 0xb9)
    }

    @Test(arguments: PacketVector.all)
    func `offsets are those of the buffer, and padding behind the packet is cut off`(vector: PacketVector)
        throws
    {
        let bytes = try octets(vector.hex)
        let plain = try #require(parsed(bytes))
        let buffer = [UInt8](repeating: 0x45, count: 13) + bytes + [UInt8](repeating: 0xff, count: 50)
        let packet = try #require(parsed(buffer, 13..<buffer.count))
        #expect(packet.range == 13..<13 + bytes.count)
        #expect(packet.payloadOffset == 13 + plain.payloadOffset)
        #expect(packet.sourcePort == plain.sourcePort)
        #expect(packet.destinationPort == plain.destinationPort)
        #expect(packet.source == plain.source)
    }

    @Test(arguments: PacketVector.all)
    func `each truncation is refused`(vector: PacketVector) throws {
        let bytes = try octets(vector.hex)
        for count in 0..<bytes.count {
            #expect(parsed(bytes, 0..<count) == nil)
            #expect(parsed(Array(bytes.prefix(count))) == nil)
        }
    }

    @Test func `a transport header that is cut off by the packet's own length has no ports`() throws {
        for count in 0..<4 {
            let bytes = try packet("10.0.0.1", "10.0.0.2", 17, [UInt8](repeating: 1, count: count))
            let inner = try #require(parsed(bytes))
            #expect(inner.sourcePort == nil)
            #expect(inner.destinationPort == nil)
        }
    }

    @Test(arguments: [
        "4400001400000000400600000a0000010a000002",  // header of 16 bytes
        "4500001300000000400600000a0000010a000002",  // total length below the header
        "4600001400000000400600000a0000010a00000200000000",  // header beyond the total length
        "4500001500000000400600000a0000010a000002",  // total length beyond the buffer
        "0500001400000000400600000a0000010a000002",
        "7500001400000000400600000a0000010a000002",
    ])
    func `a header that contradicts itself is refused`(hex: String) throws {
        #expect(try parsed(hex) == nil)
    }

    @Test func `an extension header that leaves the packet is refused`() throws {
        #expect(parsed(try packet("::1", "::2", 0, [6, 1, 0, 0, 0, 0, 0, 0])) == nil)
        #expect(parsed(try packet("::1", "::2", 0, [6, 0, 0, 0, 0, 0, 0])) == nil)
        #expect(parsed(try packet("::1", "::2", 0, [])) == nil)
        #expect(parsed(try packet("::1", "::2", 0, [6, 0, 0, 0, 0, 0, 0, 0])) != nil)
    }

    @Test func `eight extension headers are walked over, nine are refused`() throws {
        for count in [8, 9] {
            var chain: [UInt8] = []
            for index in 1...count { chain += [index == count ? 17 : 60, 0, 1, 4, 0, 0, 0, 0] }
            let inner = parsed(try packet("::1", "::2", 60, chain + ports(5, 6)))
            #expect(inner?.sourcePort == (count == 8 ? 5 : nil))
            #expect((inner == nil) == (count == 9))
        }
    }

    @Test func `each bit of the fragment offset makes a later fragment, and DF makes none`() throws {
        var bytes = try packet("10.0.0.1", "10.0.0.2", 17, ports(1, 2))
        for bit in 0..<16 {
            (bytes[6], bytes[7]) = (UInt8((1 << bit) >> 8), UInt8((1 << bit) & 0xff))
            let inner = try #require(parsed(bytes))
            #expect(inner.isLaterFragment == (bit < 13))
            #expect(inner.isFragment == (bit < 14))
            #expect(inner.sourcePort == (bit < 13 ? nil : 1))
        }
        for bit in 0..<16 {
            let fragment = [17, 0, UInt8((1 << bit) >> 8), UInt8((1 << bit) & 0xff), 0, 0, 0, 1]
            let inner = try #require(parsed(try packet("::1", "::2", 44, fragment + ports(1, 2))))
            #expect(inner.isLaterFragment == (bit >= 3))
            #expect(inner.isFragment == (bit >= 3 || bit == 0))
        }
    }

    @Test func `ranges outside of the buffer are refused`() throws {
        let bytes = try octets(PacketVector.all[0].hex)
        #expect(parsed(bytes, 0..<bytes.count + 1) == nil)
        #expect(parsed(bytes, -1..<bytes.count) == nil)
        #expect(parsed(bytes, bytes.count..<bytes.count) == nil)
    }

    @Test func `random bytes are either refused or described within their bounds`() {
        var numbers = Numbers(seed: 4)
        var accepted = 0
        for _ in 0..<100_000 {
            let bytes = numbers.packet(upTo: 120)
            guard let packet = parsed(bytes) else { continue }
            accepted += 1
            let isWithin =
                packet.range.upperBound <= bytes.count && packet.range.lowerBound == 0
                && packet.payloadOffset <= packet.range.upperBound && packet.payloadOffset >= 20
                && (packet.sourcePort == nil || packet.transportOffset != nil)
            #expect(isWithin)
        }
        #expect(accepted > 10_000)
    }
}
