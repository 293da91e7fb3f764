package import IPsecModel

/// The end of an ESP packet's text: padding, its length, and what the text is (RFC 4303 §2.4–2.6).
package enum ESPTrailer {
    /// Bytes of the pad length and the next header.
    package static let fixedLength = 2

    /// What is inside of an ESP packet in tunnel mode (RFC 4303 §2.6).
    package enum NextHeader {
        /// An IPv4 packet.
        package static let ipv4 = IPProtocol.ipv4
        /// An IPv6 packet.
        package static let ipv6 = IPProtocol.ipv6
        /// Nothing: a dummy packet, which hides how much is really said (RFC 4303 §2.6).
        package static let none = IPProtocol.noNextHeader

        /// A packet of `family`.
        package static func of(_ family: AddressFamily) -> UInt8 {
            switch family {
            case .v4: return self.ipv4
            case .v6: return self.ipv6
            }
        }
    }

    /// Bytes of padding that bring `count` bytes and the fixed part to a multiple of `alignment`.
    package static func padding(of count: Int, alignment: Int) -> Int {
        let excess = (count + Self.fixedLength) % alignment
        return excess == 0 ? 0 : alignment - excess
    }

    /// Writes the trailer behind a text that ends at `offset`; returns where the trailer ends.
    static func write(
        _ memory: inout MutableSpan<UInt8>, at offset: Int, padding: Int, nextHeader: UInt8
    ) -> Int {
        // RFC 4303 §2.4: the bytes are 1, 2, 3, …
        for index in 0..<padding { memory[offset + index] = UInt8(truncatingIfNeeded: index + 1) }
        memory[offset + padding] = UInt8(truncatingIfNeeded: padding)
        memory[offset + padding + 1] = nextHeader
        return offset + padding + Self.fixedLength
    }

    /// Where the text of `range` ends without its trailer, and what it is; nil if the pad length cannot be.
    ///
    /// The padding itself is not looked at: the ICV covers it, and peers may fill it as they like.
    static func read(_ memory: Span<UInt8>, _ range: Range<Int>) -> (end: Int, nextHeader: UInt8)? {
        guard range.count >= Self.fixedLength else { return nil }
        let padding = Int(memory[range.upperBound - 2])
        let end = range.upperBound - Self.fixedLength - padding
        guard end >= range.lowerBound else { return nil }
        return (end, memory[range.upperBound - 1])
    }
}
