package import IPsecModel

/// Which CHILD_SA an outbound inner packet belongs to, among any number of them (the SPD of RFC 4301 §4.4.1).
///
/// A value: whoever changes it makes a new one, and who reads the old one is not disturbed. Insertion and removal cost a
/// fixed small part of the table even then.
///
/// A packet is looked up once for each combination of prefix lengths that is in use ("tuple space search"), so what
/// counts is how many of those there are, not how many CHILD_SAs. Selectors that differ only by ports or protocol, and
/// ranges that have the same smallest prefix around them, are compared one by one.
package struct SelectorTable: Sendable {
    /// What is in the table for one CHILD_SA.
    private struct Child: Sendable {
        let order: UInt64
        // Nearly every CHILD_SA has one pair for a family, so the first place is not behind a pointer.
        let first: SelectorTuple.Place?
        let others: [SelectorTuple.Place]

        /// Where its pairs are; the nth has the number n places behind the first.
        var places: [SelectorTuple.Place] { (self.first.map { [$0] } ?? []) + self.others }
    }

    /// Those with the narrowest pairs first.
    private var tuples: [SelectorTuple] = []
    /// By request ID, in shards for the same reason as the tuples are.
    private var children: [[UInt32: Child]]
    private var nextOrder: UInt64 = 0

    /// Combinations of a local and a remote selector that one CHILD_SA may have.
    package static let pairLimit = 256

    private static let shardCount = 256

    /// No gateway installs so many CHILD_SAs in its life.
    private static let firstTrapOrder: UInt64 = 1 << 48

    /// A table without CHILD_SAs.
    package init() {
        self.children = Array(repeating: [:], count: Self.shardCount)
    }

    /// Adds the packets from `local` to `remote`, in place of what `reqid` had before. Of two CHILD_SAs that are equally
    /// narrow the one that was there first counts, and a replaced one keeps its turn; a trap, which only holds packets back,
    /// comes after all of them. False, and nothing has changed, if there are more than `pairLimit` combinations.
    @discardableResult package mutating func insert(
        reqid: UInt32, local: [TrafficSelector], remote: [TrafficSelector], isTrap: Bool = false
    ) -> Bool {
        guard local.count <= Self.pairLimit, remote.count <= Self.pairLimit,
            local.count * remote.count <= Self.pairLimit
        else { return false }
        let order = self.take(reqid)?.order ?? self.takeOrder(isTrap: isTrap)
        var pairs: [SelectorPair] = []
        for local in local {
            for remote in remote {
                let number = Self.number(order, pairs.count)
                guard let pair = SelectorPair(local, remote, reqid: reqid, order: number) else { continue }
                pairs.append(pair)
            }
        }
        let places = pairs.map { self.insert($0) }
        self.children[Self.shard(reqid)][reqid] = Child(
            order: order, first: places.first, others: Array(places.dropFirst()))
        return true
    }

    private mutating func takeOrder(isTrap: Bool) -> UInt64 {
        defer { self.nextOrder += 1 }
        return isTrap ? Self.firstTrapOrder + self.nextOrder : self.nextOrder
    }

    /// Takes a CHILD_SA out; nothing happens if it is not there.
    package mutating func remove(reqid: UInt32) {
        _ = self.take(reqid)
    }

    /// The CHILD_SA with the narrowest selectors that admit `packet`, whose source is local; nil if there is none.
    ///
    /// Prefix bits of both ends count first, then whether there is a protocol, then the bits of the ports: the order of
    /// the kernel engine's policies.
    package func find(_ packet: InnerPacket) -> UInt32? {
        var best: SelectorPair.Rank?
        // Spans, here and in what this calls: an array would be retained and released at each access.
        let tuples = self.tuples.span
        for index in tuples.indices {
            if let best, best.narrowness > tuples[index].narrowest { break }
            guard tuples[index].shape.isIPv6 == packet.isIPv6 else { continue }
            best = tuples[index].find(packet, best: best)
        }
        return best?.reqid
    }

    /// Takes a CHILD_SA out and says what was there.
    private mutating func take(_ reqid: UInt32) -> Child? {
        let shard = Self.shard(reqid)
        guard let child = self.children[shard][reqid] else { return nil }
        self.children[shard][reqid] = nil
        for (index, place) in child.places.enumerated() {
            let number = Self.number(child.order, index)
            guard let index = self.tuples.firstIndex(where: { $0.shape == place.shape }) else { continue }
            self.tuples[index].remove(number, at: place)
            if self.tuples[index].count == 0 { self.tuples.remove(at: index) }
        }
        return child
    }

    private mutating func insert(_ pair: SelectorPair) -> SelectorTuple.Place {
        let shape = SelectorTuple.Shape(source: pair.source, destination: pair.destination)
        if let index = self.tuples.firstIndex(where: { $0.shape == shape }) {
            let narrowest = self.tuples[index].narrowest
            let place = self.tuples[index].insert(pair)
            if self.tuples[index].narrowest != narrowest { self.sort() }
            return place
        }
        var tuple = SelectorTuple(shape)
        let place = tuple.insert(pair)
        self.tuples.append(tuple)
        self.sort()
        return place
    }

    private mutating func sort() { self.tuples.sort { $0.narrowest > $1.narrowest } }

    /// The number of a CHILD_SA's nth pair.
    private static func number(_ order: UInt64, _ index: Int) -> UInt64 {
        order * UInt64(Self.pairLimit) + UInt64(index)
    }

    /// Request IDs follow one another, so their low bits spread them.
    private static func shard(_ reqid: UInt32) -> Int { Int(reqid % UInt32(Self.shardCount)) }
}
