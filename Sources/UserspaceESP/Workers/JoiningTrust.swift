internal import ESPCore
internal import IPsecModel

/// Whether the device is believed to take joined packets of one kind, which it said it does.
///
/// A peer chooses what is joined, so one refusal proves nothing; many in a row, and none taken in between, do for a while.
struct JoiningTrust {
    /// Refusals in a row after which nothing of the kind is joined for a while.
    static let patience = 8
    /// How long that is.
    static let rest: Duration = .seconds(10)

    private var refusals = 0
    /// Until then nothing is joined.
    private(set) var suspendedUntil: Instant?

    /// A joined packet was taken, or refused as invalid; true if from now on nothing is joined.
    mutating func note(isRefused: Bool, now: Instant) -> Bool {
        guard isRefused else {
            self.refusals = 0
            return false
        }
        self.refusals += 1
        guard self.refusals >= Self.patience else { return false }
        self.refusals = 0
        self.suspendedUntil = now.advanced(by: Self.rest)
        return true
    }

    /// True if the time is over, once.
    mutating func isRestored(now: Instant) -> Bool {
        guard let until = self.suspendedUntil, now >= until else { return false }
        self.suspendedUntil = nil
        return true
    }
}
