/// An IPv4 address.
package struct IPv4Address: Hashable, Comparable, Sendable {
    /// The address as a number; the first octet is the most significant.
    package let bits: UInt32

    /// The address with the number `bits`.
    package init(bits: UInt32) {
        self.bits = bits
    }

    /// The address `a.b.c.d`.
    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.bits = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.bits < right.bits }
}

/// An IPv6 address.
package struct IPv6Address: Hashable, Comparable, Sendable {
    // Two halves, not a UInt128: Swift 6.3.1 passes a structure that holds one (alignment 16) through memory
    // that is aligned to 8 only, and the debug build then crashes on an aligned load.
    private let high: UInt64
    private let low: UInt64

    /// The address as a number; the first octet is the most significant.
    package var bits: UInt128 { UInt128(self.high) << 64 | UInt128(self.low) }

    /// The address with the number `bits`.
    package init(bits: UInt128) {
        self.high = UInt64(truncatingIfNeeded: bits >> 64)
        self.low = UInt64(truncatingIfNeeded: bits)
    }

    package static func < (left: IPv6Address, right: IPv6Address) -> Bool { left.bits < right.bits }
}

/// An IPv4 or IPv6 address. All IPv4 addresses sort before all IPv6 addresses.
package enum IPAddress: Hashable, Sendable {
    case v4(IPv4Address)
    case v6(IPv6Address)

    /// The address in network byte order, or nil if there are not 4 or 16 bytes.
    package init?(bytes: some Collection<UInt8>) { self.init(Array(bytes)) }

    /// Not generic: for other modules that would not be specialised, and each byte would cost some calls.
    private init?(_ bytes: [UInt8]) {
        switch bytes.count {
        case 4: self = .v4(IPv4Address(bits: bytes.reduce(0) { $0 << 8 | UInt32($1) }))
        case 16: self = .v6(IPv6Address(bits: bytes.reduce(0) { $0 << 8 | UInt128($1) }))
        default: return nil
        }
    }

    /// 4 or 16 bytes in network byte order.
    package var bytes: [UInt8] {
        switch self {
        case .v4(let address):
            return (0..<4).map { UInt8(truncatingIfNeeded: address.bits >> (24 - 8 * UInt32($0))) }
        case .v6(let address):
            return (0..<16).map { UInt8(truncatingIfNeeded: address.bits >> (120 - 8 * UInt128($0))) }
        }
    }

    /// Which of the two families the address belongs to.
    package var family: AddressFamily {
        switch self {
        case .v4: return .v4
        case .v6: return .v6
        }
    }

    /// True for 0.0.0.0 and ::.
    package var isUnspecified: Bool {
        switch self {
        case .v4(let address): return address.bits == 0
        case .v6(let address): return address.bits == 0
        }
    }

    /// True for fe80::/10, which mean something on one link only.
    package var isLinkLocal: Bool {
        switch self {
        case .v4: return false
        case .v6(let address): return address.bits >> 118 == 0x3fa
        }
    }

    /// The address as a number.
    package var number: UInt128 {
        switch self {
        case .v4(let address): return UInt128(address.bits)
        case .v6(let address): return address.bits
        }
    }

    /// The address of `family` with the low bits of `number`.
    package init(family: AddressFamily, number: UInt128) {
        switch family {
        case .v4: self = .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: number)))
        case .v6: self = .v6(IPv6Address(bits: number))
        }
    }
}

/// IPv4 or IPv6.
package enum AddressFamily: Hashable, Sendable, BitwiseCopyable {
    case v4
    case v6

    /// Inlined, unlike what the compiler would make: it is asked for each packet.
    @inlinable package static func == (left: AddressFamily, right: AddressFamily) -> Bool {
        switch (left, right) {
        case (.v4, .v4), (.v6, .v6): return true
        case (.v4, .v6), (.v6, .v4): return false
        }
    }

    /// Bits of an address: 32 or 128.
    package var bitWidth: Int { self == .v4 ? 32 : 128 }

    /// The address 0.0.0.0 or ::.
    package var unspecified: IPAddress { IPAddress(family: self, number: 0) }
}

extension IPAddress: Comparable {
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let a), .v4(let b)): return a < b
        case (.v6(let a), .v6(let b)): return a < b
        case (.v4, .v6): return true
        case (.v6, .v4): return false
        }
    }
}
