package import IPsecModel

/// How many ICMP errors may be sent: a token bucket (RFC 4443 §2.4 f, RFC 1812 §4.3.2.8).
package struct ErrorBudget: Sendable {
    /// Nanoseconds that one error costs.
    private let price: Int64
    /// The most that may be saved up.
    private let purse: Int64
    /// Nanoseconds saved up at `time`.
    private var saved: Int64
    private var time: Instant?

    /// A full budget of `burst` errors, to which `perSecond` are added in each second. Both are held to 1 … 1,000,000.
    package init(perSecond: Int, burst: Int) {
        let bounds = (1, 1_000_000)
        self.price = 1_000_000_000 / Int64(min(max(perSecond, bounds.0), bounds.1))
        self.purse = self.price * Int64(min(max(burst, bounds.0), bounds.1))
        self.saved = self.purse
    }

    /// True if an error may be sent now; it is then paid for. A clock that goes back earns nothing.
    package mutating func spend(now: Instant) -> Bool {
        if let time = self.time {
            let earned = max(now.since(time).wholeNanoseconds, 0)
            self.saved = earned >= self.purse - self.saved ? self.purse : self.saved + earned
        }
        self.time = max(self.time ?? now, now)
        guard self.saved >= self.price else { return false }
        self.saved -= self.price
        return true
    }
}
