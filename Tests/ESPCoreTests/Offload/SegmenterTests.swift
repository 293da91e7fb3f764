import ESPCore
import IPsecModel
import Testing

/// The packets that `bytes` stand for; nil if the header does not fit them.
func cut(_ bytes: [UInt8], _ header: OffloadHeader) -> [[UInt8]]? {
    // Not at the beginning, so that offsets that are not from there show.
    let memory = [UInt8](repeating: 0xee, count: 10) + bytes
    guard var segmenter = Segmenter(memory.span, 10..<memory.count, header) else { return nil }
    var packets: [[UInt8]] = []
    while let length = segmenter.nextLength {
        guard length <= 0xffff, packets.count <= bytes.count else { return nil }
        var output = [UInt8](repeating: 0xcc, count: length + 6)
        var span = output.mutableSpan
        segmenter.writeNext(of: memory.span, to: &span, at: 3)
        if output.prefix(3) != [0xcc, 0xcc, 0xcc] || output.suffix(3) != [0xcc, 0xcc, 0xcc] {
            Issue.record("bytes were written outside of the packet")
        }
        packets.append(Array(output[3..<(3 + length)]))
    }
    return packets
}

extension OffloadHeader {
    init(_ segmentation: Segmentation, size: Int, start: Int? = nil, field: Int = 0) {
        self.init()
        self.segmentation = segmentation
        self.segmentSize = size
        self.checksumStart = start
        self.checksumOffset = field
    }

    /// As the kernel gives it with `packet`.
    static func kernel(_ packet: TransportPacket, size: Int) -> OffloadHeader {
        OffloadHeader(
            packet.isTCP ? packet.family == .v4 ? .tcp4 : .tcp6 : .udp, size: size,
            start: packet.ipHeaderLength,
            field: packet.isTCP ? 16 : 6)
    }
}

@Suite struct SegmenterTests {
    @Test(
        arguments: [AddressFamily.v4, .v6],
        [
            (4_000, 1_000), (4_001, 1_000), (3_999, 1_000), (1, 1_000), (1_000, 1_000), (65_400, 1_348),
            (10, 1),
        ])
    func `TCP is cut into segments that follow each other`(family: AddressFamily, sizes: (Int, Int)) throws {
        let (total, size) = sizes
        var whole = TransportPacket.tcp(family, payload(total))
        whole.identification = 0xfffe
        whole.sequence = 0xffff_fff0
        whole.trafficClass = 0xb9
        let expected = stride(from: 0, to: total, by: size).enumerated().map { index, start in
            var segment = whole
            segment.payload = Array(whole.payload[start..<min(start + size, total)])
            segment.sequence = whole.sequence &+ UInt32(start)
            segment.identification = whole.identification &+ UInt16(index)
            return segment.bytes
        }
        #expect(cut(whole.partialBytes, .kernel(whole, size: size)) == expected)
    }

