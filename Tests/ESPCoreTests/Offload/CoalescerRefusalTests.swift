import ESPCore
import IPsecModel
import Testing

/// What must not be joined, since what comes of it would not be what was sent.
@Suite struct CoalescerRefusalTests {
    /// A change to the second of two packets that would be joined without it.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let first: TransportPacket
        let apply: @Sendable (inout TransportPacket) -> Void

        init(
            _ what: String, _ first: TransportPacket,
            _ apply: @escaping @Sendable (inout TransportPacket) -> Void
        ) {
            self.testDescription = what
            self.first = first
            self.apply = apply
        }
    }

    private static let four = TransportPacket.tcp(.v4, [])
    private static let six = TransportPacket.tcp(.v6, [])
    private static var fragmentable: TransportPacket {
        var packet = TransportPacket.udp(.v4, [])
        packet.ipFlags = 0
        return packet
    }

    @Test(arguments: [
        Change("DSCP", four) { $0.trafficClass = 0xb8 }, Change("ECN", four) { $0.trafficClass = 3 },
        Change("time to live", four) { $0.timeToLive = 63 }, Change("DF", four) { $0.ipFlags = 0 },
        Change("IP's reserved flag", four) { $0.ipFlags = 0xc0 },
        Change("IPv4 options", four) { $0.ipOptions = [1, 1, 1, 0] },
        Change("traffic class", six) { $0.trafficClass = 3 },
        Change("flow label", six) { $0.flowLabel = 0x12346 },
        Change("hop limit", six) { $0.timeToLive = 63 },
        Change("acknowledgment", four) { $0.acknowledgment += 1 }, Change("window", six) { $0.window += 1 },
        Change("urgent pointer", four) { $0.urgent = 1 }, Change("timestamp", six) { $0.options[7] = 2 },
        Change("the last option", four) { $0.options[11] = 3 },
        Change("more options", four) { $0.options += [1, 1, 1, 1] },
        Change("no options", four) { $0.options = [] },
        Change("AE", four) { $0.reserved = 1 }, Change("a reserved bit", six) { $0.reserved = 8 },
        Change("FIN", four) { $0.flags |= TransportPacket.Flag.fin },
        Change("SYN", four) { $0.flags |= TransportPacket.Flag.syn },
        Change("RST", four) { $0.flags |= TransportPacket.Flag.rst },
        Change("URG", four) { $0.flags |= TransportPacket.Flag.urg },
        Change("ECE", six) { $0.flags |= TransportPacket.Flag.ece },
        Change("CWR", six) { $0.flags |= TransportPacket.Flag.cwr },
        Change("no ACK", four) { $0.flags = TransportPacket.Flag.psh },
        Change("a gap", four) { $0.sequence += 1 }, Change("an overlap", six) { $0.sequence -= 1 },
        Change("a repetition", four) { $0.sequence -= 100 },
        Change("a longer one", four) { $0.payload.append(1) },
        Change("no data", four) { $0.payload = [] },
        Change("a longer datagram", .udp(.v4, [])) { $0.payload.append(1) },
        Change("no datagram", .udp(.v6, [])) { $0.payload = [] },
        Change("source port", .udp(.v4, [])) { $0.sourcePort += 1 },
        Change("destination port", four) { $0.destinationPort += 1 }, Change("host", six) { $0.host += 1 },
        Change("identification of what may be fragmented, equal", fragmentable) { $0.identification -= 1 },
        Change("identification of what may be fragmented, with a gap", fragmentable) {
            $0.identification += 1
        },
    ])
    func `packets that differ stay two, and each is what it was`(_ change: Change) throws {
        let stream = CoalescerTests.stream(change.first, 2, size: 100)
        #expect(joined(stream.map(\.bytes))?.count == 1)
        var second = stream[1]
        change.apply(&second)
        let packets = [stream[0].bytes, second.bytes]
        let written = try #require(joined(packets))
        // Of another flow, or without data, it may come before what is held back.
        #expect(Set(written) == Set(packets.map(\.alone)))
        #expect(written.count == 2)
    }

    @Test(arguments: [
        TransportPacket.Flag.fin, TransportPacket.Flag.syn, TransportPacket.Flag.rst,
        TransportPacket.Flag.urg,
        TransportPacket.Flag.ece, TransportPacket.Flag.cwr,
    ])
    func `packets that say the same thing beside data stay apart as well`(flag: UInt8) {
        var first = TransportPacket.tcp(.v4, [])
        first.flags |= flag
        let packets = CoalescerTests.stream(first, 3, size: 100).map(\.bytes)
        #expect(joined(packets) == packets.map(\.alone))
    }

    /// RFC 6864 §4.1: the identification of a packet that is not and will not be fragmented means nothing.
    @Test(arguments: [0, 1, 7]) func `with DF the identification does not matter`(step: UInt16) {
        for first in [TransportPacket.tcp(.v4, []), .udp(.v4, [])] {
            var stream = CoalescerTests.stream(first, 3, size: 100)
            for index in 0..<3 { stream[index].identification = 0xffff &+ step &* UInt16(index) }
            #expect(joined(stream.map(\.bytes))?.count == 1)
        }
    }

    @Test func `without DF it counts up, over its end as well`() {
        var first = Self.fragmentable
        first.identification = 0xfffe
        #expect(joined(CoalescerTests.stream(first, 4, size: 100).map(\.bytes))?.count == 1)
    }

    /// Where one bit of a packet is wrong: in the payload, the ports, the checksums, addresses and lengths that they cover.
    @Test(arguments: [AddressFamily.v4, .v6], [true, false])
    func `one wrong bit anywhere keeps a packet as it is`(family: AddressFamily, isTCP: Bool) throws {
        let first = isTCP ? TransportPacket.tcp(family, []) : .udp(family, [])
        let stream = CoalescerTests.stream(first, 3, size: 30).map(\.bytes)
        var failures: [String] = []
        for broken in 0..<3 {
            for bit in 0..<(8 * stream[broken].count) {
                var packets = stream
                packets[broken] = packets[broken].flipping(bit)
                // A length that leads out of the packet, or another version, is no packet.
                guard let written = joined(packets) else { continue }
                let isKept = written.contains(packets[broken].alone)
                let isCut = parsed(packets[broken])?.range.count != packets[broken].count
                if !isKept && !isCut { failures.append("packet \(broken), bit \(bit)") }
            }
        }
        #expect(failures.isEmpty, "\(failures.prefix(9))")
    }

    /// RFC 768: zero means that there is none. Joined, it would be given one.
    @Test func `a datagram without a checksum stays alone, even if zero is right`() throws {
        let field = 26
        let packets = CoalescerTests.stream(.udp(.v4, []), 3, size: 100).map { datagram in
            var datagram = datagram
            datagram.payload.replaceSubrange(0..<2, with: [0, 0])
            datagram.payload.replaceSubrange(0..<2, with: datagram.bytes[field..<(field + 2)])
            return datagram.bytes
        }
        #expect(packets.allSatisfy { $0.number16(field) == 0xffff })
        #expect(joined(packets)?.count == 1)
        let without = packets.map { packet in
            var packet = packet
            packet.set16(0, at: field)
            return packet
        }
        #expect(joined(without) == without.map(\.alone))
    }

    /// Whoever reads it by its length field does not see the checksum that fits the whole.
    @Test(arguments: [1, -1, 8]) func `a datagram of another length than its packet stays alone`(change: Int)
    {
        let packets = CoalescerTests.stream(.udp(.v4, []), 3, size: 100).map { datagram in
            var packet = datagram.bytes
            packet.set16(packet.number16(24) + change, at: 24)
            // One's complement: what is added to a word is taken from the checksum.
            packet.set16(packet.number16(26) - change, at: 26)
            return packet
        }
        #expect(joined(packets) == packets.map(\.alone))
    }

    @Test func `a fragment ends its flow's run, and is not joined`() throws {
        var packets = CoalescerTests.stream(.udp(.v4, []), 3, size: 100).map(\.bytes)
        packets[2][6] = 0x20
        packets[2].storeIPv4Checksum()
        let written = try #require(joined(packets))
        #expect(written.map(\.count) == [10 + 28 + 200, 10 + 128])
        #expect(written[1] == packets[2].alone)
    }

    @Test(arguments: [1, 50, 58, 132, 253] as [UInt8])
    func `other protocols pass at once`(ipProtocol: UInt8) throws {
        let packets = try (0..<3).map {
            try packet("10.2.0.9", "10.1.0.7", ipProtocol, payload(40, from: $0))
        }
        let joining = Joining(packets)
        for index in 0..<3 {
            #expect(joining.add(index))
            #expect(joining.written.last == packets[index].alone)
        }
    }

    @Test func `a pure acknowledgment waits for nobody and overtakes nobody`() throws {
        var stream = CoalescerTests.stream(.tcp(.v4, []), 3, size: 100)
        stream[2].payload = []
        let joining = Joining(stream.map(\.bytes))
        for index in 0..<3 { #expect(joining.add(index)) }
        #expect(joining.written.map(\.count) == [10 + 52 + 200, 10 + 52])
    }
}
