/// A moment on the driver's monotonic clock.
///
/// The pure modules never read a clock: a driver (or a test) makes instants and hands them in.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an origin that only the driver knows.
    package let nanoseconds: Int64

    /// The moment `nanoseconds` after the driver's origin.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The driver's origin.
    package static let origin = Instant(nanoseconds: 0)

    /// The moment `span` later; an overflow stops at the end of time instead of wrapping.
    package func advanced(by span: Duration) -> Instant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(span.wholeNanoseconds)
        guard !overflow else { return Instant(nanoseconds: span < .zero ? .min : .max) }
        return Instant(nanoseconds: sum)
    }

    /// How long ago `earlier` was, seen from this moment; negative if it is still to come.
    package func since(_ earlier: Instant) -> Duration {
        let (difference, overflow) = self.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return .nanoseconds(overflow ? (earlier.nanoseconds < 0 ? Int64.max : Int64.min) : difference)
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The span in nanoseconds, held to what 64 bits can say (292 years).
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard !overflow, !carry else { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The span in whole seconds, rounded towards zero.
    package var wholeSeconds: Int64 { self.components.seconds }
}
