/// A small hash table of pairs of selectors, with linear probing. Several pairs may have the same hash.
struct SelectorShard: Sendable {
    private var pairs: [SelectorPair] = []
    private var hashes: [UInt64] = []
    /// Numbers of `pairs` plus one, or 0 where nothing is; at least twice as many as pairs, and a power of two.
    private var slots: [UInt32] = []

    /// Adds a pair.
    mutating func insert(_ pair: SelectorPair, hash: UInt64) {
        self.pairs.append(pair)
        self.hashes.append(hash)
        guard self.pairs.count * 2 <= self.slots.count else { return self.rebuild() }
        self.place(self.pairs.count - 1)
    }

    /// Removes the pair with the number `order`; false if there is none.
    mutating func remove(order: UInt64) -> Bool {
        guard let index = self.pairs.firstIndex(where: { $0.rank.order == order }) else { return false }
        self.pairs.remove(at: index)
        self.hashes.remove(at: index)
        self.rebuild()
        return true
    }

    /// See `SelectorTuple.find`.
    @inline(__always) func find(
        _ packet: InnerPacket, hash: UInt64, best: SelectorPair.Rank?
    ) -> SelectorPair.Rank? {
        let slots = self.slots.span
        guard !slots.isEmpty else { return best }
        let pairs = self.pairs.span
        let hashes = self.hashes.span
        var best = best
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            slot = (slot + 1) & mask
            guard hashes[index] == hash, pairs[index].admits(packet) else { continue }
            let rank = pairs[index].rank
            if rank.precedes(best) { best = rank }
        }
        return best
    }

    /// Places all pairs anew, in as many slots as they need.
    private mutating func rebuild() {
        guard !self.pairs.isEmpty else { return self.slots = [] }
        var size = 4
        while size < self.pairs.count * 2 { size *= 2 }
        self.slots = Array(repeating: 0, count: size)
        for index in self.pairs.indices { self.place(index) }
    }

    private mutating func place(_ index: Int) {
        let mask = self.slots.count - 1
        var slot = Int(truncatingIfNeeded: self.hashes[index]) & mask
        while self.slots[slot] != 0 { slot = (slot + 1) & mask }
        self.slots[slot] = UInt32(truncatingIfNeeded: index + 1)
    }
}
