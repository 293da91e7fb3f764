/// A moment in UTC, to the second, written `2026-11-21T09:20:11Z` (ISO 8601, RFC 3339 §5.6).
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Seconds since the start of 1970, leap seconds not counted; 0 to the end of the year 9999.
    package let secondsSince1970: Int64

    private static let latest: Int64 = 253_402_300_799
    private static let secondsPerDay: Int64 = 86_400

    /// The moment `secondsSince1970`, held to the years 1970 to 9999.
    package init(secondsSince1970: Int64) {
        self.secondsSince1970 = min(max(secondsSince1970, 0), Self.latest)
    }

    /// The moment `seconds` later, or earlier if negative; held to the same years.
    package func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (sum, overflow) = self.secondsSince1970.addingReportingOverflow(seconds)
        return Timestamp(secondsSince1970: overflow ? (seconds < 0 ? 0 : Self.latest) : sum)
    }

    /// Seconds that passed between `earlier` and this moment; negative if `earlier` is later.
    package func seconds(since earlier: Timestamp) -> Int64 {
        // Both are bounded, so this cannot overflow.
        self.secondsSince1970 - earlier.secondsSince1970
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.secondsSince1970 < right.secondsSince1970
    }
}

extension Timestamp: CustomStringConvertible {
    package var description: String {
        let (year, month, day) = Self.civil(daysSince1970: self.secondsSince1970 / Self.secondsPerDay)
        let time = self.secondsSince1970 % Self.secondsPerDay
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        return "\(date)T\(padded(time / 3_600, 2)):\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2))Z"
    }

    /// Reads exactly the form that `description` writes; nil for anything else, dates that do not exist too.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        guard year >= 1_970, (1...12).contains(month), (1...31).contains(day) else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        self.init(secondsSince1970: days * Self.secondsPerDay + hour * 3_600 + minute * 60 + second)
        // Punctuation, 25:00 and 30 February: whatever does not come out as it went in was not a date.
        guard self.description == text else { return nil }
    }

    /// The Gregorian date of a day, counted in eras of 400 years that begin on 1 March.
    private static func civil(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    /// The reverse of `civil`.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let yearFromMarch = month <= 2 ? year - 1 : year
        let era = yearFromMarch / 400
        let yearOfEra = yearFromMarch % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a time in the form 2026-11-21T09:20:11Z")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

/// `number` in decimal with zeros before it up to `width` digits.
private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
