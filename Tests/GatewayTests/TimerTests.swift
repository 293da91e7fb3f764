import IPsecModel
import Testing

@testable import Gateway

/// The timers of many IKE_SAs go off together.
@Suite struct TimerTests {
    private static let second = Instant(nanoseconds: 1_000_000_000)

    @Test func `the first timer goes off in time`() {
        #expect(ControlLoop.tick(for: Self.second, after: nil) == Self.second)
    }

    @Test(arguments: [50, 51, 1_000, 3_600_000])
    func `one that comes long after another goes off in time`(milliseconds: Int) {
        let deadline = Self.second.advanced(by: .milliseconds(milliseconds))
        #expect(ControlLoop.tick(for: deadline, after: Self.second) == deadline)
    }

    @Test(arguments: [-1_000, 0, 1, 49])
    func `one that is due earlier waits, and all of them go off together`(milliseconds: Int) {
        let deadline = Self.second.advanced(by: .milliseconds(milliseconds))
        let together = Self.second.advanced(by: .milliseconds(50))
        #expect(ControlLoop.tick(for: deadline, after: Self.second) == together)
    }

    @Test func `a deadline at the end of time stays there`() {
        #expect(
            ControlLoop.tick(for: Instant(nanoseconds: .max), after: Self.second)
                == Instant(nanoseconds: .max))
    }
}
