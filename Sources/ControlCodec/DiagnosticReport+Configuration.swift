package import ControlProtocol
package import GatewayConfig

extension DiagnosticReport {
    /// The parser's diagnostic as the control protocol tells it.
    package init(_ diagnostic: Diagnostic) {
        self.init(
            severity: diagnostic.severity.rawValue, file: diagnostic.file, line: diagnostic.line,
            column: diagnostic.column, length: diagnostic.length, message: diagnostic.message,
            sourceLine: diagnostic.sourceLine)
    }
}
