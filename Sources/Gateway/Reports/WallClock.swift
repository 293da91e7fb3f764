internal import ControlProtocol
internal import IPsecModel
internal import LinuxIO

/// Translates the engine's monotonic instants to times of day, as of one moment.
struct WallClock {
    /// This moment, monotonic.
    let instant: Instant
    private let nanosecondsSince1970: Int64

    /// The moment that is `instant`, and of day `nanosecondsSince1970`.
    init(instant: Instant, nanosecondsSince1970: Int64 = Host.wallClockNanoseconds) {
        self.instant = instant
        self.nanosecondsSince1970 = nanosecondsSince1970
    }

    /// This moment, of day.
    var now: Timestamp { self.timestamp(self.instant) }

    /// The time of day of `instant`: the same one whenever it is asked for, unless the clock was set.
    func timestamp(_ instant: Instant) -> Timestamp {
        let span = instant.since(self.instant).wholeNanoseconds
        let (sum, overflow) = self.nanosecondsSince1970.addingReportingOverflow(span)
        let nanoseconds = overflow ? (span < 0 ? 0 : Int64.max) : sum
        return Timestamp(secondsSince1970: nanoseconds / 1_000_000_000)
    }
}
