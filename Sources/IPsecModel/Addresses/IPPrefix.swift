/// An address block, such as 10.1.0.0/24; the host bits are zero.
package struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the block.
    package let address: IPAddress
    /// How many leading bits all addresses of the block share.
    package var length: Int { Int(self.bits) }
    /// At most 128. There are thousands of these.
    private let bits: UInt8

    /// The block of `length` leading bits around `address`, or nil if the family has fewer bits.
    package init?(_ address: IPAddress, length: Int) {
        guard (0...address.family.bitWidth).contains(length) else { return nil }
        let mask = Self.hostMask(family: address.family, length: length)
        self.address = IPAddress(family: address.family, number: address.number & ~mask)
        self.bits = UInt8(truncatingIfNeeded: length)
    }

    /// Reads `10.1.0.0/24` or a lone address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
        guard parts.count == 2 else {
            self.init(address, length: address.family.bitWidth)
            return
        }
        guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy(\.isDigit), let length = Int(parts[1]) else {
            return nil
        }
        self.init(address, length: length)
    }

    /// The last address of the block.
    package var last: IPAddress {
        let mask = Self.hostMask(family: self.address.family, length: self.length)
        return IPAddress(family: self.address.family, number: self.address.number | mask)
    }

    /// True if `address` belongs to the block.
    package func contains(_ address: IPAddress) -> Bool {
        address.family == self.address.family && self.address <= address && address <= self.last
    }

    package var description: String { "\(self.address)/\(self.length)" }

    private static func hostMask(family: AddressFamily, length: Int) -> UInt128 {
        let hostBits = family.bitWidth - length
        return hostBits >= 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1
    }
}
