import ESPCore
import IPsecModel
import Testing

/// RFC 4303 §3.4, RFC 4301 §5.2.
@Suite struct InboundSATests {
    @Test(arguments: ESPSuite.all, [AddressFamily.v4, .v6])
    func `what is sealed opens to the same packet, whatever its length`(
        _ suite: ESPSuite, family: AddressFamily
    )
        throws
    {
        let ends = try SAEnds(suite)
        var (packets, bytes) = (UInt64(0), UInt64(0))
        var failures: [Int] = []
        for count in Array(0...300) + [1_200, 1_380, 8_999, 65_400] {
            let inner = try innerPacket(family, count)
            let sealed = try ends.sealed(inner)
            if count > 16, sealed.contains(inner[24..<(20 + count)]) { failures.append(count) }
            if try ends.opened(sealed) != inner { failures.append(count) }
            packets += 1
            bytes += UInt64(inner.count)
        }
        #expect(failures.isEmpty)
        var expected = SACounters()
        (expected.packets, expected.bytes, expected.sequenceNumber) = (packets, bytes, packets)
        #expect(ends.receiver.counters == expected)
        #expect(ends.sender.counters == expected)
    }

    @Test func `a packet in the middle of memory leaves what is around it alone`() throws {
        let ends = try SAEnds()
        let sealed = try ends.sealed(try innerPacket(.v4, 33))
        var bytes = [UInt8](repeating: 0xee, count: 7) + sealed + [UInt8](repeating: 0xee, count: 5)
        var memory = bytes.mutableSpan
        let opened = try ends.receiver.open(&memory, 7..<(7 + sealed.count), outerClass: 0)
        #expect(opened.packet?.range == 23..<76)
        #expect(bytes.prefix(7).allSatisfy { $0 == 0xee })
        #expect(bytes.suffix(5).allSatisfy { $0 == 0xee })
    }

