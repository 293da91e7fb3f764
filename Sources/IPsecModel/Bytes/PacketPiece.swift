/// A part of a packet that lies scattered in one buffer.
package struct PacketPiece: Hashable, Sendable, BitwiseCopyable {
    /// Where it begins in the buffer.
    package var offset: Int32
    /// How many bytes there are.
    package var count: Int32

    /// The `count` bytes at `offset`.
    package init(offset: Int32, count: Int32) {
        self.offset = offset
        self.count = count
    }

    /// The bytes `range`, which must fit 32 bits: buffers of packets are far smaller.
    package init(_ range: Range<Int>) {
        self.offset = Int32(truncatingIfNeeded: range.lowerBound)
        self.count = Int32(truncatingIfNeeded: range.count)
    }

    /// The bytes in the buffer.
    package var range: Range<Int> {
        let start = Int(self.offset)
        return start..<(start + max(0, Int(self.count)))
    }
}
