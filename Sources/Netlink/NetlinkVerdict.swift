internal import LinuxIO

/// NLMSG_ERROR: the verdict on a request.
package struct NetlinkVerdict: Hashable {
    /// The errno; 0 means that all is well.
    package let errno: Int32
    /// The kernel's own words (NLMSGERR_ATTR_MSG), printable ASCII only; may be empty.
    package let text: String

    /// All is well.
    package static let success = NetlinkVerdict(errno: 0, text: "")

    /// We cannot read the kernel's answer.
    static func malformed(_ fault: MalformedMessage) -> NetlinkVerdict {
        NetlinkVerdict(errno: Errno.badMessage, text: "cannot read \(fault.field) in the answer")
    }

    private init(errno: Int32, text: String) {
        self.errno = errno
        self.text = text
    }

    /// Reads the payload of an NLMSG_ERROR or NLMSG_DONE.
    package init(_ message: NetlinkMessage) throws(MalformedMessage) {
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
