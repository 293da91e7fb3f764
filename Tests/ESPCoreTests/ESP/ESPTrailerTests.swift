import IPsecModel
import Testing

@testable import ESPCore

/// RFC 4303 §2.4 to §2.6.
@Suite struct ESPTrailerTests {
    @Test(arguments: [1, 4, 8, 16])
    func `text, padding and trailer fill whole blocks, with as little padding as will do`(alignment: Int) {
        for count in 0..<200 {
            let padding = ESPTrailer.padding(of: count, alignment: alignment)
            #expect((0..<alignment).contains(padding))
            #expect((count + padding + 2).isMultiple(of: alignment))
        }
    }

    @Test func `the padding counts up from one, then come its length and the next header`() {
        for padding in 0...255 {
            var bytes = [UInt8](repeating: 0xee, count: padding + 6)
            var memory = bytes.mutableSpan
            let end = ESPTrailer.write(&memory, at: 3, padding: padding, nextHeader: 41)
            #expect(end == padding + 5)
            let expected = (0..<padding).map { UInt8($0 + 1) } + [UInt8(padding), 41]
            #expect(bytes == [0xee, 0xee, 0xee] + expected + [0xee])
        }
    }

    @Test func `it is read from the end, whatever the padding says`() {
        let bytes: [UInt8] = [9, 9, 0xaa, 0xbb, 2, 4, 7, 7]
        let read = ESPTrailer.read(bytes.span, 0..<6)
        #expect(read?.end == 2)
        #expect(read?.nextHeader == 4)
        let all = ESPTrailer.read(bytes.span, 2..<6)
        #expect(all?.end == 2)
    }

    @Test func `a pad length beyond the text, or no room for a trailer, is none`() {
        let bytes: [UInt8] = [9, 9, 0xaa, 0xbb, 2, 4]
        #expect(ESPTrailer.read(bytes.span, 3..<6) == nil)
        #expect(ESPTrailer.read(bytes.span, 4..<6) == nil)
        #expect(ESPTrailer.read(bytes.span, 5..<6) == nil)
        #expect(ESPTrailer.read(bytes.span, 6..<6) == nil)
        #expect(ESPTrailer.read([255, 4].span, 0..<2) == nil)
        #expect(ESPTrailer.read([0, 4].span, 0..<2)?.end == 0)
    }

    @Test func `next headers are IANA's numbers of IPv4, IPv6 and no next header`() {
        #expect(ESPTrailer.NextHeader.of(.v4) == 4)
        #expect(ESPTrailer.NextHeader.of(.v6) == 41)
        #expect(ESPTrailer.NextHeader.none == 59)
    }
}
