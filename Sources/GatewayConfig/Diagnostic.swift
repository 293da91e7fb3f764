package import IPsecModel

/// How bad it is.
package enum Severity: String, Hashable, Sendable {
    /// The configuration cannot be used.
    case error
    /// It can be used, but not all of it does what it seems to say.
    case warning
}

/// What is wrong at one place of a configuration file.
package struct Diagnostic: Hashable, Sendable {
    /// How bad it is.
    package let severity: Severity
    /// The file's name as it was given to the parser.
    package let file: String
    /// The line, counted from 1.
    package let line: Int
    /// The column in Unicode scalars, counted from 1.
    package let column: Int
    /// How many scalars of the line are meant; at least 1.
    package let length: Int
    /// One sentence. It never contains a secret.
    package let message: String
    /// The line itself, with secrets and control characters masked.
    package let sourceLine: String

    /// A diagnostic of these, as the parser or a daemon made it; numbers below 1 become 1.
    package init(
        severity: Severity, file: String, line: Int, column: Int, length: Int, message: String,
        sourceLine: String
    ) {
        self.severity = severity
        self.file = file
        self.line = max(line, 1)
        self.column = max(column, 1)
        self.length = max(length, 1)
        self.message = message
        self.sourceLine = sourceLine
    }

    /// The three lines of the `culvert check` screen, without a newline at the end.
    ///
    /// A place beyond the part of a very long line that is shown has no underline.
    package func render() -> String {
        let number = String(self.line)
        let gutter = String(repeating: " ", count: max(5 - number.count, 0)) + number
        let head = """
            \(self.file):\(self.line):\(self.column): \(self.severity.rawValue): \(self.message)
            \(gutter) | \(self.sourceLine)
            """
        let scalars = self.sourceLine.unicodeScalars
        guard self.column <= scalars.count + 1 else { return head }
        let indent = scalars.prefix(self.column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
        let room = max(scalars.count - self.column, 0)
        let underline = "^" + String(repeating: "~", count: min(self.length - 1, room))
        return head + "\n\(String(repeating: " ", count: gutter.count)) | \(indent)\(underline)"
    }
}

/// What a configuration file turned out to be.
package struct ConfigurationResult: Sendable {
    /// The checked configuration; nil if there are errors.
    package let configuration: GatewayConfiguration?
    /// What is wrong, in the order of files and lines. Bounded: of a long list the rest is only counted.
    package let diagnostics: [Diagnostic]
    /// How many errors there are, those included that are not in `diagnostics`.
    package let errorCount: Int
    /// How many warnings there are, those included that are not in `diagnostics`.
    package let warningCount: Int
    /// The names of the files read, the first the one that was asked for.
    package let files: [String]

    /// The last line of the `culvert check` screen, such as `2 errors, 3 warnings`.
    package var summary: String {
        guard self.errorCount + self.warningCount > 0 else { return "no errors, no warnings" }
        var parts: [String] = []
        if self.errorCount > 0 { parts.append(counted(self.errorCount, "error")) }
        if self.warningCount > 0 { parts.append(counted(self.warningCount, "warning")) }
        return parts.joined(separator: ", ")
    }

    /// The whole screen of `culvert check`, without a newline at the end.
    package func render() -> String {
        var lines = self.diagnostics.map { $0.render() }
        let rest = self.errorCount + self.warningCount - self.diagnostics.count
        if rest > 0 { lines.append("and \(rest) more") }
        return (lines + [self.summary]).joined(separator: "\n")
    }
}

/// `1 error`, `2 errors`.
func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(plural ?? noun + "s")"
}
