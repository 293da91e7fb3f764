internal import ControlProtocol
internal import Foundation
internal import Testing

/// Times against Foundation's calendar, and the edges of ours.
struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_234_567_890, "2009-02-13T23:31:30Z"),
        (2_147_483_648, "2038-01-19T03:14:08Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
    func `a moment is written in ISO 8601 and read back`(seconds: Int64, text: String) {
        #expect(Timestamp(secondsSince1970: seconds).description == text)
        #expect(Timestamp(text)?.secondsSince1970 == seconds)
    }

    @Test func `every day of four centuries agrees with Foundation`() {
        let formatter = ISO8601DateFormatter()
        // A stride that is no whole number of days meets all times of day as well.
        let different = stride(from: Int64(0), to: 12_700_000_000, by: 86_399).filter { seconds in
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            return Timestamp(secondsSince1970: seconds).description != expected
                || Timestamp(expected)?.secondsSince1970 != seconds
        }
        #expect(different.isEmpty)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T09:20:11", "2026-11-21 09:20:11Z", "2026-11-21T09:20:11z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T09:60:11Z", "2026-11-21T09:20:60Z", "1969-12-31T23:59:59Z",
        "2026-11-21T09:20:1/Z", "+026-11-21T09:20:11Z", "2026-11-21T09:20:11Z ", "２026-11-21T09:20:Z",
    ])
    func `a text that is no such time is refused`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(arguments: [(Int64.min, "1970-01-01T00:00:00Z"), (.max, "9999-12-31T23:59:59Z")])
    func `a moment beyond the calendar stops at its end`(seconds: Int64, text: String) {
        #expect(Timestamp(secondsSince1970: seconds).description == text)
        #expect(Timestamp(secondsSince1970: 1_000_000).advanced(bySeconds: seconds).description == text)
    }

    @Test func `moments have spans between them`() {
        let earlier = Timestamp(secondsSince1970: 100)
        let later = earlier.advanced(bySeconds: 50)
        #expect(later.seconds(since: earlier) == 50)
        #expect(earlier.seconds(since: later) == -50)
        #expect(earlier < later)
    }
}
