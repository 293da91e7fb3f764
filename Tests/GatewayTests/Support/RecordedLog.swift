import Logging
import Synchronization

@testable import Gateway

/// A log that keeps its lines.
final class RecordedLog: Sendable {
    private let storage = Mutex<[String]>([])

    /// What was written, each with its newline.
    var lines: [String] { self.storage.withLock { $0 } }

    /// The log, at `level` and above, as culvertd writes it to a terminal.
    func log(_ level: Logger.Level = .trace, isJournal: Bool = false) -> EventLog {
        EventLog(
            Logger(label: "test") { _ in
                LineLogHandler(level: level, isJournal: isJournal) { line in
                    self.storage.withLock { $0.append(line) }
                }
            })
    }

    /// True if a line has all of these words.
    func says(_ words: String...) -> Bool {
        self.lines.contains { line in words.allSatisfy { line.contains($0) } }
    }
}
