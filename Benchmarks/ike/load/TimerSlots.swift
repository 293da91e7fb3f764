internal import IPsecModel

/// Whose time comes when, to a millisecond: what is due at different moments must not arrive at the responder together.
struct TimerSlots {
    private static let span: Int64 = 1_000_000

    private var slots: [Int64: [Int]] = [:]
    private var scheduled: [Int: Int64] = [:]
    private var next: Int64

    /// No timers yet.
    init(now: Instant) {
        self.next = now.nanoseconds / Self.span
    }

    /// `index` is to be looked at by `at` instead of when it was before; nil for never.
    mutating func schedule(_ index: Int, at: Instant?) {
        guard let at else {
            self.scheduled[index] = nil
            return
        }
        // Never too early, or it would be for nothing.
        let slot = max(at.nanoseconds / Self.span + 1, self.next)
        guard self.scheduled[index] != slot else { return }
        self.scheduled[index] = slot
        self.slots[slot, default: []].append(index)
    }

    /// Those whose time has come, once.
    mutating func takeDue(now: Instant) -> [Int] {
        var due: [Int] = []
        while self.next <= now.nanoseconds / Self.span {
            for index in self.slots.removeValue(forKey: self.next) ?? []
            where self.scheduled[index] == self.next {
                self.scheduled[index] = nil
                due.append(index)
            }
            self.next += 1
        }
        return due
    }
}
