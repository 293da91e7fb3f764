/// One message from the kernel; many may share a datagram.
package struct NetlinkMessage {
    /// Bytes of `struct nlmsghdr`.
    package static let headerLength = 16
    /// NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE and NLMSG_OVERRUN.
    package enum Control {
        package static let noOperation: UInt16 = 1
        package static let error: UInt16 = 2
        package static let done: UInt16 = 3
        package static let overrun: UInt16 = 4
    }

    /// The kind: one of `Control` or a message of the protocol.
    package let type: UInt16
    /// NLM_F_DUMP_INTR: the tables changed while they were listed.
    package let isInterrupted: Bool
    /// NLM_F_CAPPED: an error does not repeat our request behind its header.
    package let isCapped: Bool
    /// NLM_F_ACK_TLVS: an error has attributes.
    package let hasErrorAttributes: Bool
    /// The request that it answers.
    package let sequence: UInt32
    /// To whom an answer goes; of a notification, who caused it.
    package let portID: UInt32
    /// What follows the header.
    package let payload: ArraySlice<UInt8>

    /// The messages in one datagram.
    package static func parse(_ datagram: ArraySlice<UInt8>) throws(MalformedMessage) -> [NetlinkMessage] {
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