    @Test(
        arguments: [AddressFamily.v4, .v6],
        [(4_000, 1_000), (4_001, 1_000), (5, 1), (1_472, 1_472), (65_000, 1_024)])
    func `UDP is cut into datagrams with lengths of their own`(family: AddressFamily, sizes: (Int, Int))
        throws
    {
        let (total, size) = sizes
        let whole = TransportPacket.udp(family, payload(total))
        let expected = stride(from: 0, to: total, by: size).enumerated().map { index, start in
            var datagram = whole
            datagram.payload = Array(whole.payload[start..<min(start + size, total)])
            datagram.identification = whole.identification &+ UInt16(index)
            return datagram.bytes
        }
        #expect(cut(whole.partialBytes, .kernel(whole, size: size)) == expected)
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `FIN and PSH are the last one's, CWR is the first one's, and all have the others`(
        family: AddressFamily
    )
        throws
    {
        var whole = TransportPacket.tcp(family, payload(300))
        whole.flags = 0xff & ~TransportPacket.Flag.syn & ~TransportPacket.Flag.rst
        whole.reserved = 1
        let segments = try #require(cut(whole.partialBytes, .kernel(whole, size: 100)))
        let flags = segments.map { Array($0[(whole.ipHeaderLength + 12)...].prefix(2)) }
        #expect(flags == [[0x81, 0xf0], [0x81, 0x70], [0x81, 0x79]])
        let one = try #require(cut(whole.partialBytes, .kernel(whole, size: 300)))
        #expect(one == [whole.bytes])
    }

    @Test func `IPv4 options are in every packet, and in its checksum`() throws {
        var whole = TransportPacket.tcp(.v4, payload(250))
        whole.ipOptions = [0x94, 4, 0, 0, 1, 1, 1, 0]
        let expected = [0, 100, 200].enumerated().map { index, start in
            var segment = whole
            segment.payload = Array(whole.payload[start..<min(start + 100, 250)])
            segment.sequence += UInt32(start)
            segment.identification += UInt16(index)
            return segment.bytes
        }
        #expect(cut(whole.partialBytes, .kernel(whole, size: 100)) == expected)
    }

    @Test func `IPv6 extension headers are in every packet, and in its length`() throws {
        let whole = TransportPacket.udp(.v6, payload(25))
        var bytes = whole.partialBytes
        bytes.insert(contentsOf: [17, 0, 1, 4, 0, 0, 0, 0], at: 40)
        bytes[6] = 60
        bytes.set16(bytes.count - 40, at: 4)
        let datagrams = try #require(cut(bytes, OffloadHeader(.udp, size: 10, start: 48, field: 6)))
        #expect(datagrams.map(\.count) == [66, 66, 61])
        for (index, datagram) in datagrams.enumerated() {
            var plain = datagram
            plain.removeSubrange(40..<48)
            plain[6] = 17
            plain.set16(plain.count - 40, at: 4)
            var expected = whole
            expected.payload = Array(whole.payload[(index * 10)..<min(index * 10 + 10, 25)])
            #expect(datagram.number16(4) == datagram.count - 40)
            #expect(plain == expected.bytes)
        }
    }

    @Test func `bytes behind the packet belong to none`() throws {
        let whole = TransportPacket.tcp(.v4, payload(150))
        let segments = try #require(cut(whole.partialBytes + [9, 9, 9, 9], .kernel(whole, size: 100)))
        #expect(segments.map(\.count) == [152, 102])
        #expect(cut(whole.bytes + [9, 9], OffloadHeader()) == [whole.bytes])
    }

    @Test(arguments: [AddressFamily.v4, .v6], [true, false])
    func `a whole packet passes as it is, and with its checksum completed`(family: AddressFamily, isTCP: Bool)
        throws
    {
        for count in [1, 2, 3, 700, 1_399] {
            let whole = isTCP ? TransportPacket.tcp(family, payload(count)) : .udp(family, payload(count))
            #expect(cut(whole.bytes, OffloadHeader()) == [whole.bytes])
            let header = OffloadHeader(.none, size: 0, start: whole.ipHeaderLength, field: isTCP ? 16 : 6)
            #expect(cut(whole.partialBytes, header) == [whole.bytes])
            let memory = whole.partialBytes
            #expect(Segmenter(memory.span, 0..<memory.count, header)?.isChecksumPartial == true)
            #expect(Segmenter(memory.span, 0..<memory.count, OffloadHeader())?.isChecksumPartial == false)
        }
    }

    /// RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
    @Test(arguments: [AddressFamily.v4, .v6])
    func `a UDP checksum of zero is sent as ones, in whole packets and in pieces`(family: AddressFamily)
        throws
    {
        var whole = TransportPacket.udp(family, [0, 0])
        whole.payload = Array(whole.bytes[(whole.ipHeaderLength + 6)...].prefix(2))
        let field = whole.ipHeaderLength + 6
        #expect(whole.bytes.number16(field) == 0xffff)
        let header = OffloadHeader(.none, size: 0, start: whole.ipHeaderLength, field: 6)
        #expect(cut(whole.partialBytes, header) == [whole.bytes])
        var twice = whole
        twice.payload += whole.payload
        let pieces = try #require(cut(twice.partialBytes, .kernel(twice, size: 2)))
        #expect(pieces.map { $0.number16(field) } == [0xffff, 0xffff])
    }

    @Test func `a checksum of zero stays zero in TCP`() throws {
        var whole = TransportPacket.tcp(.v4, [0, 0])
        let field = whole.ipHeaderLength + 16
        whole.payload = Array(whole.bytes[field...].prefix(2))
        #expect(whole.bytes.number16(field) == 0)
        #expect(cut(whole.partialBytes, .kernel(whole, size: 2)) == [whole.bytes])
    }

    struct Lie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        let header: OffloadHeader

        init(_ what: String, _ bytes: [UInt8], _ header: OffloadHeader) {
            self.testDescription = what
            self.bytes = bytes
            self.header = header
        }
    }

