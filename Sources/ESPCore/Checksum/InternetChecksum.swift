package import IPsecModel

/// The one's complement sum of IPv4, TCP, UDP and ICMP (RFC 1071).
///
/// A sum that is not folded is a `UInt64` in which 16-bit numbers in network order have been added up. Several may be
/// added with a plain `+`, and so may a length or a protocol number; each piece but the last must have an even length.
/// What goes into a header is the complement of the folded sum:
///
///     let sum = InternetChecksum.sum(memory, segment, from: pseudoHeader)
///     memory.store(~InternetChecksum.fold(sum), at: checksumOffset)
package enum InternetChecksum {
    /// The sum of the bytes `range`, added to `initial`. An odd last byte counts as if a zero followed it. A range that
    /// leaves the span traps.
    @inline(__always) package static func sum(
        _ bytes: Span<UInt8>, _ range: Range<Int>, from initial: UInt64 = 0
    ) -> UInt64 {
        // Each sum is below 2^33, so an overflow would take more pieces than there are packets.
        initial &+ bytes.sumWords(range)
    }

    /// The 16 bits of a sum: its complement is the checksum. Over data that include their checksum it is 0xffff
    /// (RFC 1071 §1).
    @inline(__always) package static func fold(_ sum: UInt64) -> UInt16 {
        // None of these can overflow: 33 bits, then 18, then 17, then 16.
        var folded = (sum & 0xffff_ffff) &+ sum &>> 32
        folded = (folded & 0xffff) &+ folded &>> 16
        folded = (folded & 0xffff) &+ folded &>> 16
        folded = (folded & 0xffff) &+ folded &>> 16
        return UInt16(truncatingIfNeeded: folded)
    }

    /// The checksum after one of the 16-bit words that it covers has changed (RFC 1624 §3, equation 3). The word lies at
    /// an even distance from where the sum began.
    @inline(__always) package static func update(
        _ checksum: UInt16, from old: UInt16, to new: UInt16
    ) -> UInt16 {
        ~Self.fold(UInt64(~checksum) &+ UInt64(~old) &+ UInt64(new))
    }

    /// The sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293 §3.1), or of all upper layers over IPv6
    /// (RFC 8200 §8.1), for all that lies behind the IP headers of `packet`.
    @inline(__always) package static func pseudoHeader(
        _ memory: Span<UInt8>, _ packet: InnerPacket
    ) -> UInt64 {
        Self.pseudoHeader(
            memory, header: packet.range.lowerBound, family: packet.family, ipProtocol: packet.ipProtocol,
            length: packet.range.upperBound - packet.payloadOffset)
    }

    /// The same from an IP header at `header`, which must be whole; `length` is that of the transport's header and data.
    ///
    /// Behind an IPv6 routing header the destination would be the last one of its list (RFC 8200 §8.1), which is not
    /// looked for.
    @inline(__always) package static func pseudoHeader(
        _ memory: Span<UInt8>, header: Int, family: AddressFamily, ipProtocol: UInt8, length: Int
    ) -> UInt64 {
        let addresses: Range<Int>
        switch family {  // `==` would be a call through a witness table
        case .v4: addresses = header + 12..<header + 20
        case .v6: addresses = header + 8..<header + 40
        }
        // The length has 32 bits with IPv6. Folding takes care of the high half.
        return memory.sumWords(addresses) &+ UInt64(ipProtocol)
            &+ UInt64(UInt32(truncatingIfNeeded: length))
    }
}
