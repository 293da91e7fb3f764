internal import ControlProtocol

/// Errors and warnings about a configuration file, each with its place, its line and a mark below.
struct DiagnosticsScreen {
    let diagnostics: [DiagnosticReport]

    /// The screen, with a newline after each line; empty if there is nothing to say.
    var text: String {
        self.diagnostics.map { "\($0.file):\($0.line):\($0.column): \($0.severity): \($0.message)\n" }
            .joined()
    }
}
