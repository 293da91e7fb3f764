/// The attributes at the end of a message. Of an attribute that comes twice the last counts, as in the kernel.
package struct NetlinkAttributes {
    private var values: [UInt16: ArraySlice<UInt8>] = [:]

    /// Reads `bytes` to their end; a length that is too small or too large is a fault, not an endless loop.
    package init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        var rest = bytes
        while !rest.isEmpty {
            var reader = KernelReader(rest)
            let length = Int(try reader.native("nla_len", as: UInt16.self))
            let type = try reader.native("nla_type", as: UInt16.self)
            guard length >= 4, length <= rest.count else { throw MalformedMessage(field: "nla_len") }
            // The two highest bits are NLA_F_NESTED and NLA_F_NET_BYTEORDER.
            self.values[type & 0x3fff] = rest.prefix(length).dropFirst(4)
            rest = rest.dropFirst(length + (4 - length % 4) % 4)
        }
    }

    /// The content of an attribute, or nil if it is absent.
    package subscript(number number: UInt16) -> ArraySlice<UInt8>? { self.values[number] }
}
