/// Cuts a stream of bytes into lines, and never holds more than one line of the allowed length.
package struct LineBuffer: Sendable {
    /// The line is longer than allowed; nothing after it can be understood.
    package struct TooLong: Error, Hashable, Sendable {
        /// The allowed length in bytes, the newline excluded.
        package let limit: Int
    }

    private let limit: Int
    private var partial: [UInt8] = []

    /// A buffer for lines of at most `limit` bytes, the newline excluded.
    package init(limit: Int) {
        self.limit = limit
    }

    /// True if bytes came after the last newline.
    package var hasPartialLine: Bool { !self.partial.isEmpty }

    /// Takes the next bytes of the stream, and returns the lines that they complete, without their newlines.
    ///
    /// After `TooLong` the buffer is of no use any more.
    package mutating func append(_ bytes: some Collection<UInt8>) throws(TooLong) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: 0x0a) {
            try self.extend(by: rest[..<newline])
            lines.append(self.partial)
            self.partial.removeAll(keepingCapacity: true)
            rest = rest[rest.index(after: newline)...]
        }
        try self.extend(by: rest)
        return lines
    }

    private mutating func extend(by bytes: some Collection<UInt8>) throws(TooLong) {
        guard bytes.count <= self.limit - self.partial.count else { throw TooLong(limit: self.limit) }
        self.partial.append(contentsOf: bytes)
    }
}
