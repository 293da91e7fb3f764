package import IPsecModel

// The kernel's structures hold most numbers in the byte order of the machine.

extension [UInt8] {
    /// Appends `number` in the machine's byte order.
    package mutating func appendNative<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number) {
        let stored = number.littleEndian
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            self.append(UInt8(truncatingIfNeeded: stored >> Number(shift)))
        }
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// The number that `bytes` hold in the machine's byte order; nil if there are too many or too few.
    package init?(nativeBytes bytes: some Collection<UInt8>) {
        guard bytes.count == Self.bitWidth / 8 else { return nil }
        var stored: Self = 0
        for byte in bytes.reversed() { stored = stored << 8 | Self(byte) }
        self.init(littleEndian: stored)
    }
}

extension AddressFamily {
    /// AF_INET or AF_INET6.
    package var systemNumber: UInt16 { self == .v6 ? 10 : 2 }

    /// The family of AF_INET or AF_INET6; nil for any other.
    package init?(systemNumber: UInt16) {
        switch systemNumber {
        case 2: self = .v4
        case 10: self = .v6
        default: return nil
        }
    }
}
