internal import IPsecModel
internal import LinuxIO

/// Bytes from the kernel that are not what linux/netlink.h and linux/xfrm.h promise.
struct MalformedMessage: Error, Hashable {
    /// The field that is wrong.
    let field: String
}

/// Takes fields off the front of bytes; it never reads past their end.
struct KernelReader {
    private(set) var rest: ArraySlice<UInt8>

    /// Reads `bytes` from their beginning.
    init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    /// The next `count` bytes.
    mutating func bytes(_ count: Int, _ field: String) throws(MalformedMessage) -> ArraySlice<UInt8> {
        guard count >= 0, count <= self.rest.count else { throw MalformedMessage(field: field) }
        defer { self.rest = self.rest.dropFirst(count) }
        return self.rest.prefix(count)
    }

    /// A number in the machine's byte order.
    mutating func native<Number: FixedWidthInteger & UnsignedInteger>(
        _ field: String, as type: Number.Type = Number.self
    ) throws(MalformedMessage) -> Number {
        let bytes = try self.bytes(Number.bitWidth / 8, field)
        guard let number = Number(nativeBytes: bytes) else { throw MalformedMessage(field: field) }
        return number
    }

    /// A 16-bit number in network byte order.
    mutating func port(_ field: String) throws(MalformedMessage) -> UInt16 {
        try self.bytes(2, field).reduce(0) { $0 << 8 | UInt16($1) }
    }

    /// An SPI.
    mutating func spi(_ field: String) throws(MalformedMessage) -> ESPSPI {
        ESPSPI(try self.bytes(4, field).reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// `xfrm_address_t`, still without its family.
    mutating func address(_ field: String) throws(MalformedMessage) -> ArraySlice<UInt8> {
        try self.bytes(16, field)
    }
}

extension IPAddress {
    /// The address of `family` in the 16 bytes of an `xfrm_address_t`.
    init(_ bytes: ArraySlice<UInt8>, family: AddressFamily, _ field: String) throws(MalformedMessage) {
        guard let address = IPAddress(bytes: bytes.prefix(family == .v6 ? 16 : 4)) else {
            throw MalformedMessage(field: field)
        }
        self = address
    }
}

/// One message from the kernel; many may share a datagram.
struct NetlinkMessage {
    /// Bytes of `struct nlmsghdr`.
    static let headerLength = 16
    /// NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE and NLMSG_OVERRUN.
    enum Control {
        static let noOperation: UInt16 = 1
        static let error: UInt16 = 2
        static let done: UInt16 = 3
        static let overrun: UInt16 = 4
    }

    /// The kind: one of `Control` or an XFRM message.
    let type: UInt16
    /// NLM_F_DUMP_INTR: the tables changed while they were listed.
    let isInterrupted: Bool
    /// NLM_F_CAPPED: an error does not repeat our request behind its header.
    let isCapped: Bool
    /// NLM_F_ACK_TLVS: an error has attributes.
    let hasErrorAttributes: Bool
    /// The request that it answers.
    let sequence: UInt32
    /// To whom an answer goes; of a notification, who caused it.
    let portID: UInt32
    /// What follows the header.
    let payload: ArraySlice<UInt8>

    /// The messages in one datagram.
    static func parse(_ datagram: ArraySlice<UInt8>) throws(MalformedMessage) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = datagram
        while !rest.isEmpty {
            var reader = KernelReader(rest)
            let length = Int(try reader.native("nlmsg_len", as: UInt32.self))
            guard length >= Self.headerLength, length <= rest.count else {
                throw MalformedMessage(field: "nlmsg_len")
            }
            let type = try reader.native("nlmsg_type", as: UInt16.self)
            let flags = try reader.native("nlmsg_flags", as: UInt16.self)
            messages.append(
                NetlinkMessage(
                    type: type, isInterrupted: flags & 0x10 != 0, isCapped: flags & 0x100 != 0,
                    hasErrorAttributes: flags & 0x200 != 0,
                    sequence: try reader.native("nlmsg_seq"), portID: try reader.native("nlmsg_pid"),
                    payload: rest.prefix(length).dropFirst(Self.headerLength)))
            // The last message need not be padded.
            rest = rest.dropFirst(length + (4 - length % 4) % 4)
        }
        return messages
    }
}

/// The attributes at the end of a message. Of an attribute that comes twice the last counts, as in the kernel.
struct NetlinkAttributes {
    private var values: [UInt16: ArraySlice<UInt8>] = [:]

    /// Reads `bytes` to their end; a length that is too small or too large is a fault, not an endless loop.
    init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
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
    subscript(attribute: XFRMAttribute) -> ArraySlice<UInt8>? { self.values[attribute.rawValue] }

    /// The content of an attribute that has another numbering than XFRM's.
    subscript(number number: UInt16) -> ArraySlice<UInt8>? { self.values[number] }
}

/// NLMSG_ERROR: the verdict on a request.
struct NetlinkVerdict: Hashable {
    /// The errno; 0 means that all is well.
    let errno: Int32
    /// The kernel's own words (NLMSGERR_ATTR_MSG), printable ASCII only; may be empty.
    let text: String

    /// All is well.
    static let success = NetlinkVerdict(errno: 0, text: "")

    /// We cannot read the kernel's answer.
    static func malformed(_ fault: MalformedMessage) -> NetlinkVerdict {
        NetlinkVerdict(errno: Errno.badMessage, text: "cannot read \(fault.field) in the answer")
    }

    private init(errno: Int32, text: String) {
        self.errno = errno
        self.text = text
    }

    /// Reads the payload of an NLMSG_ERROR or NLMSG_DONE.
    init(_ message: NetlinkMessage) throws(MalformedMessage) {
        var reader = KernelReader(message.payload)
        let code = Int32(bitPattern: try reader.native("error", as: UInt32.self))
        // The kernel says −errno; a positive value would be its bug and still no success.
        self.errno = Int32(clamping: code.magnitude)
        guard message.type == NetlinkMessage.Control.error, message.hasErrorAttributes else {
            self.text = ""
            return
        }
        let requestLength = Int(try reader.native("error request length", as: UInt32.self))
        _ = try reader.bytes(NetlinkMessage.headerLength - 4, "error request")
        if !message.isCapped {
            let payload = requestLength - NetlinkMessage.headerLength
            guard payload >= 0, payload <= reader.rest.count else {
                throw MalformedMessage(field: "error request length")
            }
            _ = try reader.bytes(min(payload + (4 - payload % 4) % 4, reader.rest.count), "error request")
        }
        let attributes = try NetlinkAttributes(reader.rest)
        let text = attributes[number: 1] ?? []  // NLMSGERR_ATTR_MSG
        let printable = text.prefix(200).prefix { $0 != 0 }.filter { (0x20..<0x7f).contains($0) }
        self.text = String(decoding: printable, as: UTF8.self)
    }
}
