internal import IPsecModel

/// The walk from an IPv6 header to its upper layer (RFC 8200 §4).
struct IPv6HeaderChain {
    /// The protocol number of the header at `offset`.
    private(set) var next: UInt8
    /// Where that header begins.
    private(set) var offset: Int
    /// True if a fragment header was passed that is not that of a whole packet (RFC 6946: offset 0, no more fragments).
    private(set) var isFragment = false
    /// True if that fragment does not begin the packet.
    private(set) var isLaterFragment = false

    /// Nobody sends more of them; each kind comes once, destination options twice (RFC 8200 §4.1).
    static let limit = 8

    /// A walk that begins at `offset` with the header `next`.
    @inline(__always) init(next: UInt8, offset: Int) {
        self.next = next
        self.offset = offset
    }

    /// True if there is something to walk over.
    @inline(__always) var isExtension: Bool {
        switch self.next {
        case IPProtocol.hopByHopOptions, IPProtocol.routing, IPProtocol.fragment,
            IPProtocol.destinationOptions:
            return true
        default: return false
        }
    }

    /// Goes to the upper layer, or to what lies behind the header of a later fragment. False if a header leaves the
    /// packet, which ends at `end`, or if there are too many.
    mutating func walk(_ memory: Span<UInt8>, end: Int) -> Bool {
        for _ in 0..<Self.limit {
            guard self.isExtension else { return true }
            guard end - self.offset >= 8 else { return false }
            guard self.next == IPProtocol.fragment else {
                let length = 8 + 8 * Int(memory[self.offset + 1])
                guard length <= end - self.offset else { return false }
                self.next = memory[self.offset]
                self.offset += length
                continue
            }
            let fragment = memory.load16(self.offset + 2)
            self.next = memory[self.offset]
            self.offset += 8
            self.isFragment = self.isFragment || fragment & 0xfff9 != 0
            // What follows is a piece of something: its bytes are not a header, whatever `next` says.
            self.isLaterFragment = fragment & 0xfff8 != 0
            if self.isLaterFragment { return true }
        }
        return !self.isExtension
    }
}
