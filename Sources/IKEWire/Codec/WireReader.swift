/// Reads octets from front to back and never leaves its container.
///
/// All parsing of the module goes through it. Each length field opens a `sub`, which is then `finish`ed.
struct WireReader {
    private var remaining: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.remaining = bytes
    }

    /// Octets that are left.
    var count: Int { self.remaining.count }
    /// True if none are left.
    var isAtEnd: Bool { self.remaining.isEmpty }

    /// The next `count` octets.
    mutating func bytes(_ count: Int, _ field: String) throws(WireFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= self.remaining.count else {
            throw .truncated(field: field, need: count, have: self.remaining.count)
        }
        defer { self.remaining = self.remaining.dropFirst(count) }
        return self.remaining.prefix(count)
    }

    /// The next number in network order.
    mutating func integer<Number: FixedWidthInteger & UnsignedInteger>(
        _ field: String, as type: Number.Type = Number.self
    ) throws(WireFault) -> Number {
        let octets = try self.bytes(Number.bitWidth / 8, field)
        return Number(truncatingIfNeeded: octets.reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
    }

    /// Passes over `count` octets that must be ignored.
    mutating func skip(_ count: Int, _ field: String) throws(WireFault) {
        _ = try self.bytes(count, field)
    }

    /// A reader over the next `count` octets that cannot leave them.
    mutating func sub(_ count: Int, _ field: String) throws(WireFault) -> WireReader {
        WireReader(try self.bytes(count, field))
    }

    /// A reader over the rest of an item of `length` octets in all, of which `headerLength` are read already.
    mutating func sub(
        length: UInt16, headerLength: Int, _ field: String
    ) throws(WireFault) -> WireReader {
        guard length >= headerLength else { throw .badValue(field: field + " length", value: UInt64(length)) }
        return try self.sub(Int(length) - headerLength, field)
    }

    /// All octets that are left.
    mutating func rest() -> ArraySlice<UInt8> {
        defer { self.remaining = [] }
        return self.remaining
    }

    /// Trailing octets are a fault.
    func finish(_ field: String) throws(WireFault) {
        guard self.isAtEnd else { throw .trailing(field: field, count: self.count) }
    }
}
