internal import LinuxIO

/// Bytes from the kernel that are not what linux/netlink.h and the headers of its protocols promise.
package struct MalformedMessage: Error, Hashable {
    /// The field that is wrong.
    package let field: String

    /// `field` is wrong.
    package init(field: String) {
        self.field = field
    }
}

/// Takes fields off the front of bytes; it never reads past their end.
package struct KernelReader {
    /// What is not read yet.
    package private(set) var rest: ArraySlice<UInt8>

    /// Reads `bytes` from their beginning.
    package init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    /// The next `count` bytes.
    package mutating func bytes(_ count: Int, _ field: String) throws(MalformedMessage) -> ArraySlice<UInt8> {
        guard count >= 0, count <= self.rest.count else { throw MalformedMessage(field: field) }
        defer { self.rest = self.rest.dropFirst(count) }
        return self.rest.prefix(count)
    }

    /// A number in the machine's byte order.
    package mutating func native<Number: FixedWidthInteger & UnsignedInteger>(
        _ field: String, as type: Number.Type = Number.self
    ) throws(MalformedMessage) -> Number {
        let bytes = try self.bytes(Number.bitWidth / 8, field)
        guard let number = Number(nativeBytes: bytes) else { throw MalformedMessage(field: field) }
        return number
    }

    /// A 16-bit number in network byte order.
    package mutating func port(_ field: String) throws(MalformedMessage) -> UInt16 {
        try self.bytes(2, field).reduce(0) { $0 << 8 | UInt16($1) }
    }
}
