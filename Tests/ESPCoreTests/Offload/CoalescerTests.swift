import ESPCore
import IPsecModel
import Testing

@Suite struct CoalescerTests {
    /// `count` segments or datagrams of `size` bytes that follow each other.
    static func stream(_ first: TransportPacket, _ count: Int, size: Int) -> [TransportPacket] {
        (0..<count).map { index in
            var packet = first
            packet.payload = payload(size, from: index * size)
            packet.sequence = first.sequence &+ UInt32(index * size)
            packet.identification = first.identification &+ UInt16(index)
            return packet
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6], [true, false])
    func `packets that follow each other become the one that they were cut from`(
        family: AddressFamily, isTCP: Bool
    )
        throws
    {
        let first = isTCP ? TransportPacket.tcp(family, []) : .udp(family, [])
        let stream = Self.stream(first, 5, size: 100)
        var whole = first
        whole.payload = payload(500)
        // The virtio header by hand: NEEDS_CSUM, type, length of the headers, size, where the checksum begins and lies.
        let type: UInt8 = !isTCP ? 5 : family == .v4 ? 1 : 4
        let header = [
            1, type, UInt8(whole.headersLength), 0, 100, 0, UInt8(whole.ipHeaderLength), 0, isTCP ? 16 : 6, 0,
        ]
        #expect(joined(stream.map(\.bytes)) == [header + whole.partialBytes])
    }

