package import IPsecModel

/// An address of either family in two words, as the packet path compares it. IPv4 addresses are in `low`; the family
/// stands elsewhere.
package struct PackedAddress: Hashable, Comparable, Sendable {
    /// The first 64 bits of an IPv6 address, or zero.
    package let high: UInt64
    /// The last 64 bits of an IPv6 address, or the 32 of an IPv4 address.
    package let low: UInt64

    /// The address of these two halves.
    @inline(__always) package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The same address as the rest of the program knows it.
    package init(_ address: IPAddress) {
        let number = address.number
        self.init(high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }

    /// The address as the rest of the program knows it.
    package func address(_ family: AddressFamily) -> IPAddress {
        IPAddress(family: family, number: UInt128(self.high) << 64 | UInt128(self.low))
    }

    @inline(__always) package static func < (left: PackedAddress, right: PackedAddress) -> Bool {
        left.high < right.high || left.high == right.high && left.low < right.low
    }

    /// The bits that both have.
    @inline(__always) static func & (left: PackedAddress, right: PackedAddress) -> PackedAddress {
        PackedAddress(high: left.high & right.high, low: left.low & right.low)
    }

    /// `length` leading ones among the bits of an IPv6 or an IPv4 address.
    static func mask(_ length: Int, isIPv6: Bool) -> PackedAddress {
        let hostBits = max((isIPv6 ? 128 : 32) - length, 0)
        // A shift by the whole width gives zero.
        let mask = UInt128.max << UInt128(hostBits)
        return PackedAddress(
            high: isIPv6 ? UInt64(truncatingIfNeeded: mask >> 64) : 0,
            low: UInt64(truncatingIfNeeded: mask) & (isIPv6 ? .max : 0xffff_ffff))
    }
}
