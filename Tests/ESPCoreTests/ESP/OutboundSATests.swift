import ESPCore
import IPsecModel
import Testing

/// RFC 4303 §3.3.
@Suite struct OutboundSATests {
    @Test(arguments: ESPSuite.all) func `sequence numbers count up from one, behind the SPI`(
        _ suite: ESPSuite
    )
        throws
    {
        let ends = try SAEnds(suite)
        #expect(ends.sender.counters == SACounters())
        for number in 1...255 as ClosedRange<UInt8> {
            let bytes = try ends.sealed(try innerPacket(.v4, 40))
            #expect(Array(bytes.prefix(8)) == [0xc1, 0x23, 0x45, 0x67, 0, 0, 0, number])
        }
        #expect(ends.sender.counters.packets == 255)
        #expect(ends.sender.counters.bytes == 255 * 60)
        #expect(ends.sender.counters.sequenceNumber == 255)
    }

    @Test func `it goes on behind the number of the SA before a move`() throws {
        let ends = try SAEnds(after: 0x0102_0303)
        #expect(Array(try ends.sealed(try innerPacket(.v6, 1))[4..<8]) == [1, 2, 3, 4])
    }

    @Test(arguments: ESPSuite.all) func `the packet is as long as it was said to be`(_ suite: ESPSuite) throws
    {
        let ends = try SAEnds(suite)
        let isAEAD = suite.protection.encryption.isAEAD
        let (vector, block) = isAEAD ? (8, 4) : (16, 16)
        let icv = isAEAD ? 16 : suite.protection.integrityKeyBytes / 2
        #expect(ends.sender.headerLength == 8 + vector)
        for count in 0..<100 {
            let text = (count + 2 + block - 1) / block * block
            #expect(ends.sender.sealedLength(of: count) == 8 + vector + text + icv)
        }
    }

    @Test func `without extended numbers 2^32 − 1 is the last, and none is used again`() throws {
        let ends = try SAEnds(after: 0xffff_fffd)
        let inner = try innerPacket(.v4, 12)
        #expect(Array(try ends.sealed(inner)[4..<8]) == [0xff, 0xff, 0xff, 0xfe])
        #expect(Array(try ends.sealed(inner)[4..<8]) == [0xff, 0xff, 0xff, 0xff])
        for _ in 0..<3 {
            let (outcome, bytes) = ends.seal(inner)
            #expect(outcome == .exhausted)
            // Nothing was written over the text, or before it.
            #expect(bytes.prefix(16).allSatisfy { $0 == 0xee })
            #expect(Array(bytes[16..<(16 + inner.count)]) == inner)
        }
        #expect(ends.sender.counters.packets == 2)
        #expect(ends.sender.counters.sequenceNumber == 0xffff_ffff)
        #expect(ends.sender.takeDue() == .hard)
        #expect(ends.seal(inner).0 == .exhausted)
    }

    @Test func `with extended numbers it goes on, and ends at 2^64 − 1`() throws {
        let inner = try innerPacket(.v4, 12)
        let ends = try SAEnds(.gcm(.extended), after: 0xffff_fffe)
        #expect(Array(try ends.sealed(inner)[4..<8]) == [0xff, 0xff, 0xff, 0xff])
        #expect(Array(try ends.sealed(inner)[4..<8]) == [0, 0, 0, 0])
        #expect(ends.sender.counters.sequenceNumber == 0x1_0000_0000)
        let last = try SAEnds(.gcm(.extended), after: .max - 1)
        #expect(Array(try last.sealed(inner)[4..<8]) == [0xff, 0xff, 0xff, 0xff])
        #expect(last.seal(inner).0 == .exhausted)
        #expect(last.sender.counters.sequenceNumber == .max)
    }

    @Test func `a successor is asked for once, long before the numbers end`() throws {
        let ends = try SAEnds(after: 0xdfff_fffe)
        let inner = try innerPacket(.v4, 12)
        _ = try ends.sealed(inner)
        #expect(ends.sender.takeDue() == nil)
        _ = try ends.sealed(inner)
        #expect(ends.sender.takeDue() == .soft)
        _ = try ends.sealed(inner)
        #expect(ends.sender.takeDue() == nil)
    }

    @Test(arguments: [
        (VolumeLimit.none, VolumeLimit(rekey: 3, hard: 5)),
        (VolumeLimit(rekey: 180, hard: 300), VolumeLimit.none),
    ])
    func `a volume that is reached asks for a successor, then ends the SA`(
        bytes: VolumeLimit, packets: VolumeLimit
    ) throws {
        let ends = try SAEnds {
            $0.bytes = bytes
            $0.packets = packets
        }
        let inner = try innerPacket(.v4, 40)
        var due: [VolumeWatch.Due?] = []
        for _ in 0..<5 {
            _ = try ends.sealed(inner)
            due.append(ends.sender.takeDue())
        }
        #expect(due == [nil, nil, .soft, nil, .hard])
        #expect(ends.seal(inner).0 == .exhausted)
        #expect(ends.sender.takeDue() == nil)
        #expect(ends.sender.counters.packets == 5)
        #expect(ends.sender.counters.sequenceNumber == 5)
    }

    @Test func `without room nothing is written and no number is used`() throws {
        let ends = try SAEnds()
        let need = ends.sender.sealedLength(of: 20)
        for count in 0..<need {
            var bytes = [UInt8](repeating: 0xee, count: count)
            var memory = bytes.mutableSpan
            #expect(ends.sender.seal(&memory, at: 0, innerCount: 20, nextHeader: 4) == .noRoom)
            #expect(bytes.allSatisfy { $0 == 0xee })
        }
        var bytes = [UInt8](repeating: 0xee, count: need + 9)
        var memory = bytes.mutableSpan
        #expect(ends.sender.seal(&memory, at: 10, innerCount: 20, nextHeader: 4) == .noRoom)
        #expect(ends.sender.counters == SACounters())
        #expect(ends.sender.seal(&memory, at: 9, innerCount: 20, nextHeader: 4) == .sealed(need))
        #expect(bytes.prefix(9).allSatisfy { $0 == 0xee })
    }

    @Test(arguments: [
        (0, Int.max), (0, Int.max - 64), (0, -1), (0, Int.min), (-1, 20), (Int.min, 20), (Int.max, 20),
        (Int.max, Int.max), (200, 0), (201, 0),
    ])
    func `places that cannot be are no room, and trap nothing`(offset: Int, count: Int) throws {
        let ends = try SAEnds()
        var bytes = [UInt8](repeating: 0, count: 200)
        var memory = bytes.mutableSpan
        #expect(ends.sender.seal(&memory, at: offset, innerCount: count, nextHeader: 4) == .noRoom)
        #expect(ends.sender.counters == SACounters())
        #expect(bytes.allSatisfy { $0 == 0 })
    }
}
