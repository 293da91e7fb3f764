// Numbers in network byte order in the bytes of a packet.
//
// Packets are changed where they lie, so everything takes a span of the whole buffer and an offset into it. These few
// lines are the only ones of the packet path that are marked unsafe: a load or a copy of several bytes at once, after
// the bounds have been checked. Bytes one by one, which would need no mark, cost three times as much.

extension Span<UInt8> {
    /// The 16-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load16(_ offset: Int) -> UInt16 {
        // SAFETY: `unsafeLoadUnaligned` checks the bounds; any bytes are a number.
        unsafe UInt16(bigEndian: self.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The 32-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load32(_ offset: Int) -> UInt32 {
        // SAFETY: `unsafeLoadUnaligned` checks the bounds; any bytes are a number.
        unsafe UInt32(bigEndian: self.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The 64-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load64(_ offset: Int) -> UInt64 {
        // SAFETY: `unsafeLoadUnaligned` checks the bounds; any bytes are a number.
        unsafe UInt64(bigEndian: self.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension MutableSpan<UInt8> {
    /// The 16-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load16(_ offset: Int) -> UInt16 { self.span.load16(offset) }

    /// The 32-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load32(_ offset: Int) -> UInt32 { self.span.load32(offset) }

    /// The 64-bit number at `offset`. Reading beyond the end traps.
    @inlinable package func load64(_ offset: Int) -> UInt64 { self.span.load64(offset) }

    /// Writes a number of any width at `offset`. Writing beyond the end traps.
    @inlinable package mutating func store(
        _ number: some FixedWidthInteger & UnsignedInteger & BitwiseCopyable, at offset: Int
    ) {
        // SAFETY: any bytes are a byte; the store checks the bounds.
        var bytes = unsafe self.mutableBytes
        bytes.storeBytes(of: number.bigEndian, toByteOffset: offset, as: type(of: number).self)
    }

    /// Copies the bytes of `source` to `offset`; they may overlap. Leaving the span traps.
    @inlinable package mutating func copy(_ source: Range<Int>, to offset: Int) {
        let count = self.count
        precondition(
            source.lowerBound >= 0 && source.upperBound <= count && offset >= 0
                && offset <= count - source.count)
        // SAFETY: both ranges lie within the span, as was just checked.
        unsafe self.withUnsafeMutableBytes { memory in
            let from = unsafe UnsafeRawBufferPointer(rebasing: memory[source])
            unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset..<(offset + source.count)])
                .copyMemory(from: from)
        }
    }

    /// Copies the bytes `range` of another span to `offset`. Leaving either span traps.
    @inlinable package mutating func copy(_ range: Range<Int>, of source: Span<UInt8>, to offset: Int) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= source.count && offset >= 0
                && offset <= self.count - range.count)
        // SAFETY: both ranges lie within their spans, as was just checked; the spans do not overlap, since this one is
        // ours alone.
        unsafe source.withUnsafeBytes { from in
            unsafe self.withUnsafeMutableBytes { to in
                unsafe UnsafeMutableRawBufferPointer(rebasing: to[offset..<(offset + range.count)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: from[range]))
            }
        }
    }
}
