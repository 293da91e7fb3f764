/// A small hash table of pairs of selectors, with linear probing. Pairs with the same hash are in one list, whose first
/// one has the slot; it is sorted, so that the first that admits a packet is the one.
///
/// All but the pairs is made anew at each change: that is no more than the copy which a change costs anyway.
struct SelectorShard: Sendable {
    /// In the order in which they are asked.
    private var pairs: [SelectorPair] = []
    private var hashes: [UInt64] = []
    /// The next pair with the same hash: its index plus one, or 0 after the last.
    private var successors: [UInt32] = []
    /// The first pair of a list: its index plus one, or 0 where none is. At least twice as many as pairs, and a power of
    /// two.
    private var slots: [UInt32] = []

    /// Adds a pair.
    mutating func insert(_ pair: SelectorPair, hash: UInt64) {
        let index = self.pairs.firstIndex { pair.rank.precedes($0.rank) } ?? self.pairs.count
        self.pairs = Self.inserted(pair, at: index, in: self.pairs)
        self.hashes = Self.inserted(hash, at: index, in: self.hashes)
        self.rebuild()
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
        let hashes = self.hashes.span
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if hashes[Int(slots[slot]) - 1] == hash {
                return self.find(packet, from: slots[slot], best: best)
            }
            slot = (slot + 1) & mask
        }
        return best
    }

    /// The first pair of a list that admits `packet`, or `best` if that precedes it or there is none.
    @inline(__always) private func find(
        _ packet: InnerPacket, from first: UInt32, best: SelectorPair.Rank?
    ) -> SelectorPair.Rank? {
        let pairs = self.pairs.span
        let successors = self.successors.span
        var number = first
        while number != 0 {
            let index = Int(number) - 1
            if pairs[index].admits(packet) {
                return pairs[index].rank.precedes(best) ? pairs[index].rank : best
            }
            number = successors[index]
        }
        return best
    }

    /// A copy with one more, and without the room to grow that an array takes: nobody changes it where it is.
    private static func inserted<Element>(
        _ element: Element, at index: Int, in elements: [Element]
    ) -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(elements.count + 1)
        result += elements[..<index]
        result.append(element)
        result += elements[index...]
        return result
    }

    /// Makes lists and slots anew, in as many slots as the pairs need.
    private mutating func rebuild() {
        guard !self.pairs.isEmpty else {
            (self.slots, self.successors) = ([], [])
            return
        }
        var size = 4
        while size < self.pairs.count * 2 { size *= 2 }
        self.slots = Array(repeating: 0, count: size)
        self.successors = Array(repeating: 0, count: self.pairs.count)
        // From the last to the first: each is put before those that have been.
        for index in self.pairs.indices.reversed() {
            var slot = Int(truncatingIfNeeded: self.hashes[index]) & (size - 1)
            while self.slots[slot] != 0, self.hashes[Int(self.slots[slot]) - 1] != self.hashes[index] {
                slot = (slot + 1) & (size - 1)
            }
            self.successors[index] = self.slots[slot]
            self.slots[slot] = UInt32(truncatingIfNeeded: index + 1)
        }
    }
}
