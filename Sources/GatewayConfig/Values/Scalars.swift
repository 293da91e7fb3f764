internal import IPsecModel

/// Readers of single values: yes or no, numbers, times, volumes.
///
/// Each throws a sentence about what the key takes instead.
enum Scalar {
    /// Ten years: longer times are slips of the pen.
    static let longestTime = Duration.seconds(315_360_000)

    /// `yes`, `true`, `enabled`, `1` or their opposites, in any case.
    static func boolean(_ value: LocatedText) throws(ValueFault) -> Bool {
        switch value.string.lowercased() {
        case "yes", "true", "enabled", "1": return true
        case "no", "false", "disabled", "0": return false
        default: throw ValueFault(value, "\(value.quoted) is neither yes nor no")
        }
    }

    /// A whole number within `range`, decimal or hexadecimal with `0x`.
    static func number(
        _ value: LocatedText, in range: ClosedRange<UInt64>
    ) throws(ValueFault) -> UInt64 {
        let text = value.string
        let isHex = text.hasPrefix("0x")
        let digits = isHex ? text.dropFirst(2) : text[...]
        let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { isHex ? $0.isHexDigit : $0.isDigit }
        guard isNumber else { throw ValueFault(value, "\(value.quoted) is not a number") }
        guard let number = UInt64(digits, radix: isHex ? 16 : 10), range.contains(number) else {
            throw ValueFault(
                value, "\(value.quoted) is out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number of seconds, or a number with s, m, h or d behind it.
    static func time(_ value: LocatedText) throws(ValueFault) -> Duration {
        let units: [UInt8: UInt64] = [
            UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3_600, UInt8(ascii: "d"): 86_400,
        ]
        guard let seconds = Self.scaled(value, by: units) else {
            throw ValueFault(value, "\(value.quoted) is not a time such as 30s, 15m, 4h or 1d")
        }
        guard seconds <= UInt64(Self.longestTime.wholeSeconds) else {
            throw ValueFault(value, "\(value.quoted) is longer than ten years")
        }
        return .seconds(Int64(seconds))
    }

    /// A number of bytes, or a number with k, m or g behind it: 1024 bytes and their powers.
    static func volume(_ value: LocatedText) throws(ValueFault) -> UInt64 {
        let units: [UInt8: UInt64] = [
            UInt8(ascii: "k"): 1 << 10, UInt8(ascii: "m"): 1 << 20, UInt8(ascii: "g"): 1 << 30,
        ]
        guard let bytes = Self.scaled(value, by: units) else {
            throw ValueFault(value, "\(value.quoted) is not a number of bytes such as 500m or 10g")
        }
        return bytes
    }

    /// A number with decimals, such as 1.8, within `range`.
    static func decimal(
        _ value: LocatedText, in range: ClosedRange<Double>
    ) throws(ValueFault) -> Double {
        let text = value.string
        let isPlain = text.utf8.count <= 12 && text.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
        guard isPlain, let number = Double(text), range.contains(number) else {
            throw ValueFault(
                value, "\(value.quoted) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// One of `names`.
    static func choice(_ value: LocatedText, of names: [String]) throws(ValueFault) -> String {
        let text = value.string.lowercased()
        guard names.contains(text) else {
            let hint = nearest(text, among: names).map { " (did you mean '\($0)'?)" } ?? ""
            throw ValueFault(value, "\(value.quoted) is none of \(names.joined(separator: ", "))\(hint)")
        }
        return text
    }

    /// Digits with at most one of `units` behind them, or nil if it is something else or does not fit.
    private static func scaled(_ value: LocatedText, by units: [UInt8: UInt64]) -> UInt64? {
        guard let last = value.bytes.last else { return nil }
        let unit = units[last | 0x20]
        let digits = unit == nil ? value.bytes : value.bytes.dropLast()
        guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
        guard let number = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        return overflow ? nil : product
    }
}

extension Duration {
    /// The span as a configuration file writes it, such as `90m` or `4h`.
    var configured: String {
        let seconds = self.wholeSeconds
        guard seconds > 0 else { return "\(seconds)s" }
        for (unit, length) in [("d", Int64(86_400)), ("h", 3_600), ("m", 60)]
        where seconds.isMultiple(of: length) { return "\(seconds / length)\(unit)" }
        return "\(seconds)s"
    }
}
