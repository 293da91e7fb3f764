internal import ControlProtocol
internal import ConfigurationFiles
internal import GatewayConfig
internal import IPsecModel
internal import LinuxIO

/// Why a configuration file does not come into force.
struct ConfigurationRefusal: Error {
    /// One sentence.
    let sentence: String
    /// What is wrong where, rendered for a terminal.
    let lines: [String]
    /// The same as values.
    let diagnostics: [DiagnosticReport]
}

/// A configuration file that was read and found good.
struct LoadedConfiguration {
    /// The file.
    let path: String
    /// When it was read.
    let loadedAt: Instant
    /// What it says.
    let configuration: GatewayConfiguration
    /// What is not wrong enough to refuse it.
    let warnings: [DiagnosticReport]
    /// The same, rendered.
    let warningLines: [String]
    private let onDisk: ConfigurationOnDisk

    /// Reads the file at `path` with all that it includes.
    static func load(path: String, now: Instant) throws(ConfigurationRefusal) -> LoadedConfiguration {
        let onDisk: ConfigurationOnDisk
        do throws(IOFault) {
            onDisk = try ConfigurationOnDisk(path: path)
        } catch {
            throw ConfigurationRefusal(
                sentence: "cannot read \(path): \(error.text)", lines: [], diagnostics: [])
        }
        let result = onDisk.result
        guard let configuration = result.configuration else {
            throw ConfigurationRefusal(
                sentence: "\(path) has errors: \(result.summary)",
                lines: result.diagnostics.map { $0.render() },
                diagnostics: result.diagnostics.map(DiagnosticReport.init))
        }
        return LoadedConfiguration(
            path: path, loadedAt: now, configuration: configuration,
            warnings: result.diagnostics.map(DiagnosticReport.init),
            warningLines: result.diagnostics.map { $0.render() }, onDisk: onDisk)
    }

    /// True if one of the files is not what it was when it was read.
    var hasChangedOnDisk: Bool { self.onDisk.isChanged }
}

extension DiagnosticReport {
    /// The report of `diagnostic`.
    init(_ diagnostic: Diagnostic) {
        self.init(
            severity: diagnostic.severity.rawValue, file: diagnostic.file, line: diagnostic.line,
            column: diagnostic.column, length: diagnostic.length, message: diagnostic.message,
            sourceLine: diagnostic.sourceLine)
    }
}