    @Test(arguments: ESPSuite.all) func `a packet that was seen is refused before its ICV is looked at`(
        _ suite: ESPSuite
    ) throws {
        let ends = try SAEnds(suite)
        let packets = try (0..<4).map { try ends.sealed(try innerPacket(.v4, $0)) }
        for packet in [packets[2], packets[0], packets[3], packets[1]] {
            #expect(ends.refusal(packet) == nil)
        }
        for packet in packets { #expect(ends.refusal(packet) == .replayed) }
        #expect(ends.refusal(packets[0].flipping(8 * 20)) == .replayed)
        #expect(ends.receiver.counters.replayed == 5)
        #expect(ends.receiver.counters.packets == 4)
        #expect(ends.receiver.counters.badICV == 0)
    }

    @Test func `a packet before the window is late`() throws {
        let ends = try SAEnds { $0.replayWindow = 8 }
        let packets = try (0..<20).map { _ in try ends.sealed(try innerPacket(.v4, 1)) }
        #expect(ends.refusal(packets[15]) == nil)
        #expect(ends.refusal(packets[7]) == .late)
        #expect(ends.refusal(packets[8]) == nil)
        #expect(ends.receiver.counters.late == 1)
        #expect(ends.receiver.counters.sequenceNumber == 16)
        // RFC 4303 §3.3.3: the first number is 1.
        #expect(ends.refusal(try ends.forged(0, inner: try innerPacket(.v4, 1), nextHeader: 4)) == .late)
    }

    @Test func `without a window everything with a good ICV is taken, again and again`() throws {
        let ends = try SAEnds { $0.replayWindow = 0 }
        let packets = try (0..<3).map { _ in try ends.sealed(try innerPacket(.v4, 1)) }
        for packet in packets.reversed() + packets { #expect(ends.refusal(packet) == nil) }
        #expect(ends.receiver.counters.packets == 6)
    }

    @Test func `only a packet later than all before says where the peer is`() throws {
        let ends = try SAEnds()
        let packets = try (0..<4).map { try ends.sealed(try innerPacket(.v4, $0)) }
        for (index, isNewest) in [(1, true), (0, false), (3, true), (2, false)] {
            var bytes = packets[index]
            var memory = bytes.mutableSpan
            let opened = try ends.receiver.open(&memory, 0..<memory.count, outerClass: 0)
            #expect(opened.isNewest == isNewest)
        }
    }

    @Test func `a repetition that no window refuses does not say where the peer is`() throws {
        let ends = try SAEnds { $0.replayWindow = 0 }
        let packet = try ends.sealed(try innerPacket(.v4, 1))
        for isNewest in [true, false] {
            var bytes = packet
            var memory = bytes.mutableSpan
            let opened = try ends.receiver.open(&memory, 0..<memory.count, outerClass: 0)
            #expect(opened.isNewest == isNewest)
        }
    }

    @Test(arguments: ESPSuite.all) func `each bit matters, and what nobody sealed moves no window`(
        _ suite: ESPSuite
    ) throws {
        let ends = try SAEnds(suite)
        let inner = try innerPacket(.v4, 10)
        let packet = try ends.sealed(inner)
        for bit in 0..<(8 * packet.count) {
            let refusal = ends.refusal(packet.flipping(bit))
            // One bit makes the number 1 a 0, which is before all windows.
            #expect(refusal == (bit == 8 * 7 ? .late : .wrongICV), "bit \(bit)")
        }
        #expect(ends.receiver.counters.badICV == UInt64(8 * packet.count - 1))
        #expect(ends.receiver.counters.late == 1)
        #expect(ends.receiver.counters.sequenceNumber == 0)
        #expect(try ends.opened(packet) == inner)
    }

    @Test(arguments: ESPSuite.all) func `a packet that was cut, anywhere, is refused`(_ suite: ESPSuite)
        throws
    {
        let ends = try SAEnds(suite)
        let inner = try innerPacket(.v6, 10)
        let packet = try ends.sealed(inner)
        let shortest = ends.sender.sealedLength(of: 0)
        for count in 0..<packet.count {
            let refusal = ends.refusal(Array(packet.prefix(count)))
            // CBC has its trailer in a block, so two bytes are not enough.
            #expect(refusal == .wrongICV || count < shortest && refusal == .tooShort, "\(count)")
        }
        let counters = ends.receiver.counters
        #expect(counters.badICV + counters.malformed == UInt64(packet.count))
        #expect(try ends.opened(packet) == inner)
    }

    @Test(arguments: [-1..<40, 0..<101, 90..<101, Int.min..<Int.max, 100..<100, Int.max..<Int.max])
    func `a packet outside of the memory is too short`(range: Range<Int>) throws {
        let ends = try SAEnds()
        var bytes = [UInt8](repeating: 1, count: 100)
        var memory = bytes.mutableSpan
        #expect(throws: InboundSA.Refusal.tooShort) {
            try ends.receiver.open(&memory, range, outerClass: 0)
        }
    }

    @Test(arguments: ESPSuite.all) func `other keys do not open it`(_ suite: ESPSuite) throws {
        let inner = try innerPacket(.v4, 1)
        let keys = suite.someKeys
        let ends = try SAEnds(suite) {
            $0.outboundKeys = ESPKeys(
                encryption: SecretBytes(copying: [UInt8](repeating: 1, count: keys.encryption.count)),
                integrity: SecretBytes(copying: [UInt8](repeating: 1, count: keys.integrity.count)))
        }
        #expect(ends.refusal(try ends.sealed(inner)) == .wrongICV)
    }

    @Test func `extended numbers are followed over 2^32, out of order and back`() throws {
        let ends = try SAEnds(.gcm(.extended), after: 0x7fff_ffff)
        let inner = try innerPacket(.v4, 5)
        #expect(ends.refusal(try ends.sealed(inner)) == nil)
        for number in [0xffff_fffe, 0x1_0000_0001, 0xffff_ffff, 0x1_0000_0000] as [UInt64] {
            #expect(ends.refusal(try ends.forged(number, inner: inner, nextHeader: 4)) == nil)
            #expect(ends.refusal(try ends.forged(number, inner: inner, nextHeader: 4)) == .replayed)
        }
        #expect(ends.receiver.counters.sequenceNumber == 0x1_0000_0001)
        // The low half is right, the high one is not.
        #expect(ends.refusal(try ends.forged(2, inner: inner, nextHeader: 4)) == .wrongICV)
        #expect(ends.refusal(try ends.forged(0x2_0000_0002, inner: inner, nextHeader: 4)) == .wrongICV)
        #expect(ends.refusal(try ends.forged(0x1_0000_0002, inner: inner, nextHeader: 4)) == nil)
    }

    @Test func `a volume that is reached asks for a successor, then ends the SA`() throws {
        let ends = try SAEnds { $0.packets = VolumeLimit(rekey: 2, hard: 3) }
        let inner = try innerPacket(.v4, 1)
        var due: [VolumeWatch.Due?] = []
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(ends.refusal(try ends.forged(number, inner: inner, nextHeader: 4)) == nil)
            due.append(ends.receiver.takeDue())
        }
        #expect(due == [nil, .soft, .hard])
        #expect(ends.refusal(try ends.forged(4, inner: inner, nextHeader: 4)) == .spent)
        #expect(ends.receiver.counters.packets == 3)
        #expect(ends.receiver.takeDue() == nil)
    }
}
