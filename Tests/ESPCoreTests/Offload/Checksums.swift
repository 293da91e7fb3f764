// Checksums by the letter of RFC 1071, to check those of the module.

/// The one's complement sum of 16-bit words; an odd last byte is the high one of a word.
func onesComplementSum(_ bytes: some Sequence<UInt8>) -> UInt16 {
    var sum: UInt32 = 0
    for (place, byte) in bytes.enumerated() {
        sum += place.isMultiple(of: 2) ? UInt32(byte) << 8 : UInt32(byte)
        sum = (sum & 0xffff) + sum >> 16
    }
    return UInt16(sum)
}

extension [UInt8] {
    func number16(_ offset: Int) -> Int { Int(self[offset]) << 8 | Int(self[offset + 1]) }

    func number32(_ offset: Int) -> UInt32 {
        UInt32(self.number16(offset)) << 16 | UInt32(self.number16(offset + 2))
    }

    mutating func set16(_ number: Int, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: number >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: number)
    }

    /// The checksum of the IPv4 header (RFC 791 §3.1) that this begins with.
    mutating func storeIPv4Checksum() {
        let length = Int(self[0] & 0xf) * 4
        self.set16(0, at: 10)
        self.set16(Int(~onesComplementSum(self.prefix(length))), at: 10)
    }
}
