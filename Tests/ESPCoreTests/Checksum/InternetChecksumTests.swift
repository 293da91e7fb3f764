import ESPCore
import IPsecModel
import Testing

@Suite struct InternetChecksumTests {
    @Test func `the example of RFC 1071 §3 sums to ddf2`() throws {
        let bytes = try octets("0001 f203 f4f5 f6f7")
        #expect(InternetChecksum.fold(InternetChecksum.sum(bytes.span, 0..<8)) == 0xddf2)
    }

    @Test func `the example of RFC 1624 §4 comes to zero, not to minus zero`() {
        #expect(InternetChecksum.update(0xdd2f, from: 0x5555, to: 0x3285) == 0x0000)
    }

    /// Headers with a right checksum, by an independent program.
    @Test(
        arguments: [
            "45b9003400070000400665f40a0100050a020009",
            "470000270001000040118187c0000201c63364020707040000000000",
            "4500002000050002401166c40a0000010a000002",
        ])
    func `a header with its checksum sums to ffff`(header: String) throws {
        let bytes = try octets(header)
        #expect(InternetChecksum.fold(InternetChecksum.sum(bytes.span, 0..<bytes.count)) == 0xffff)
    }

    @Test func `the sum is that of 16-bit words one by one, for each length and place`() {
        var numbers = Numbers(seed: 1)
        let bytes = numbers.bytes(300)
        for start in 0..<9 {
            for end in start...bytes.count {
                let sum = InternetChecksum.sum(bytes.span, start..<end)
                #expect(InternetChecksum.fold(sum) == plainSum(bytes[start..<end]))
            }
        }
    }

    @Test func `ones do not overflow, and zeros stay zero`() {
        for count in [0, 1, 2, 63, 64, 65, 1_400, 65_535, 1 << 20] {
            let ones = [UInt8](repeating: 0xff, count: count)
            let expected: UInt16 = count == 0 ? 0 : count.isMultiple(of: 2) ? 0xffff : 0xff00
            #expect(InternetChecksum.fold(InternetChecksum.sum(ones.span, 0..<count)) == expected)
            let zeros = [UInt8](repeating: 0, count: count)
            #expect(InternetChecksum.fold(InternetChecksum.sum(zeros.span, 0..<count)) == 0)
        }
    }

    @Test func `pieces of even length add up`() {
        var numbers = Numbers(seed: 2)
        let bytes = numbers.bytes(501)
        let whole = InternetChecksum.fold(InternetChecksum.sum(bytes.span, 0..<501))
        for cut in stride(from: 0, through: 500, by: 2) {
            let first = InternetChecksum.sum(bytes.span, 0..<cut)
            #expect(InternetChecksum.fold(InternetChecksum.sum(bytes.span, cut..<501, from: first)) == whole)
        }
    }

    @Test func `an update is the same as a new sum`() {
        var numbers = Numbers(seed: 3)
        for _ in 0..<1_000 {
            var bytes = numbers.bytes(40)
            let old = ~plainSum(bytes[...])
            let word = Int(numbers.next() % 20) * 2
            let before = UInt16(bytes[word]) << 8 | UInt16(bytes[word + 1])
            (bytes[word], bytes[word + 1]) = (
                UInt8(truncatingIfNeeded: numbers.next()), UInt8(truncatingIfNeeded: numbers.next())
            )
            let after = UInt16(bytes[word]) << 8 | UInt16(bytes[word + 1])
            #expect(InternetChecksum.update(old, from: before, to: after) == ~plainSum(bytes[...]))
        }
    }

    @Test(arguments: [
        "45b9003400070000400665f40a0100050a0200099c4001bb000000000000000080022000980d00000204"
            + "05b40402030307000000",
        "6b9123450018064020010db800000000000000000000000120010db8ffff00000000000000000002"
            + "0016c350000000000000000060122000594f0000020405a0",
        "6000000000183afffe800000000000000000000000000001ff0200000000000000000001ff000002"
            + "87007da100000000fe800000000000000000000000000002",
    ])
    func `pseudo-header and segment sum to ffff`(hex: String) throws {
        let bytes = try octets(hex)
        let packet = try #require(parsed(bytes))
        let transport = try #require(packet.transportOffset)
        let pseudo = InternetChecksum.pseudoHeader(bytes.span, packet)
        let sum = InternetChecksum.sum(bytes.span, transport..<bytes.count, from: pseudo)
        #expect(InternetChecksum.fold(sum) == 0xffff)
    }

    /// RFC 1071 §1 word by word.
    private func plainSum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var sum: UInt32 = 0
        for (place, byte) in bytes.enumerated() {
            sum += place.isMultiple(of: 2) ? UInt32(byte) << 8 : UInt32(byte)
            sum = (sum & 0xffff) + sum >> 16
        }
        return UInt16(sum)
    }
}
