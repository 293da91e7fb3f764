import ESPCore
import IPsecModel
import Testing

@Suite struct InnerFragmentationTests {
    private func begun(_ bytes: [UInt8], mtu: Int) throws -> InnerFragmentation? {
        let packet = try #require(parsed(bytes))
        return InnerFragmentation(bytes.span, packet, mtu: mtu)
    }

    /// All fragments, each made at offset 3 of a buffer; nil if the packet cannot be cut.
    private func fragments(_ bytes: [UInt8], mtu: Int) throws -> [[UInt8]]? {
        guard var fragmentation = try self.begun(bytes, mtu: mtu) else { return nil }
        var fragments: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0xee, count: 3 + 65_535)
        while true {
            var memory = buffer.mutableSpan
            guard let range = fragmentation.next(bytes.span, into: &memory, at: 3) else { return fragments }
            try #require(fragments.count < 10_000)
            fragments.append(Array(buffer[range]))
        }
    }

    private static let bytes0to39 =
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
    private static let bytes40to87 =
        "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657"
    private static let bytes0to47 = bytes0to39 + "28292a2b2c2d2e2f"
    private static let bytes48to79 = "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f"

    /// The same packets cut by an independent program.
    @Test(
        arguments: [
            (  // a whole packet
                "45000080beef00004011a77b0a0000010a00000200010002006c4f43" + bytes0to39 + bytes40to87
                    + "58595a5b5c5d5e5f60616263", 68,
                [
                    "45000044beef2000401187b70a0000010a00000200010002006c4f43" + bytes0to39,
                    "45000044beef2006401187b10a0000010a000002" + bytes40to87,
                    "45000020beef000c4011a7cf0a0000010a00000258595a5b5c5d5e5f60616263",
                ]
            ),
            (  // a fragment from the middle of a packet
                "45000074beef2003401187840a0000010a000002" + bytes0to47 + bytes48to79
                    + "505152535455565758595a5b5c5d5e5f", 68,
                [
                    "45000044beef2003401187b40a0000010a000002" + bytes0to47,
                    "45000044beef2009401187ae0a0000010a000002" + bytes48to79
                        + "505152535455565758595a5b5c5d5e5f",
                ]
            ),
            (  // the last fragment of a packet
                "4500006ebeef00034011a78a0a0000010a000002" + bytes0to47 + bytes48to79
                    + "50515253545556575859",
                75,
                [
                    "45000044beef2003401187b40a0000010a000002" + bytes0to47,
                    "4500003ebeef00094011a7b40a0000010a000002" + bytes48to79 + "50515253545556575859",
                ]
            ),
            (  // record route, which is not copied, no operation, and router alert, which is
                "48000070beef00004011057f0a0000010a000002070704000000000194040000" + bytes0to47 + bytes48to79,
                72,
                [
                    "48000048beef20004011e5a60a0000010a000002070704000000000194040000" + bytes0to39,
                    "46000040beef0005401112b20a0000010a00000294040000" + "28292a2b2c2d2e2f" + bytes48to79,
                ]
            ),
        ] as [(String, Int, [String])])
    func `fragments are those of RFC 791`(whole: String, mtu: Int, pieces: [String]) throws {
        let made = try #require(try self.fragments(try octets(whole), mtu: mtu))
        #expect(made == (try pieces.map(octets)))
    }

    @Test func `IPv6, DF, and an MTU without room for eight bytes are refused`() throws {
        #expect(try self.fragments(try packet("::1", "::2", 17, ports(1, 2)), mtu: 1_280) == nil)
        var bytes = try packet("10.0.0.1", "10.0.0.2", 17, [UInt8](repeating: 1, count: 100))
        #expect(try self.fragments(bytes, mtu: 27) == nil)
        #expect(try self.fragments(bytes, mtu: Int.min + 100) == nil)
        #expect(try self.fragments(bytes, mtu: 28)?.count == 13)
        bytes[6] = 0x40
        #expect(try self.fragments(bytes, mtu: 28) == nil)
    }

    @Test func `a packet that fits stays whole`() throws {
        let bytes = try octets("4500001800010000402f66b40a0000010a00000200000800")
        #expect(try self.fragments(bytes, mtu: 1_400) == [bytes])
        let empty = try octets("4500001400010000402f66b80a0000010a000002")
        #expect(try self.fragments(empty, mtu: 1_400) == [empty])
    }

    @Test func `a fragment that would end beyond 65535 bytes is refused`() throws {
        var bytes = try packet("10.0.0.1", "10.0.0.2", 17, [UInt8](repeating: 1, count: 100))
        (bytes[6], bytes[7]) = (0x1f, 0xff)
        #expect(try self.fragments(bytes, mtu: 68) == nil)
        (bytes[6], bytes[7]) = (0x1f, 0xf2)
        #expect(try self.fragments(bytes, mtu: 68) != nil)
        bytes[7] = 0xf3
        #expect(try self.fragments(bytes, mtu: 68) != nil)
        bytes[7] = 0xf4
        #expect(try self.fragments(bytes, mtu: 68) == nil)
    }

    @Test(arguments: ["0708000000000000", "9400000000000000", "9401000000000000", "0101010101010194"])
    func `malformed options are refused`(options: String) throws {
        let header = try octets("4700003c00000000401100000a0000010a000002")
        let bytes = header + (try octets(options)) + [UInt8](repeating: 1, count: 32)
        let isLegal = options == "0708000000000000"
        #expect((try self.fragments(bytes, mtu: 48) != nil) == isLegal)
    }

    @Test func `a buffer without room gets nothing, and the fragment may be had later`() throws {
        let bytes = try packet("10.0.0.1", "10.0.0.2", 17, [UInt8](repeating: 1, count: 100))
        var fragmentation = try #require(try self.begun(bytes, mtu: 68))
        var buffer = [UInt8](repeating: 0xee, count: 68)
        var memory = buffer.mutableSpan
        let refused = fragmentation.next(bytes.span, into: &memory, at: 1)
        let made = fragmentation.next(bytes.span, into: &memory, at: 0)
        #expect(refused == nil)
        #expect(made == 0..<68)
    }

    @Test func `random packets come together again`() throws {
        var numbers = Numbers(seed: 7)
        for _ in 0..<2_000 {
            let payload = numbers.bytes(Int(numbers.next() % 2_000))
            let options: [UInt8] = [
                [], [0x94, 4, 0, 0], [1, 1, 7, 3, 0, 0, 0, 0], [0x88, 4, 1, 2, 1, 1, 1, 0],
            ][
                Int(numbers.next() % 4)]
            var bytes = try packet("10.0.0.1", "10.0.0.2", 17, options + payload)
            bytes[0] += UInt8(options.count / 4)
            let offset = Int(numbers.next() % 1_000)
            (bytes[6], bytes[7]) = (
                UInt8(offset >> 8) | (numbers.next() & 1 == 0 ? 0x20 : 0), UInt8(offset & 0xff)
            )
            let mtu = 60 + Int(numbers.next() % 1_500)
            let made = try #require(try self.fragments(bytes, mtu: mtu))
            var rest = payload[...]
            for (index, fragment) in made.enumerated() {
                #expect(fragment.count <= mtu)
                let inner = try #require(parsed(fragment))
                let header = inner.payloadOffset
                #expect(InternetChecksum.fold(InternetChecksum.sum(fragment.span, 0..<header)) == 0xffff)
                let word = Int(fragment[6]) << 8 | Int(fragment[7])
                #expect((word & 0x1fff) * 8 == offset * 8 + (payload.count - rest.count))
                let isLast = index == made.count - 1
                #expect((word & 0x2000 != 0) == (!isLast || bytes[6] & 0x20 != 0))
                #expect(isLast || (fragment.count - header).isMultiple(of: 8))
                #expect(rest.starts(with: fragment[header...]))
                rest = rest.dropFirst(fragment.count - header)
            }
            #expect(rest.isEmpty)
        }
    }
}
