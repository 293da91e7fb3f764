// Numbers in network byte order in the bytes of a packet.
//
// Packets are changed where they lie, so everything takes a span of the whole buffer and an offset into it. These few
// lines are the only ones of the packet path that are marked unsafe: a load, a copy or a sum of several bytes at once,
// after the bounds have been checked. Bytes one by one, which would need no mark, cost three times as much.

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

    /// A number that is congruent, modulo 65,535, to the sum of the 16-bit numbers in `range`; below 2^33, and zero only
    /// if all bytes are. An odd last byte counts as if a zero followed it. Leaving the span traps.
    ///
    /// This is the sum of RFC 1071 before its last folding. The order of bytes within a word and the width of the words
    /// do not matter to it (§2), so it adds as many bytes at once as the machine can.
    @inlinable package func sumWords(_ range: Range<Int>) -> UInt64 {
        precondition(range.lowerBound >= 0 && range.upperBound <= self.count)
        let count = range.count
        var offset = range.lowerBound
        var sum: UInt64 = 0
        if count >= 64 {
            // Sums of 64-bit numbers that lose what overflows, and of their high halves, which do not overflow before
            // 32 GB: together they say what the low halves come to, with one operation less than if those were masked.
            var all = SIMD8<UInt64>()
            var high = SIMD8<UInt64>()
            for _ in 0..<(count / 64) {
                // SAFETY: this load, and those below, stay within `range`, which is within the span, as was just checked.
                let words = unsafe self.bytes.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: offset, as: SIMD8<UInt64>.self)
                all &+= words
                high &+= words &>> 32
                offset += 64
            }
            sum = (all &- (high &<< 32)).wrappedSum() &+ high.wrappedSum()
        }
        for _ in 0..<(count % 64 / 8) {
            let word = unsafe self.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: UInt64.self)
            sum &+= (word & 0xffff_ffff) &+ word &>> 32
            offset += 8
        }
        if count & 4 != 0 {
            sum &+= unsafe UInt64(
                self.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
            offset += 4
        }
        if count & 2 != 0 {
            sum &+= unsafe UInt64(
                self.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
            offset += 2
        }
        if count & 1 != 0 { sum &+= UInt64(UInt16(bigEndian: UInt16(self[offset]) << 8)) }
        // To network order: 65,536 is congruent to 1, so all words of the number may change places.
        sum = sum.bigEndian
        return (sum & 0xffff_ffff) + sum &>> 32
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