    @Test func `the first piece has the headers, the others are payload where it was`() throws {
        let stream = Self.stream(.tcp(.v6, []), 3, size: 50).map(\.bytes)
        let joining = Joining(stream)
        for index in 0..<3 { #expect(joining.add(index)) }
        #expect(joining.written.isEmpty)
        joining.flush()
        #expect(joining.pieces == [[14..<146, 242..<292, 388..<438]])
        joining.flush()
        #expect(joining.written.count == 1)
    }

    @Test func `the last may be shorter, and nothing comes behind it`() throws {
        for isTCP in [true, false] {
            let first = isTCP ? TransportPacket.tcp(.v4, []) : .udp(.v4, [])
            var stream = Self.stream(first, 4, size: 100)
            stream[2].payload.removeLast()
            stream[3].sequence -= 1
            let joining = Joining(stream.map(\.bytes))
            for index in 0..<3 { #expect(joining.add(index)) }
            #expect(joining.written.map(\.count) == [10 + first.headersLength + 299])
            #expect(joining.add(3))
            joining.flush()
            #expect(joining.written.last == stream[3].bytes.alone)
        }
    }

    @Test func `PSH ends a run at once, and is kept`() throws {
        var stream = Self.stream(.tcp(.v4, []), 3, size: 100)
        stream[1].flags |= TransportPacket.Flag.psh
        let joining = Joining(stream.map(\.bytes))
        for index in 0..<2 { #expect(joining.add(index)) }
        #expect(joining.written.count == 1)
        #expect(joining.written[0][10 + 33] == 0x18)
        // One that begins with PSH waits for nobody.
        stream[0].flags |= TransportPacket.Flag.psh
        let alone = Joining(stream.map(\.bytes))
        #expect(alone.add(0))
        #expect(alone.written == [stream[0].bytes.alone])
    }

    @Test func `a run has 64 packets at most`() throws {
        for first in [TransportPacket.tcp(.v4, []), .udp(.v6, [])] {
            let joining = Joining(Self.stream(first, 130, size: 10).map(\.bytes))
            for index in 0..<63 { #expect(joining.add(index)) }
            #expect(joining.written.isEmpty)
            for index in 63..<130 { #expect(joining.add(index)) }
            joining.flush()
            #expect(joining.pieces.map(\.count) == [64, 64, 2])
        }
    }

    /// RFC 791 §3.1: the total length has 16 bits.
    @Test func `a run is no longer than an IP packet can be`() throws {
        for first in [TransportPacket.tcp(.v6, []), .udp(.v4, [])] {
            let headers = first.headersLength
            let count = (65_535 - headers) / 1_400
            let written = try #require(joined(Self.stream(first, 60, size: 1_400).map(\.bytes)))
            #expect(written.map { $0.count - 10 - headers } == [count * 1_400, (60 - count) * 1_400])
            // To the last byte: 15 × 4,369 is 65,535.
            var exact = Self.stream(first, 15, size: 4_369)
            exact[14].payload.removeLast(headers)
            #expect(joined(exact.map(\.bytes))?.map(\.count) == [10 + 65_535])
            exact[14].payload.append(0)
            #expect(joined(exact.map(\.bytes))?.count == 2)
        }
    }

    @Test(arguments: [32_700, 32_768, 40_000, 60_000, 65_400])
    func `packets whose sum no IP packet can hold stay apart`(size: Int) throws {
        for first in [TransportPacket.tcp(.v6, []), .udp(.v4, []), .tcp(.v4, []), .udp(.v6, [])] {
            var stream = Self.stream(first, 2, size: size)
            #expect((joined(stream.map(\.bytes))?.count == 1) == (size == 32_700))
            // Nor does a short one fit behind a long one.
            stream[1].payload.removeLast(size - 601)
            let fits = first.headersLength + size + 601 <= 65_535
            #expect((joined(stream.map(\.bytes))?.count == 1) == fits)
            if !fits { #expect(joined(stream.map(\.bytes)) == stream.map(\.bytes.alone)) }
        }
    }

    @Test func `without an offload header packets pass as they are, at once`() throws {
        let stream = Self.stream(.tcp(.v4, []), 3, size: 100).map(\.bytes)
        let joining = Joining(stream, hasHeader: false)
        for index in 0..<3 {
            #expect(joining.add(index))
            #expect(joining.written == Array(stream.prefix(index + 1)))
        }
        joining.flush()
        #expect(joining.written.count == 3)
    }

    @Test func `only what the device takes is joined`() throws {
        let tcp = Self.stream(.tcp(.v4, []), 2, size: 100).map(\.bytes)
        let udp = Self.stream(.udp(.v4, []), 2, size: 100).map(\.bytes)
        #expect(joined(tcp, joinsTCP: false) == tcp.map(\.alone))
        #expect(joined(udp, joinsTCP: false)?.count == 1)
        #expect(joined(udp, joinsUDP: false) == udp.map(\.alone))
        #expect(joined(tcp, joinsUDP: false)?.count == 1)
    }

    @Test func `what was held back when the device's limits changed is still written, in order`() throws {
        let stream = Self.stream(.udp(.v4, []), 4, size: 100).map(\.bytes)
        let joining = Joining(stream)
        #expect(joining.add(0))
        #expect(joining.add(1))
        joining.limit(joinsTCP: true, joinsUDP: false)
        #expect(joining.add(2))
        #expect(joining.written.count == 2)
        #expect(joining.written.last == stream[2].alone)
        // Lifted again, the next is held back as before.
        joining.limit(joinsTCP: true, joinsUDP: true)
        let count = joining.written.count
        #expect(joining.add(3))
        #expect(joining.written.count == count)
        joining.flush()
        #expect(joining.written.last == stream[3].alone)
    }

    @Test func `more flows than can be joined push each other out, and lose nothing`() throws {
        let flows = (0..<20).map { index in
            var first = TransportPacket.tcp(index % 2 == 0 ? .v4 : .v6, [])
            first.sourcePort = UInt16(1_000 + index)
            return Self.stream(first, 3, size: 100)
        }
        let packets = (0..<3).flatMap { round in flows.map { $0[round].bytes } }
        let written = try #require(joined(packets))
        #expect(written.count == 60)
        #expect(Set(written) == Set(packets.map(\.alone)))
        let few = (0..<3).flatMap { round in flows.prefix(8).map { $0[round].bytes } }
        #expect(joined(few)?.count == 8)
    }
}
