package import IPsecModel

/// What ESP must know of an IP packet inside a tunnel: its length, and the fields that the selectors look at
/// (RFC 4301 §4.4.1.1).
///
/// It is a description of bytes, not the bytes: offsets hold for the buffer that it was made from.
package struct InnerPacket: Equatable, Sendable {
    /// True for IPv6, false for IPv4.
    package let isIPv6: Bool
    /// Where the packet lies in its buffer, from the IP header to the end that its length field gives. Bytes behind that
    /// are padding for traffic flow confidentiality (RFC 4303 §2.7).
    package let range: Range<Int>
    /// The upper layer, behind the extension headers of IPv6. In a later fragment, what the IP header or the fragment
    /// header says.
    package let ipProtocol: UInt8
    /// The Type of Service octet or Traffic Class: six bits DSCP, two bits ECN.
    package let trafficClass: UInt8
    /// True for each fragment, the first one too.
    package let isFragment: Bool
    /// True for a fragment that does not begin the packet, so has no transport header.
    package let isLaterFragment: Bool
    /// Where the bytes behind the IP header and its extension headers begin; at most the end of `range`.
    package let payloadOffset: Int
    /// The packet's source.
    package let source: PackedAddress
    /// The packet's destination.
    package let destination: PackedAddress
    /// True if the two numbers below are in the packet.
    let hasPorts: Bool
    /// See `sourcePort`; zero without one.
    let rawSourcePort: UInt16
    /// See `destinationPort`; zero without one.
    let rawDestinationPort: UInt16

    /// The version of IP. On the path of packets `isIPv6` is cheaper: `==` of a type of another module is a call.
    @inline(__always) package var family: AddressFamily { self.isIPv6 ? .v6 : .v4 }

    /// Where the transport header begins; nil in a later fragment, which has none.
    @inline(__always) package var transportOffset: Int? { self.isLaterFragment ? nil : self.payloadOffset }

    /// The source port, or what stands for it in selectors: type × 256 + code of ICMP (RFC 7296 §3.13.1). Nil if the
    /// packet has none.
    @inline(__always) package var sourcePort: UInt16? { self.hasPorts ? self.rawSourcePort : nil }

    /// The destination port, or what stands for it: the same number as `sourcePort` for ICMP.
    @inline(__always) package var destinationPort: UInt16? { self.hasPorts ? self.rawDestinationPort : nil }

    /// Describes the packet at the beginning of `range`; nil if it is not a well-formed IP packet that ends within it.
    package init?(_ memory: Span<UInt8>, _ range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= memory.count, range.count >= 20 else { return nil }
        switch memory[range.lowerBound] >> 4 {
        case 4: self.init(ipv4: memory, range)
        case 6: self.init(ipv6: memory, range)
        default: return nil
        }
    }

    /// RFC 791 §3.1. At least 20 bytes are there.
    @inline(__always) private init?(ipv4 memory: Span<UInt8>, _ range: Range<Int>) {
        let start = range.lowerBound
        let headerLength = Int(memory[start] & 0xf) * 4
        let totalLength = Int(memory.load16(start + 2))
        guard headerLength >= 20, headerLength <= totalLength, totalLength <= range.count else { return nil }
        let fragment = memory.load16(start + 6)
        let addresses = memory.load64(start + 12)
        self.isIPv6 = false
        self.range = start..<start + totalLength
        self.trafficClass = memory[start + 1]
        self.ipProtocol = memory[start + 9]
        self.isFragment = fragment & 0x3fff != 0  // more fragments, or an offset
        self.isLaterFragment = fragment & 0x1fff != 0
        self.payloadOffset = start + headerLength
        self.source = PackedAddress(high: 0, low: addresses >> 32)
        self.destination = PackedAddress(high: 0, low: addresses & 0xffff_ffff)
        let ports =
            self.isLaterFragment
            ? nil : Self.ports(memory, self.payloadOffset..<self.range.upperBound, self.ipProtocol)
        self.hasPorts = ports != nil
        self.rawSourcePort = UInt16(truncatingIfNeeded: (ports ?? 0) >> 16)
        self.rawDestinationPort = UInt16(truncatingIfNeeded: ports ?? 0)
    }

    // A jumbogram (RFC 2675), whose length field is zero, is no packet for us: ESP cannot carry it and
    // TUN does not make one.
    /// RFC 8200 §3.
    @inline(__always) private init?(ipv6 memory: Span<UInt8>, _ range: Range<Int>) {
        let start = range.lowerBound
        guard range.count >= 40 else { return nil }
        let end = start + 40 + Int(memory.load16(start + 4))
        guard end <= range.upperBound else { return nil }
        var headers = IPv6HeaderChain(next: memory[start + 6], offset: start + 40)
        guard !headers.isExtension || headers.walk(memory, end: end) else { return nil }
        self.isIPv6 = true
        self.range = start..<end
        self.trafficClass = UInt8(truncatingIfNeeded: memory.load16(start) >> 4)
        self.ipProtocol = headers.next
        self.isFragment = headers.isFragment
        self.isLaterFragment = headers.isLaterFragment
        self.payloadOffset = headers.offset
        self.source = PackedAddress(high: memory.load64(start + 8), low: memory.load64(start + 16))
        self.destination = PackedAddress(high: memory.load64(start + 24), low: memory.load64(start + 32))
        let ports = self.isLaterFragment ? nil : Self.ports(memory, headers.offset..<end, headers.next)
        self.hasPorts = ports != nil
        self.rawSourcePort = UInt16(truncatingIfNeeded: (ports ?? 0) >> 16)
        self.rawDestinationPort = UInt16(truncatingIfNeeded: ports ?? 0)
    }

    /// Both ports as they lie in the first four bytes of `payload`, or what stands for them; nil if there are none.
    @inline(__always) private static func ports(
        _ memory: Span<UInt8>, _ payload: Range<Int>, _ ipProtocol: UInt8
    ) -> UInt32? {
        let start = payload.lowerBound
        switch ipProtocol {
        case IPProtocol.tcp, IPProtocol.udp, IPProtocol.dccp, IPProtocol.sctp, IPProtocol.udpLite:
            return payload.count >= 4 ? memory.load32(start) : nil
        case IPProtocol.icmp, IPProtocol.icmpv6:
            guard payload.count >= 2 else { return nil }
            return UInt32(memory.load16(start)) * 0x1_0001
        case IPProtocol.mobility:
            // RFC 7296 §3.13.1: the type in the high octet, nothing in the low one.
            guard payload.count >= 3 else { return nil }
            return UInt32(memory[start + 2]) << 8 * 0x1_0001
        default: return nil
        }
    }
}
