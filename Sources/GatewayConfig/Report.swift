/// Collects what is wrong while a configuration is read, and knows the files that it came from.
///
/// One report lives for one `ConfigurationParser.parse` and never leaves it.
final class Report {
    /// Diagnostics kept; more are only counted.
    static let limit = 200
    /// Scalars of a source line that are shown.
    private static let lineLimit = 200

    private(set) var files: [SourceFile] = []
    private(set) var errorCount = 0
    private(set) var warningCount = 0
    private var findings: [Finding] = []
    private var seen: Set<Finding> = []
    /// For each file the byte ranges that no diagnostic may show.
    private var masks: [[Range<Int>]] = []

    private struct Finding: Hashable {
        let severity: Severity
        let span: SourceSpan
        let key: String
        var message: String

        static func == (left: Finding, right: Finding) -> Bool {
            left.severity == right.severity && left.span == right.span && left.key == right.key
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(self.span)
            hasher.combine(self.key)
        }
    }

    /// Takes in a file; answers with its index.
    func add(_ file: SourceFile) -> Int {
        self.files.append(file)
        self.masks.append([])
        return self.files.count - 1
    }

    /// Hides a part of a file from all diagnostics.
    func mask(_ range: Range<Int>, ofFile file: Int) {
        self.masks[file].append(range)
    }

    /// Notes an error.
    ///
    /// - Parameters:
    ///   - span: What is wrong.
    ///   - text: The sentence.
    ///   - owner: Whose setting it is, such as `connection 'hq'`; it goes before the sentence.
    ///   - key: What tells this from other findings at the same place, if that is not the sentence. Text that
    ///     several connections inherit is reported once.
    func error(_ span: SourceSpan, _ text: String, in owner: String? = nil, once key: String? = nil) {
        self.note(.error, span, text, owner, key)
    }

    /// Notes a warning, as `error` does.
    func warning(_ span: SourceSpan, _ text: String, in owner: String? = nil, once key: String? = nil) {
        self.note(.warning, span, text, owner, key)
    }

    /// Notes an error or a warning.
    func note(
        _ severity: Severity, _ span: SourceSpan, _ text: String, _ owner: String?, _ key: String? = nil
    ) {
        let message = owner.map { "\($0): \(text)" } ?? text
        let finding = Finding(severity: severity, span: span, key: key ?? text, message: message)
        guard self.seen.count < 100 * Self.limit, self.seen.insert(finding).inserted else { return }
        switch severity {
        case .error: self.errorCount += 1
        case .warning: self.warningCount += 1
        }
        if self.findings.count < Self.limit { self.findings.append(finding) }
    }

    /// What was noted, in the order of files and places.
    func diagnostics() -> [Diagnostic] {
        let places = self.findings.enumerated().sorted {
            ($0.element.span.file, $0.element.span.start, $0.offset)
                < ($1.element.span.file, $1.element.span.start, $1.offset)
        }
        return places.map { self.diagnostic($0.element) }
    }

    private func diagnostic(_ finding: Finding) -> Diagnostic {
        let file = self.files[finding.span.file]
        let start = min(finding.span.start, file.bytes.count)
        let position = file.position(of: start)
        let line = file.line(around: start)
        let end = max(min(finding.span.end, line.upperBound), start)
        return Diagnostic(
            severity: finding.severity, file: printable(file.name), line: position.line,
            column: position.column, length: max(file.scalars(in: start..<end), 1),
            message: printable(finding.message), sourceLine: self.visible(line, ofFile: finding.span.file))
    }

    /// The text of a line with secrets as asterisks, cut to what a screen can hold.
    private func visible(_ line: Range<Int>, ofFile file: Int) -> String {
        let shown = line.prefix(4 * Self.lineLimit)
        let masks = self.masks[file].filter { $0.overlaps(line) }
        var bytes: [UInt8] = []
        for index in shown {
            let byte = self.files[file].bytes[index]
            guard !byte.isBlank, masks.contains(where: { $0.contains(index) }) else {
                bytes.append(byte)
                continue
            }
            if byte & 0xc0 != 0x80 { bytes.append(UInt8(ascii: "*")) }
        }
        let text = printable(String(decoding: bytes, as: UTF8.self))
        return String(text.unicodeScalars.prefix(Self.lineLimit))
    }
}

/// `text` with every control character but the tab shown as a question mark, so that no file can steer a
/// terminal.
func printable(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
        let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
        return isControl || scalar.properties.generalCategory == .format ? "?" : scalar
    }
    return String(String.UnicodeScalarView(scalars))
}
