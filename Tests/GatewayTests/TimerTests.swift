import IPsecModel
import Testing

@testable import Gateway

/// The timers of many IKE_SAs go off together.
@Suite struct TimerTests {
    @Test(arguments: [0, 1, 49_999_999, 50_000_000, 50_000_001, 1_234_567_890_123] as [Int64])
    func `a deadline is kept late, never early, and by less than 50 ms`(nanoseconds: Int64) {
        let tick = ControlLoop.tick(for: Instant(nanoseconds: nanoseconds)).nanoseconds
        #expect(tick >= nanoseconds)
        #expect(tick - nanoseconds < 50_000_000)
        #expect(tick % 50_000_000 == 0)
    }

    @Test func `a deadline at the end of time stays there`() {
        #expect(ControlLoop.tick(for: Instant(nanoseconds: .max)) == Instant(nanoseconds: .max))
    }
}