    private static let four = TransportPacket.tcp(.v4, payload(300))
    private static let six = TransportPacket.tcp(.v6, payload(300))
    private static let datagram = TransportPacket.udp(.v4, payload(300))

    private static func changed(_ packet: TransportPacket, _ offset: Int, _ byte: UInt8) -> [UInt8] {
        var bytes = packet.bytes
        bytes[offset] = byte
        return bytes
    }

    private static let empty = TransportPacket.tcp(.v4, [])

    @Test(arguments: [
        Lie("segments of no size", four.bytes, OffloadHeader(.tcp4, size: 0, start: 20, field: 16)),
        Lie("datagrams of no size", datagram.bytes, OffloadHeader(.udp, size: 0, start: 20, field: 6)),
        Lie("IPv6 as IPv4", six.bytes, OffloadHeader(.tcp4, size: 100, start: 40, field: 16)),
        Lie("IPv4 as IPv6", four.bytes, OffloadHeader(.tcp6, size: 100, start: 20, field: 16)),
        Lie("UDP as TCP", datagram.bytes, OffloadHeader(.tcp4, size: 100, start: 20, field: 16)),
        Lie("TCP as UDP", four.bytes, OffloadHeader(.udp, size: 100, start: 20, field: 6)),
        Lie("UFO", datagram.bytes, OffloadHeader(.unknown(3), size: 100, start: 20, field: 6)),
        Lie("TCP header of 16 bytes", changed(four, 32, 0x40), .kernel(four, size: 100)),
        Lie("TCP header beyond the packet", changed(empty, 32, 0xf0), .kernel(empty, size: 100)),
        Lie("TCP without data", empty.bytes, .kernel(empty, size: 100)),
        Lie("UDP without data", TransportPacket.udp(.v6, []).bytes, OffloadHeader(.udp, size: 9)),
        Lie("a first fragment", changed(four, 6, 0x20), .kernel(four, size: 100)),
        Lie("a later fragment", changed(four, 7, 1), .kernel(four, size: 100)),
        Lie("no IP", changed(four, 0, 0x55), .kernel(four, size: 100)),
        Lie("checksum behind the packet", four.bytes, OffloadHeader(.none, size: 0, start: 20, field: 332)),
        Lie("checksum over the end", four.bytes, OffloadHeader(.none, size: 0, start: 21, field: 330)),
        Lie("checksum over the addresses", four.bytes, OffloadHeader(.none, size: 0, start: 0, field: 12)),
        Lie("checksum in the IPv6 header", six.bytes, OffloadHeader(.none, size: 0, start: 39, field: 16)),
        Lie("checksum far away", four.bytes, OffloadHeader(.none, size: 0, start: 0xffff, field: 0xfffe)),
        Lie("checksum at an odd place", four.bytes, OffloadHeader(.none, size: 0, start: 20, field: 7)),
        Lie("cut short", Array(four.bytes.dropLast()), .kernel(four, size: 100)),
    ])
    func `a header that lies makes no packets`(_ lie: Lie) { #expect(cut(lie.bytes, lie.header) == nil) }

    @Test func `whatever comes, packets are no longer than their source and nothing traps`() throws {
        var numbers = Numbers(seed: 21)
        var (made, failures) = (0, 0)
        for _ in 0..<50_000 {
            var bytes = numbers.packet(upTo: 240)
            if bytes.count > 40, numbers.next() % 4 > 0 {
                if bytes[0] >> 4 == 4 {
                    bytes[9] = numbers.next() & 1 == 0 ? 6 : 17
                    (bytes[6], bytes[7]) = (0x40, 0)
                    bytes.set16(bytes.count, at: 2)
                } else {
                    bytes[6] = numbers.next() & 1 == 0 ? 6 : 17
                    bytes.set16(bytes.count - 40, at: 4)
                }
            }
            let kinds: [OffloadHeader.Segmentation] = [.none, .tcp4, .tcp6, .udp, .udp, .unknown(9)]
            let header = OffloadHeader(
                kinds[Int(numbers.next() % 6)], size: Int(numbers.next() % 60),
                start: numbers.next() & 1 == 0 ? nil : Int(numbers.next() % 260),
                field: Int(numbers.next() % 20))
            guard let packets = cut(bytes, header) else { continue }
            made += packets.count
            if packets.contains(where: { $0.count > bytes.count }) || packets.isEmpty { failures += 1 }
        }
        #expect(failures == 0)
        #expect(made > 50_000)
    }
}
