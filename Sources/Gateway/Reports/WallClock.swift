internal import ControlProtocol
internal import IPsecModel
internal import LinuxIO

/// Translates the engine's monotonic instants to times of day, as of one moment.
struct WallClock {
    /// This moment, monotonic.
    let instant: Instant
    /// This moment, of day.
    let now: Timestamp

    /// The two clocks now.
    init(instant: Instant) {
        self.instant = instant
        self.now = Timestamp(secondsSince1970: Int64(clamping: Host.wallClockSeconds))
    }

    /// The time of day of `instant`.
    func timestamp(_ instant: Instant) -> Timestamp {
        // Rounded up to come, down gone by: what is due in 0.4 s is not due yet.
        self.now.advanced(bySeconds: instant.since(self.instant).wholeSeconds)
    }
}
