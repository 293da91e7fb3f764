internal import ControlProtocol

/// Numbers in the units that a person reads.
enum Units {
    /// Bytes with two digits at least: `512 B`, `2.0 MiB`, `88 MiB`, `1.2 GiB`; `-` if unknown.
    static func bytes(_ count: UInt64?) -> String {
        guard let count else { return "-" }
        guard count >= 1_024 else { return "\(count) B" }
        let names = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        for (index, name) in names.enumerated() {
            let shift = UInt64(10 * (index + 1))
            let tenths = Self.rounded(count, tenthsOf: shift)
            if tenths < 100 { return "\(tenths / 10).\(tenths % 10) \(name)" }
            let whole = Self.rounded(count, wholesOf: shift)
            if whole < 1_024 { return "\(whole) \(name)" }
        }
        // Not reached: 2^64 bytes are 16 EiB.
        return "\(count) B"
    }

    private static func rounded(_ count: UInt64, wholesOf shift: UInt64) -> UInt64 {
        let half = UInt64(1) << (shift - 1)
        return (count >> shift) + (count & (half << 1 - 1) >= half ? 1 : 0)
    }

    private static func rounded(_ count: UInt64, tenthsOf shift: UInt64) -> UInt64 {
        let whole = count >> shift
        let mask = UInt64(1) << shift - 1
        // The rest is below 2^60, and ten times that below 2^64.
        let tenths = (count & mask) * 10
        return whole * 10 + Self.rounded(tenths, wholesOf: shift)
    }

    /// All digits in groups of three: `1 187 310 442`.
    static func grouped(_ number: UInt64) -> String {
        let digits = Array(String(number))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(" ") }
            text.append(digit)
        }
        return text
    }

    /// A span for a table: `31s`, `22m 03s`, `2h 11m`, `2d 3h`; negative ones are `0s`.
    static func span(_ seconds: Int64) -> String {
        let seconds = max(seconds, 0)
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days)d \(hours)h" }
        if hours > 0 { return "\(hours)h \(minutes)m" }
        if minutes > 0 { return "\(minutes)m \(seconds % 60 < 10 ? "0" : "")\(seconds % 60)s" }
        return "\(seconds)s"
    }

    /// A span to the minute where it has one: `31s`, `22m`, `2h 11m`, `2d 3h`.
    static func coarseSpan(_ seconds: Int64) -> String {
        (60..<3_600).contains(seconds) ? "\(seconds / 60)m" : Self.span(seconds)
    }

    /// How long something has been running: as `span`, and days with their minutes too: `3d 4h 12m`.
    static func longSpan(_ seconds: Int64) -> String {
        seconds < 86_400 ? Self.span(seconds) : "\(Self.span(seconds)) \(seconds / 60 % 60)m"
    }

    /// A span in a sentence: `31 s`, `22m 03s`.
    static func spoken(_ seconds: Int64) -> String {
        seconds < 60 ? "\(max(seconds, 0)) s" : Self.span(seconds)
    }

    /// When something was: `4 s ago`.
    static func ago(_ moment: Timestamp, now: Timestamp) -> String {
        "\(Self.spoken(now.seconds(since: moment))) ago"
    }

    /// When something will be: `in 31 s`, or `due now`.
    static func until(_ moment: Timestamp, now: Timestamp) -> String {
        let seconds = moment.seconds(since: now)
        return seconds > 0 ? "in \(Self.spoken(seconds))" : "due now"
    }

    /// A moment to the minute: `2026-11-20 09:14 UTC`.
    static func date(_ moment: Timestamp) -> String {
        let text = moment.description
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
    }

    /// `1 peer`, `2 peers`; `plural` where an s is not enough.
    static func count(_ number: Int, _ noun: String, plural: String? = nil) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(plural ?? noun + "s")"
    }
}

extension String {
    /// An endpoint's address and its port, such as `[::]` and `4500`.
    var addressAndPort: (address: String, port: String) {
        guard let colon = self.lastIndex(of: ":") else { return (self, "") }
        return (String(self[..<colon]), String(self[self.index(after: colon)...]))
    }

    /// The endpoint, or only its port if `other` has the same address.
    func relative(to other: String) -> String {
        let (address, port) = self.addressAndPort
        return address == other.addressAndPort.address ? ":\(port)" : self
    }
}
