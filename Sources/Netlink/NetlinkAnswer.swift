/// One question to the kernel, and how to recognise what answers it.
package struct NetlinkQuestion {
    /// How far the answer has come.
    package enum Progress: Hashable {
        /// More is to come.
        case unfinished
        /// All has come.
        case finished
        /// The tables changed while they were listed: the list may have holes.
        case interrupted
        /// The kernel says no.
        case refused(NetlinkVerdict)
    }

    let sequence: UInt32
    let portID: UInt32

    /// The request with the number `sequence`, from the socket with `portID`.
    package init(sequence: UInt32, portID: UInt32) {
        self.sequence = sequence
        self.portID = portID
    }

    /// Reads one datagram: messages with content go to `each`, and what answers another question is passed over.
    package func progress(
        in datagram: ArraySlice<UInt8>, each: (NetlinkMessage) throws(MalformedMessage) -> Void
    ) throws(MalformedMessage) -> Progress {
        var isInterrupted = false
        for message in try NetlinkMessage.parse(datagram) {
            guard message.sequence == self.sequence, message.portID == self.portID else { continue }
            isInterrupted = isInterrupted || message.isInterrupted
            switch message.type {
            case NetlinkMessage.Control.noOperation: continue
            case NetlinkMessage.Control.overrun: return .interrupted
            case NetlinkMessage.Control.error, NetlinkMessage.Control.done:
                let verdict = try Self.verdict(message)
                guard verdict.errno == 0 else { return .refused(verdict) }
                return isInterrupted ? .interrupted : .finished
            default: try each(message)
            }
        }
        // The remainder of a list with holes has the old sequence number and will be passed over.
        return isInterrupted ? .interrupted : .unfinished
    }

    /// NLMSG_DONE ends a list, with an errno of its own behind it in newer kernels.
    private static func verdict(_ message: NetlinkMessage) throws(MalformedMessage) -> NetlinkVerdict {
        if message.type == NetlinkMessage.Control.done, message.payload.count < 4 { return .success }
        return try NetlinkVerdict(message)
    }
}
