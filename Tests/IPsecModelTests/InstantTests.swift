import IPsecModel
import Testing

@Suite struct InstantTests {
    private static let first = Instant(nanoseconds: .min)
    private static let last = Instant(nanoseconds: .max)

    @Test func `time goes on`() {
        let later = Instant.origin.advanced(by: .milliseconds(1_500))
        #expect(later.nanoseconds == 1_500_000_000)
        #expect(later.since(.origin) == .milliseconds(1_500))
        #expect(Instant.origin.since(later) == .milliseconds(-1_500))
        #expect(later.advanced(by: .seconds(-2)) == Instant(nanoseconds: -500_000_000))
        #expect(Instant.origin < later)
        #expect(!(later < later))
    }

    @Test(arguments: [
        (last, Duration.nanoseconds(1), last), (last, .seconds(Int64.max), last),
        (first, .nanoseconds(-1), first), (first, .seconds(Int64.min), first),
        (Instant.origin, .seconds(Int64.max), last), (Instant.origin, .seconds(Int64.min), first),
        (last, .seconds(-1), Instant(nanoseconds: .max - 1_000_000_000)), (last, .zero, last),
    ])
    func `time stops at its ends`(start: Instant, span: Duration, end: Instant) {
        #expect(start.advanced(by: span) == end)
    }

    @Test func `a span between the ends of time is as long as can be said`() {
        #expect(Self.last.since(Self.first) == .nanoseconds(Int64.max))
        #expect(Self.first.since(Self.last) == .nanoseconds(Int64.min))
        #expect(Self.last.since(.origin) == .nanoseconds(Int64.max))
        #expect(Self.first.since(.origin) == .nanoseconds(Int64.min))
    }

    @Test(
        arguments: [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.nanoseconds(-1), -1),
            (.seconds(-1.5), -1_500_000_000),
            (.nanoseconds(Int64.max), Int64.max), (.nanoseconds(Int64.min), Int64.min),
            (.nanoseconds(Int64.max) + .nanoseconds(1), Int64.max),
            (.nanoseconds(Int64.min) - .nanoseconds(1), Int64.min), (.seconds(Int64.max), Int64.max),
            (.seconds(Int64.min), Int64.min),
            (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        ] as [(Duration, Int64)])
    func `nanoseconds are held to 64 bits`(span: Duration, nanoseconds: Int64) {
        #expect(span.wholeNanoseconds == nanoseconds)
    }

    @Test(
        arguments: [(Duration.milliseconds(1_999), 1), (.milliseconds(-1_999), -1), (.zero, 0)]
            as [(Duration, Int64)])
    func `whole seconds are rounded towards zero`(span: Duration, seconds: Int64) {
        #expect(span.wholeSeconds == seconds)
    }

    // strongSwan's documentation of charon.retransmit_*: 4 s, base 1.8, 5 tries, gives up after 165 s.
    @Test func `a peer is given up after 165 seconds`() {
        let spans = IKELimits().retransmission
        #expect(spans.count == 6)
        #expect(spans.reduce(.zero, +).wholeSeconds == 165)
    }
}
