internal import IPsecModel

/// Errors that the gateway sends to the source of an inner packet that does not fit the tunnel: "fragmentation needed and
/// DF set" with the next-hop MTU (RFC 792, RFC 1191 §4), "packet too big" for IPv6 (RFC 4443 §3.2).
package enum ICMPError {
    /// An IPv4 error is no longer than this (RFC 1812 §4.3.2.3).
    private static let longestIPv4 = 576
    /// An IPv6 error is no longer than this (RFC 4443 §2.4 c).
    private static let longestIPv6 = 1_280

    /// Bytes that a buffer needs for any error.
    package static let maximumLength = Self.longestIPv6

    /// Writes the IP packet with the error about `packet` of `memory` into `buffer` at `offset`, and says where it lies.
    /// Nil, and the buffer is as it was, if no error may be sent about this packet or the buffer is too small.
    ///
    /// `source` is an address of the gateway, of the packet's family. `mtu` is the longest inner packet; IPv6 never hears
    /// of less than 1280 (RFC 8200 §5).
    package static func packetTooBig(
        _ memory: Span<UInt8>, _ packet: InnerPacket, mtu: Int, source: PackedAddress,
        into buffer: inout MutableSpan<UInt8>, at offset: Int
    ) -> Range<Int>? {
        guard packet.range.lowerBound >= 0, packet.range.upperBound <= memory.count,
            Self.isAllowed(memory, packet)
        else { return nil }
        let headers = packet.isIPv6 ? 48 : 28
        let longest = packet.isIPv6 ? Self.longestIPv6 : Self.longestIPv4
        let quoted = min(packet.range.count, longest - headers)
        let length = headers + quoted
        guard offset >= 0, length <= buffer.count, offset <= buffer.count - length else { return nil }
        let quote = packet.range.lowerBound..<packet.range.lowerBound + quoted
        buffer.copy(quote, of: memory, to: offset + headers)
        if packet.isIPv6 {
            Self.writeIPv6(&buffer, offset..<offset + length, from: source, to: packet.source, mtu: mtu)
        } else {
            Self.writeIPv4(&buffer, offset..<offset + length, from: source, to: packet.source, mtu: mtu)
        }
        return offset..<offset + length
    }

    /// True if an error may be sent about this packet (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4 e).
    ///
    /// None about errors, later fragments, packets to many, and packets whose source is not one host. "Packet too big" is
    /// sent about IPv6 multicast too (ibid. e.3): path MTU discovery works there. An IPv4 packet without DF is to be
    /// fragmented instead.
    package static func isAllowed(_ memory: Span<UInt8>, _ packet: InnerPacket) -> Bool {
        guard !packet.isLaterFragment, !Self.isError(packet), Self.isOneHost(packet.source, packet.isIPv6)
        else { return false }
        guard !packet.isIPv6 else { return true }
        let start = packet.range.lowerBound
        guard start >= 0, packet.range.upperBound <= memory.count else { return false }
        let hasDF = memory.load16(start + 6) & 0x4000 != 0
        return hasDF && packet.destination.low < 0xe000_0000  // multicast, class E, broadcast
    }

    private static func isError(_ packet: InnerPacket) -> Bool {
        // What has no room for a type may be anything.
        let type = packet.sourcePort.map { $0 >> 8 }
        switch (packet.isIPv6, packet.ipProtocol) {
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        case (false, IPProtocol.icmp): return type.map { [3, 4, 5, 11, 12].contains($0) } ?? true
        // RFC 4443 §2.1: errors have the high bit clear. Redirects count as well (ibid. §2.4 e.2).
        case (true, IPProtocol.icmpv6): return type.map { $0 < 128 || $0 == 137 } ?? true
        default: return false
        }
    }

    /// False for unspecified, loopback, multicast and broadcast addresses.
    private static func isOneHost(_ address: PackedAddress, _ isIPv6: Bool) -> Bool {
        guard isIPv6 else {
            let network = address.low >> 24
            return network != 0 && network != 127 && network < 224
        }
        return address.high >> 56 != 0xff && (address.high != 0 || address.low > 1)
    }

    private static func writeIPv4(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, from source: PackedAddress,
        to destination: PackedAddress, mtu: Int
    ) {
        let (start, message) = (range.lowerBound, range.lowerBound + 20)
        // RFC 1812 §4.3.2.5: an error has the precedence "internetwork control".
        buffer.store(0x45c0 as UInt16, at: start)
        buffer.store(UInt16(truncatingIfNeeded: range.count), at: start + 2)  // at most 576
        buffer.store(0x0000_4000 as UInt32, at: start + 4)  // no identification: DF is set (RFC 6864 §4.1)
        buffer.store(0x4000 as UInt16 | UInt16(IPProtocol.icmp), at: start + 8)  // TTL 64
        buffer.store(UInt32(truncatingIfNeeded: source.low), at: start + 12)
        buffer.store(UInt32(truncatingIfNeeded: destination.low), at: start + 16)
        IPv4Header.storeChecksum(&buffer, start..<message)
        buffer.store(0x0304_0000 as UInt32, at: message)  // type 3, code 4
        buffer.store(UInt32(UInt16(clamping: mtu)), at: message + 4)
        let sum = InternetChecksum.sum(buffer.span, message..<range.upperBound)
        buffer.store(~InternetChecksum.fold(sum), at: message + 2)
    }

    private static func writeIPv6(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, from source: PackedAddress,
        to destination: PackedAddress, mtu: Int
    ) {
        let (start, message) = (range.lowerBound, range.lowerBound + 40)
        let length = range.count - 40
        buffer.store(0x6000_0000 as UInt32, at: start)
        buffer.store(UInt16(truncatingIfNeeded: length), at: start + 4)  // at most 1240
        buffer.store(UInt16(IPProtocol.icmpv6) << 8 | 64, at: start + 6)
        buffer.store(source.high, at: start + 8)
        buffer.store(source.low, at: start + 16)
        buffer.store(destination.high, at: start + 24)
        buffer.store(destination.low, at: start + 32)
        buffer.store(0x0200_0000 as UInt32, at: message)  // type 2, code 0
        buffer.store(max(UInt32(clamping: mtu), UInt32(TunnelMTU.minimumIPv6)), at: message + 4)
        let pseudoHeader = InternetChecksum.pseudoHeader(
            buffer.span, header: start, family: .v6, ipProtocol: IPProtocol.icmpv6, length: length)
        let sum = InternetChecksum.sum(buffer.span, message..<range.upperBound, from: pseudoHeader)
        buffer.store(~InternetChecksum.fold(sum), at: message + 2)
    }
}
