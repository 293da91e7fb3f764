internal import IPsecModel

/// Whether traffic flows, and since when not.
struct TrafficWatch {
    /// Traffic stands still, or is not known to flow.
    struct Outage {
        let since: Instant
        let cause: Disturbance
    }

    /// The outage that lasts.
    private(set) var outage: Outage?
    /// The number of the last question that was answered.
    var lastAnswer: UInt64 = 0
    /// Questions belong to a round; a disturbance begins another, and what was asked before it counts no more.
    private(set) var round = 0
    private var lastNumber: UInt64 = 0

    private let plan: MonthPlan

    init(_ plan: MonthPlan) { self.plan = plan }

    mutating func nextNumber() -> UInt64 {
        self.lastNumber += 1
        return self.lastNumber
    }

    /// A disturbance: whatever was known before is worth nothing. True: ask now.
    @discardableResult
    mutating func begin(_ cause: Disturbance, now: Instant) -> Bool {
        // What the line or a lost peer began is not over before the worse of the two is.
        let causes = [cause, self.outage?.cause].compactMap(\.self)
        let worst = causes.max { self.plan.bound(after: $0) < self.plan.bound(after: $1) } ?? cause
        self.outage = Outage(since: now, cause: worst)
        self.round += 1
        return true
    }

    /// No answer came to what was asked then.
    mutating func miss(askedAt: Instant) {
        if self.outage == nil { self.outage = Outage(since: askedAt, cause: .line) }
    }

    /// An answer came: the outage that has ended, if there was one.
    mutating func end(now: Instant) -> Outage? {
        defer { self.outage = nil }
        return self.outage
    }
}
