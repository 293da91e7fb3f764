/// Appends octets. No length is computed by its callers.
struct WireWriter {
    private(set) var octets: [UInt8] = []

    mutating func bytes(_ bytes: some Sequence<UInt8>) {
        self.octets.append(contentsOf: bytes)
    }

    /// `number` in network order.
    mutating func integer(_ number: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            self.octets.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// `count` octets that are zero on sending.
    mutating func reserved(_ count: Int) {
        self.octets.append(contentsOf: repeatElement(0, count: count))
    }

    /// `count`, at most `limit`, as a number of type `Number`.
    mutating func count<Number: FixedWidthInteger & UnsignedInteger>(
        _ count: Int, limit: Int, as type: Number.Type, _ field: String
    ) throws(WireFault) {
        try WireLimits.check(count, limit: limit, field)
        guard let number = Number(exactly: count) else {
            throw .tooMany(field: field, limit: Int(clamping: Number.max))
        }
        self.integer(number)
    }

    /// A 16-bit length and what `body` writes. The length counts that and `headerLength` octets before it.
    mutating func lengthPrefixed(
        _ field: String, headerLength: Int, _ body: (inout WireWriter) throws(WireFault) -> Void
    ) throws(WireFault) {
        let start = self.octets.count
        self.reserved(2)
        try body(&self)
        let total = self.octets.count - start - 2 + headerLength
        guard let length = UInt16(exactly: total) else {
            throw .tooLong(field: field, limit: Int(UInt16.max), have: total)
        }
        self.octets.replaceSubrange(start..<start + 2, with: [UInt8(length >> 8), UInt8(length & 0xff)])
    }
}
