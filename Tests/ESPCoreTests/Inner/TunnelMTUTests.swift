import ESPCore
import IPsecModel
import Testing

/// What a transform says of its lengths.
struct TransformLengths: Sendable {
    let iv: Int
    let icv: Int
    let alignment: Int

    static let gcm = TransformLengths(iv: 8, icv: 16, alignment: 4)
    static let cbcSHA256 = TransformLengths(iv: 16, icv: 16, alignment: 16)
    static let cbcSHA512 = TransformLengths(iv: 16, icv: 32, alignment: 16)
}

@Suite struct TunnelMTUTests {
    private func tunnel(
        _ path: Int, _ outer: AddressFamily, udp: Bool, _ lengths: TransformLengths
    ) -> TunnelMTU {
        TunnelMTU(
            path: path, outer: outer, isEncapsulatedInUDP: udp, ivLength: lengths.iv, icvLength: lengths.icv,
            alignment: lengths.alignment)
    }

    /// What other implementations publish for a path of 1500 bytes.
    @Test func `the figures for Ethernet are those that are published`() {
        #expect(self.tunnel(1_500, .v4, udp: true, .gcm).capacity == 1_438)
        #expect(self.tunnel(1_500, .v4, udp: true, .gcm).maximumSegmentSize(.v4) == 1_398)
        #expect(self.tunnel(1_500, .v4, udp: false, .gcm).capacity == 1_446)
        #expect(self.tunnel(1_500, .v4, udp: true, .cbcSHA256).capacity == 1_422)
        #expect(self.tunnel(1_500, .v6, udp: true, .gcm).capacity == 1_418)
        #expect(self.tunnel(1_500, .v6, udp: true, .gcm).maximumSegmentSize(.v6) == 1_358)
    }

    /// RFC 4303 §2: the ESP packet built up field by field.
    private func outerLength(
        _ inner: Int, _ outer: AddressFamily, udp: Bool, _ lengths: TransformLengths
    ) -> Int {
        var text = inner + 2
        while !text.isMultiple(of: lengths.alignment) { text += 1 }
        return (outer == .v4 ? 20 : 40) + (udp ? 8 : 0) + 8 + lengths.iv + text + lengths.icv
    }

    @Test func `the longest packet fits the path, and one more byte does not`() {
        for lengths in [TransformLengths.gcm, .cbcSHA256, .cbcSHA512] {
            for path in 576...1_600 {
                for (outer, udp) in [
                    (AddressFamily.v4, false), (.v4, true), (.v6, false), (.v6, true),
                ] {
                    let capacity = self.tunnel(path, outer, udp: udp, lengths).capacity
                    #expect(self.outerLength(capacity, outer, udp: udp, lengths) <= path)
                    #expect(self.outerLength(capacity + 1, outer, udp: udp, lengths) > path)
                }
            }
        }
    }

    @Test func `a path that is too small is said, and each family keeps what it needs`() {
        let large = self.tunnel(1_344, .v4, udp: true, .gcm)
        #expect(large.capacity == 1_282)
        #expect(large.shortage == .none)
        let medium = self.tunnel(1_340, .v4, udp: true, .gcm)
        #expect(medium.capacity == 1_278)
        #expect(medium.shortage == .ipv6)
        #expect(medium.limit(.v6) == 1_280)
        #expect(medium.limit(.v4) == 1_278)
        let small = self.tunnel(576, .v4, udp: true, .gcm)
        #expect(small.shortage == .both)
        #expect(small.limit(.v4) == 576)
        #expect(small.limit(.v6) == 1_280)
        #expect(small.maximumSegmentSize(.v4) == 536)
        #expect(small.maximumSegmentSize(.v6) == 1_220)
    }

    @Test(arguments: [Int.min, -1, 0, 1, 61, 62, 65_535, 65_536, Int.max])
    func `absurd paths do not trap`(path: Int) {
        let tunnel = self.tunnel(path, .v6, udp: true, .cbcSHA512)
        #expect((0...65_535).contains(tunnel.capacity))
        #expect(tunnel.limit(.v4) >= 576)
    }
}
