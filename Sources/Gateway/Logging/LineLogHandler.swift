internal import ControlProtocol
internal import LinuxIO
package import Logging

/// Writes one line for each message to standard error: `2026-11-23T19:13:41Z notice  culvertd 0.1.0 is ready`.
///
/// Under journald, which has the time itself, the line begins with the priority in angle brackets instead
/// (sd-daemon(3)).
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let isJournal: Bool
    private let write: @Sendable (String) -> Void

    /// A handler for messages of `level` and above; `isJournal` if standard error leads to journald.
    package init(
        level: Logger.Level, isJournal: Bool,
        write: @escaping @Sendable (String) -> Void = StandardError.write
    ) {
        self.logLevel = level
        self.isJournal = isJournal
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let text = LogLine.clean(event.message.description)
        guard !self.isJournal else {
            self.write("<\(event.level.priority)>\(text)\n")
            return
        }
        let now = Timestamp(secondsSince1970: Int64(clamping: Host.wallClockSeconds))
        let level = event.level.rawValue
        let padding = String(repeating: " ", count: max(0, 8 - level.count))
        self.write("\(now) \(level)\(padding) \(text)\n")
    }
}

/// What makes a text fit for one line of a log.
enum LogLine {
    /// The longest line, in UTF-8 bytes; what comes after is cut off, and counted.
    static let limit = 4_000

    /// `text` with control characters as `\u{…}`, and held to `limit`.
    ///
    /// Texts of ours have none; this is the last door before the log, whatever a peer or a file contains.
    static func clean(_ text: String) -> String {
        guard text.utf8.count > Self.limit || !Self.isPrintableASCII(text) else { return text }
        guard text.utf8.count > Self.limit || text.unicodeScalars.contains(where: Self.isUnfit) else {
            return text
        }
        var line = ""
        for scalar in text.unicodeScalars {
            guard line.utf8.count < Self.limit else {
                return line + "… (\(text.utf8.count) bytes)"
            }
            if Self.isUnfit(scalar) {
                line += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// True for nearly every line; to ask for each character's category would cost a tenth of a set-up's time.
    private static func isPrintableASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// Control and format characters (escape sequences, text direction), and the line separators.
    private static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            return true
        default: return false
        }
    }
}

extension Logger.Level {
    /// The severity of syslog (RFC 5424 §6.2.1).
    var priority: Int {
        switch self {
        case .trace, .debug: return 7
        case .info: return 6
        case .notice: return 5
        case .warning: return 4
        case .error: return 3
        case .critical: return 2
        }
    }
}
