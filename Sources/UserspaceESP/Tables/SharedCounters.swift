internal import ESPCore
internal import IPsecModel
internal import Synchronization

/// The counters of the sending half of a CHILD_SA, as its worker last published them.
///
/// One worker writes, anybody reads. The numbers are each right, but may be of two moments.
class SharedCounters: @unchecked Sendable {
    // SAFETY of `@unchecked Sendable`, which a class with a subclass needs: here and there all is atomic.
    private let packets = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let sequenceNumber = Atomic<UInt64>(0)
    private let lastUse = Atomic<UInt64>(0)
    private let spent = Atomic<Bool>(false)

    /// True once the SA has carried all that it may.
    var isSpent: Bool { self.spent.load(ordering: .relaxed) }

    /// The SA has carried all that it may.
    func markSpent() { self.spent.store(true, ordering: .relaxed) }

    /// Publishes what the SA has counted; `now` is in seconds since 1970.
    func publish(_ counters: SACounters, now: UInt64) {
        if counters.packets != self.packets.load(ordering: .relaxed) {
            self.packets.store(counters.packets, ordering: .relaxed)
            self.bytes.store(counters.bytes, ordering: .relaxed)
            self.lastUse.store(now, ordering: .relaxed)
        }
        self.sequenceNumber.store(counters.sequenceNumber, ordering: .relaxed)
    }

    /// The counters in the form that all data planes share.
    var statistics: SAStatistics {
        var statistics = SAStatistics()
        statistics.packets = self.packets.load(ordering: .relaxed)
        statistics.bytes = self.bytes.load(ordering: .relaxed)
        statistics.sequenceNumber = self.sequenceNumber.load(ordering: .relaxed)
        let lastUse = self.lastUse.load(ordering: .relaxed)
        statistics.lastUse = lastUse == 0 ? nil : lastUse
        return statistics
    }
}

/// Those of the receiving half, which also refuses packets.
final class InboundCounters: SharedCounters, @unchecked Sendable {
    private let replayed = Atomic<UInt64>(0)
    private let late = Atomic<UInt64>(0)
    private let badICV = Atomic<UInt64>(0)

    override func publish(_ counters: SACounters, now: UInt64) {
        super.publish(counters, now: now)
        self.replayed.store(counters.replayed, ordering: .relaxed)
        self.late.store(counters.late, ordering: .relaxed)
        self.badICV.store(counters.badICV, ordering: .relaxed)
    }

    override var statistics: SAStatistics {
        var statistics = super.statistics
        statistics.replayed = self.replayed.load(ordering: .relaxed)
        statistics.late = self.late.load(ordering: .relaxed)
        statistics.badICV = self.badICV.load(ordering: .relaxed)
        return statistics
    }
}
