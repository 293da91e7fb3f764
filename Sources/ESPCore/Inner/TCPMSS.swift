internal import IPsecModel

/// The maximum segment size that TCP's ends announce to each other (RFC 9293 §3.7.1).
///
/// Hosts take it from their own link, which is not the tunnel. Where ICMP is filtered nobody tells them, so the gateway
/// lowers the number in passing.
package enum TCPMSS {
    /// Lowers the MSS option of a SYN or SYN-ACK to `limit`; true if it did.
    ///
    /// It is never raised, and a segment without the option gets none. Options that are malformed up to there are left
    /// alone. The checksum is kept right, unless `isChecksumPartial`: then only the pseudo-header is in it, and who
    /// completes it will sum up the changed segment.
    @discardableResult package static func clamp(
        _ memory: inout MutableSpan<UInt8>, _ packet: InnerPacket, to limit: UInt16,
        isChecksumPartial: Bool = false
    ) -> Bool {
        guard Self.mayAnnounce(memory.span, packet), let start = packet.transportOffset else { return false }
        let end = packet.range.upperBound
        guard let place = Self.option(memory.span, segment: start..<end) else { return false }
        let old = memory.load16(place)
        guard old > limit else { return false }
        memory.store(limit, at: place)
        if !isChecksumPartial {
            // At an odd place the high octet of the number is the low one of a word of the sum (RFC 1071 §2).
            let isOdd = !(place - start).isMultiple(of: 2)
            let checksum = InternetChecksum.update(
                memory.load16(start + 16), from: isOdd ? old.byteSwapped : old,
                to: isOdd ? limit.byteSwapped : limit)
            memory.store(checksum, at: start + 16)
        }
        return true
    }

    private static let syn: UInt8 = 0x02

    /// True for a SYN or SYN-ACK, whether it has the option or not.
    @inline(__always) package static func mayAnnounce(_ memory: Span<UInt8>, _ packet: InnerPacket) -> Bool {
        guard packet.ipProtocol == IPProtocol.tcp, let start = packet.transportOffset else { return false }
        let end = packet.range.upperBound
        return end <= memory.count && end - start >= 20 && memory[start + 13] & Self.syn != 0
    }

    /// Where the number of the MSS option is, in a segment of at least 20 bytes; nil if it has none.
    private static func option(_ memory: Span<UInt8>, segment: Range<Int>) -> Int? {
        let headerLength = Int(memory[segment.lowerBound + 12] >> 4) * 4
        guard headerLength > 20, headerLength <= segment.count else { return nil }
        let end = segment.lowerBound + headerLength
        var offset = segment.lowerBound + 20
        while offset < end {
            let kind = memory[offset]
            if kind == 0 { return nil }  // end of the list
            if kind == 1 {  // no operation
                offset += 1
                continue
            }
            guard offset + 1 < end else { return nil }
            let length = Int(memory[offset + 1])
            guard length >= 2, length <= end - offset else { return nil }
            if kind == 2 { return length == 4 ? offset + 2 : nil }
            offset += length
        }
        return nil
    }
}
