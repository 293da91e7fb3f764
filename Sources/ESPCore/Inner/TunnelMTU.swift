package import IPsecModel

/// How long a packet in the tunnel may be, so that its ESP packet fits the path (RFC 4301 §8.2).
///
///     path MTU = outer IP | UDP | SPI, sequence number | IV | inner packet, padding, trailer | ICV
///
/// What is enciphered must be a multiple of the cipher's block, and its last two bytes are pad length and next header.
package struct TunnelMTU: Hashable, Sendable {
    /// What a path is too small for. A tunnel must still carry such packets: their ESP packets are then fragmented on
    /// the outside.
    package enum Shortage: Hashable, Sendable {
        /// Nothing: both families have what they need.
        case none
        /// IPv6 packets of 1280 bytes, which any link must carry (RFC 8200 §5).
        case ipv6
        /// Those, and IPv4 packets of 576 bytes, which any host must take (RFC 791 §3.1).
        case both
    }

    /// The longest inner packet whose ESP packet fits the path; 0 if none does.
    package var capacity: Int { Int(self.capacityBytes) }
    /// The path MTU, or 65,535 if that is more: no IP packet is longer.
    package var path: Int { Int(self.pathBytes) }
    private let capacityBytes: UInt16
    private let pathBytes: UInt16

    /// Each link carries IPv6 packets of this length (RFC 8200 §5).
    package static let minimumIPv6 = 1_280
    /// Each host takes IPv4 datagrams of this length (RFC 791 §3.1). Links may have less, but no sender expects it.
    package static let minimumIPv4 = 576

    /// The numbers for a path MTU, the family of the outer addresses, and the lengths that `ESPTransform` gives.
    package init(
        path: Int, outer: AddressFamily, isEncapsulatedInUDP: Bool, ivLength: Int, icvLength: Int,
        alignment: Int
    ) {
        self.pathBytes = UInt16(clamping: path)
        let outerHeader = (outer == .v4 ? 20 : 40) + (isEncapsulatedInUDP ? 8 : 0)
        let room = Int(self.pathBytes) - outerHeader - 8 - ivLength - icvLength
        let block = max(alignment, 4)
        self.capacityBytes = UInt16(clamping: room - room % block - 2)
    }

    /// The numbers for a path and what protects the packets.
    package init(
        path: Int, outer: AddressFamily, isEncapsulatedInUDP: Bool, protection: ProtectionSuite
    ) {
        self.init(
            path: path, outer: outer, isEncapsulatedInUDP: isEncapsulatedInUDP,
            ivLength: protection.espIVLength, icvLength: protection.espICVLength,
            alignment: protection.espAlignment)
    }

    /// The longest inner packet of `family` that is taken: `capacity`, but never less than what the family needs.
    package func limit(_ family: AddressFamily) -> Int {
        max(self.capacity, family == .v4 ? Self.minimumIPv4 : Self.minimumIPv6)
    }

    /// The MSS that TCP should announce, without options in its segments (RFC 6691 §2): a segment with its headers fits
    /// the tunnel.
    package func maximumSegmentSize(_ family: AddressFamily) -> UInt16 {
        UInt16(clamping: self.limit(family) - (family == .v4 ? 40 : 60))
    }

    /// What the path is too small for.
    package var shortage: Shortage {
        if self.capacity >= Self.minimumIPv6 { return .none }
        return self.capacity >= Self.minimumIPv4 ? .ipv6 : .both
    }
}
