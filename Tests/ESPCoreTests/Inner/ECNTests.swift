import ESPCore
import IPsecModel
import Testing

@Suite struct ECNTests {
    /// RFC 6040 §4.2, figure 4: rows are inner headers, columns Not-ECT, ECT(0), ECT(1) and CE outside.
    private static let figure4: [(inner: ECN, outgoing: [ECN?])] = [
        (.notECT, [.notECT, .notECT, .notECT, nil]),
        (.ect0, [.ect0, .ect0, .ect1, .congestionExperienced]),
        (.ect1, [.ect1, .ect1, .ect1, .congestionExperienced]),
        (
            .congestionExperienced,
            [.congestionExperienced, .congestionExperienced, .congestionExperienced, .congestionExperienced]
        ),
    ]
    private static let columns: [ECN] = [.notECT, .ect0, .ect1, .congestionExperienced]

    @Test func `code points are those of RFC 3168`() {
        #expect(ECN.allCases.map(\.rawValue) == [0b00, 0b01, 0b10, 0b11])
        #expect(ECN.ect0.rawValue == 0b10)
        #expect(ECN.ect1.rawValue == 0b01)
        for trafficClass in 0...255 as ClosedRange<UInt8> {
            #expect(ECN(trafficClass: trafficClass).rawValue == trafficClass & 3)
        }
    }

    @Test func `the normal mode copies DSCP and ECN to the outside`() {
        for trafficClass in 0...255 as ClosedRange<UInt8> {
            #expect(ECN.encapsulated(trafficClass) == trafficClass)
        }
    }

    @Test func `what leaves the tunnel is that of figure 4`() {
        for (inner, outgoing) in Self.figure4 {
            for (outer, expected) in zip(Self.columns, outgoing) {
                #expect(ECN.decapsulated(inner: inner, outer: outer) == expected)
            }
        }
    }

    @Test(arguments: ["10.0.0.1", "2001:db8::1"])
    func `packets are changed in place, their DSCP is kept and the header checksum stays right`(
        source: String
    ) throws {
        let destination = source == "10.0.0.1" ? "10.0.0.2" : "2001:db8::2"
        for (inner, outgoing) in Self.figure4 {
            for (outer, expected) in zip(Self.columns, outgoing) {
                var bytes = try packet(source, destination, 17, ports(1, 2))
                write(0xb8 | inner.rawValue, &bytes)
                complete(&bytes)
                var wanted = bytes
                if let expected {
                    write(0xb8 | expected.rawValue, &wanted)
                    complete(&wanted)
                }
                let described = try #require(parsed(bytes))
                var memory = bytes.mutableSpan
                // The outer DSCP does not matter.
                let isKept = ECN.apply(&memory, described, outerTrafficClass: 0x48 | outer.rawValue)
                #expect(isKept == (expected != nil))
                #expect(bytes == wanted)
            }
        }
    }

    /// The same packets by an independent program, with ECT(0) and with CE inside.
    @Test(arguments: [
        (
            "45ba001c00010000401166140a0000010a000002003500350008eb71",
            "45bb001c00010000401166130a0000010a000002003500350008eb71"
        ),
        (
            "6baabcde0008114020010db800000000000000000000000120010db8000000000000000000000002"
                + "003500350008a3ff",
            "6bbabcde0008114020010db800000000000000000000000120010db8000000000000000000000002"
                + "003500350008a3ff"
        ),
    ])
    func `CE outside becomes CE inside`(before: String, after: String) throws {
        // Behind other bytes: offsets are those of the buffer.
        var bytes = [1, 2, 3] + (try octets(before))
        let described = try #require(parsed(bytes, 3..<bytes.count))
        var memory = bytes.mutableSpan
        let isKept = ECN.apply(&memory, described, outerTrafficClass: 0x03)
        #expect(isKept)
        #expect(bytes == [1, 2, 3] + (try octets(after)))
    }

    private func write(_ trafficClass: UInt8, _ bytes: inout [UInt8]) {
        guard bytes[0] >> 4 == 6 else {
            bytes[1] = trafficClass
            return
        }
        bytes[0] = 0x60 | trafficClass >> 4
        bytes[1] = trafficClass << 4 | bytes[1] & 0xf
    }

    /// Computes the header checksum of IPv4 anew.
    private func complete(_ bytes: inout [UInt8]) {
        guard bytes[0] >> 4 == 4 else { return }
        (bytes[10], bytes[11]) = (0, 0)
        let sum = ~InternetChecksum.fold(InternetChecksum.sum(bytes.span, 0..<20))
        (bytes[10], bytes[11]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    }
}
