extension AddressRange {
    /// The fewest prefixes that cover the range and no more, or nil if there would be more than `limit`.
    package func prefixes(atMost limit: Int) -> [IPPrefix]? {
        let family = self.first.family
        let blocks = AlignedBlock.covering(
            self.first.number, self.last.number, width: family.bitWidth, atMost: limit)
        return blocks?.compactMap { block in
            IPPrefix(IPAddress(family: family, number: block.start), length: family.bitWidth - block.bits)
        }
    }
}

/// 2^bits numbers from `start` on, which is a multiple of that.
package struct AlignedBlock: Hashable {
    /// The first number.
    package let start: UInt128
    /// How many low-order bits run through all their values.
    package let bits: Int

    /// The fewest blocks that cover first … last in `width` bits, or nil if there are more than `limit`.
    package static func covering(
        _ first: UInt128, _ last: UInt128, width: Int, atMost limit: Int
    ) -> [AlignedBlock]? {
        var blocks: [AlignedBlock] = []
        var start = first
        while start <= last {
            guard blocks.count < limit else { return nil }
            let alignment = min(start.trailingZeroBitCount, width)
            let distance = last - start
            // 2^bits − 1 may not exceed the distance.
            let fitting = distance == .max ? 128 : 127 - (distance + 1).leadingZeroBitCount
            let bits = min(alignment, fitting)
            blocks.append(AlignedBlock(start: start, bits: bits))
            let span = bits >= 128 ? UInt128.max : (UInt128(1) << UInt128(bits)) - 1
            guard span < distance else { break }
            start += span + 1
        }
        return blocks
    }
}
