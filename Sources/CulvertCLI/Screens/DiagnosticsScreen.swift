internal import ControlProtocol
internal import GatewayConfig

/// Errors and warnings about a configuration file, each with its place, its line and a mark below.
struct DiagnosticsScreen {
    let diagnostics: [DiagnosticReport]

    /// The screen, with a newline after each line; empty if there is nothing to say.
    var text: String {
        self.diagnostics.map { Diagnostic($0).render() + "\n" }.joined()
    }
}

extension Diagnostic {
    /// The daemon's diagnostic, to be shown like the parser's.
    init(_ report: DiagnosticReport) {
        self.init(
            severity: Severity(rawValue: report.severity) ?? .error, file: report.file, line: report.line,
            column: report.column, length: report.length, message: report.message,
            sourceLine: report.sourceLine)
    }
}
