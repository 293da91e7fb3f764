internal import IPsecModel

/// All pairs of selectors whose ends have prefixes of the same two lengths, found by their addresses.
///
/// It is a hash table in shards. Arrays are copied when they are changed while somebody else holds them: then a change
/// costs one shard and the list of shards, not the whole table.
struct SelectorTuple: Sendable {
    /// Which tuple: the version of IP and the prefix lengths.
    struct Shape: Hashable, Sendable {
        let isIPv6: Bool
        private let sourceBits: UInt8
        private let destinationBits: UInt8

        var sourceLength: Int { Int(self.sourceBits) }
        var destinationLength: Int { Int(self.destinationBits) }

        /// The shape of two ends; of a range that is not a prefix, the smallest prefix that covers it counts.
        init(source: SelectorMatch, destination: SelectorMatch) {
            self.isIPv6 = source.isIPv6
            self.sourceBits = Self.length(source)
            self.destinationBits = Self.length(destination)
        }

        /// At most 128.
        private static func length(_ end: SelectorMatch) -> UInt8 {
            let high = end.first.high ^ end.last.high
            let low = end.first.low ^ end.last.low
            let common = high != 0 ? high.leadingZeroBitCount : 64 + low.leadingZeroBitCount
            return UInt8(truncatingIfNeeded: common - (end.isIPv6 ? 0 : 96))
        }
    }

    /// Where a pair is: enough to find it again without a copy of it.
    struct Place: Sendable {
        let shape: Shape
        fileprivate let hash: UInt64
    }

    /// Which tuple it is.
    let shape: Shape
    /// The narrowest pair that has been here: none is narrower.
    private(set) var narrowest: UInt32 = 0
    /// How many pairs are here.
    private(set) var count = 0
    private let sourceMask: PackedAddress
    private let destinationMask: PackedAddress
    private var shards: [SelectorShard]

    /// Many enough that one is small with 100,000 pairs, and few enough to copy their list at each change.
    private static let shardCount = 256

    /// The empty tuple of `shape`.
    init(_ shape: Shape) {
        self.shape = shape
        self.sourceMask = .mask(shape.sourceLength, isIPv6: shape.isIPv6)
        self.destinationMask = .mask(shape.destinationLength, isIPv6: shape.isIPv6)
        self.shards = Array(repeating: SelectorShard(), count: Self.shardCount)
    }

    /// Adds a pair of this shape.
    mutating func insert(_ pair: SelectorPair) -> Place {
        let hash = self.hash(pair.source.first, pair.destination.first)
        self.shards[Self.shard(hash)].insert(pair, hash: hash)
        self.narrowest = max(self.narrowest, pair.rank.narrowness)
        self.count += 1
        return Place(shape: self.shape, hash: hash)
    }

    /// Removes the pair with the number `order` from the place that `insert` gave it.
    mutating func remove(_ order: UInt64, at place: Place) {
        if self.shards[Self.shard(place.hash)].remove(order: order) { self.count -= 1 }
    }

    /// The first pair, in the order of `precedes`, that admits `packet` and precedes `best`; else `best`.
    @inline(__always) func find(_ packet: InnerPacket, best: SelectorPair.Rank?) -> SelectorPair.Rank? {
        let hash = self.hash(packet.source, packet.destination)
        return self.shards.span[Self.shard(hash)].find(packet, hash: hash, best: best)
    }

    @inline(__always) private static func shard(_ hash: UInt64) -> Int { Int(hash >> 56) }

    /// Mixes what counts of both addresses by a multiplication whose halves are put together.
    @inline(__always) private func hash(_ source: PackedAddress, _ destination: PackedAddress) -> UInt64 {
        let source = source & self.sourceMask
        let destination = destination & self.destinationMask
        // Odd numbers without a pattern: digits of π and of e.
        let a = (source.high &* 0x243f_6a88_85a3_08d3 ^ source.low) &+ 0x1319_8a2e_0370_7344
        let b = (destination.high &* 0xb7e1_5162_8aed_2a6b ^ destination.low) &+ 0xa409_3822_299f_31d1
        let first = a.multipliedFullWidth(by: 0xb7e1_5162_8aed_2a6b)
        let mixed = (first.high ^ first.low &+ b).multipliedFullWidth(by: 0x243f_6a88_85a3_08d3)
        return mixed.high ^ mixed.low
    }
}
