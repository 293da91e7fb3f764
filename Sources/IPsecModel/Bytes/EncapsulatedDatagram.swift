/// What came in on UDP 4500 (RFC 3948 §2), told in the order in which it costs least.
package enum EncapsulatedDatagram: Hashable, Sendable {
    /// One octet 0xFF: keeps a NAT's mapping alive, and is to be ignored (RFC 3948 §2.3).
    case keepalive
    /// An IKE message, with its non-ESP marker (RFC 3948 §2.2).
    case ike
    /// An ESP packet for the SA with this SPI (RFC 3948 §2.1).
    case esp(ESPSPI)
    /// Too short to be any of them.
    case runt

    /// Bytes of the non-ESP marker, and of an SPI.
    private static let markerLength = 4

    /// Tells what the bytes `range` of `memory` are.
    package init(_ memory: Span<UInt8>, _ range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= memory.count, !range.isEmpty else {
            self = .runt
            return
        }
        if range.count == 1, memory[range.lowerBound] == 0xff {
            self = .keepalive
            return
        }
        guard range.count >= Self.markerLength else {
            self = .runt
            return
        }
        let spi = memory.load32(range.lowerBound)
        self = spi == 0 ? .ike : .esp(ESPSPI(spi))
    }
}
