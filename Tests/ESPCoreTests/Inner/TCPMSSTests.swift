import ESPCore
import IPsecModel
import Testing

@Suite struct TCPMSSTests {
    /// The packet after clamping, and whether it was said to have changed.
    private func clamped(
        _ bytes: [UInt8], _ limit: UInt16, isChecksumPartial: Bool = false
    ) throws -> (bytes: [UInt8], hasChanged: Bool) {
        var bytes = bytes
        let packet = try #require(parsed(bytes))
        var memory = bytes.mutableSpan
        let hasChanged = TCPMSS.clamp(&memory, packet, to: limit, isChecksumPartial: isChecksumPartial)
        return (bytes, hasChanged)
    }

    private static let syn =
        "4500003400070000400666ad0a0100050a0200099c4001bb000000000000000080022000"
        + "980d0000020405b40402030307000000"

    /// The same segments by an independent program, with the one and the other MSS.
    @Test(
        arguments: [
            (
                syn,
                "4500003400070000400666ad0a0100050a0200099c4001bb000000000000000080022000"
                    + "984b0000020405760402030307000000", 1_398
            ),
            (  // the number is at an odd place
                "4500003000070000400666b10a0100050a0200099c4001bb00000000000000007012200003b50000"
                    + "01020405b4010101",
                "4500003000070000400666b10a0100050a0200099c4001bb00000000000000007012200041b50000"
                    + "0102040576010101", 1_398
            ),
            (
                "600000000024064020010db800000000000000000000000120010db8ffff00000000000000000002"
                    + "0016c35000000000000000009002200020450000080a00000001000000020101020405a0",
                "600000000024064020010db800000000000000000000000120010db8ffff00000000000000000002"
                    + "0016c35000000000000000009002200021350000080a00000001000000020101020404b0", 1_200
            ),
        ] as [(String, String, UInt16)])
    func `the option is lowered and the checksum stays right`(before: String, after: String, limit: UInt16)
        throws
    {
        let result = try self.clamped(try octets(before), limit)
        #expect(result.bytes == (try octets(after)))
        #expect(result.hasChanged)
    }

    @Test func `a partial checksum is left for who completes it`() throws {
        var expected = try octets(Self.syn)
        (expected[42], expected[43]) = (0x05, 0x76)
        let result = try self.clamped(try octets(Self.syn), 1_398, isChecksumPartial: true)
        #expect(result.bytes == expected)
    }

    @Test(arguments: [1_460, 1_461, 65_535] as [UInt16])
    func `it is never raised`(limit: UInt16) throws {
        let bytes = try octets(Self.syn)
        let result = try self.clamped(bytes, limit)
        #expect(result.bytes == bytes)
        #expect(!result.hasChanged)
    }

    @Test func `segments without SYN, fragments and other protocols are left alone`() throws {
        let syn = try octets(Self.syn)
        for (place, value) in [(33, 0x10), (7, 1), (9, 17)] as [(Int, UInt8)] {
            var bytes = syn
            bytes[place] = value
            let result = try self.clamped(bytes, 500)
            #expect(result.bytes == bytes)
            #expect(!result.hasChanged)
        }
    }

    @Test(
        arguments: [
            [2, 3, 5, 180, 0, 0, 0, 0], [2, 5, 5, 180, 0, 0, 0, 0], [2, 0, 5, 180, 0, 0, 0, 0],
            [8, 0, 2, 4, 5, 180, 0, 0], [8, 1, 2, 4, 5, 180, 0, 0], [8, 9, 2, 4, 5, 180, 0, 0],
            [0, 2, 4, 5, 180, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 2], [1, 1, 1, 1, 1, 2, 4, 5],
            [1, 1, 1, 1, 1, 1, 8, 4], [5, 8, 2, 4, 5, 180, 0, 0],
        ] as [[UInt8]])
    func `options that are malformed, or hide the number in another one, are left alone`(options: [UInt8])
        throws
    {
        let header: [UInt8] = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x70, 2, 0, 0, 0, 0, 0, 0]
        let bytes = try packet("10.0.0.1", "10.0.0.2", 6, header + options)
        let result = try self.clamped(bytes, 500)
        #expect(result.bytes == bytes)
        #expect(!result.hasChanged)
    }

    @Test func `a header length that contradicts the packet is left alone`() throws {
        for length in 0...15 as ClosedRange<UInt8> where length != 8 {
            var bytes = try octets(Self.syn)
            bytes[32] = length << 4
            let result = try self.clamped(bytes, 500)
            #expect(result.hasChanged == (6...7).contains(length))
        }
    }

    @Test func `random segments never trap, and stay right if they were`() throws {
        var numbers = Numbers(seed: 6)
        var changes = 0
        for _ in 0..<50_000 {
            var segment = numbers.bytes(20 + Int(numbers.next() % 41))
            segment[12] = UInt8(numbers.next() % 16) << 4
            segment[13] |= 2
            for place in 20..<segment.count where numbers.next() & 1 == 0 {
                segment[place] = UInt8(numbers.next() % 5)
            }
            let bytes = try packet("10.0.0.1", "10.0.0.2", 6, segment)
            let sum = InternetChecksum.fold(InternetChecksum.sum(bytes.span, 20..<bytes.count))
            let result = try self.clamped(bytes, 300)
            let after = InternetChecksum.fold(InternetChecksum.sum(result.bytes.span, 20..<bytes.count))
            #expect(sum == after)
            #expect(result.hasChanged == (result.bytes != bytes))
            changes += result.hasChanged ? 1 : 0
        }
        #expect(changes > 100)
    }
}
