internal import ControlCodec
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
    var lines: [String] = []
    /// The same as values.
    var diagnostics: [DiagnosticReport] = []

    /// One line for each diagnostic, for a log.
    var logLines: [String] { self.diagnostics.map(\.logLine) }
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
    private let onDisk: ConfigurationOnDisk

    /// Reads the file at `path` with all that it includes.
    static func load(path: String, now: Instant) throws(ConfigurationRefusal) -> LoadedConfiguration {
        let onDisk: ConfigurationOnDisk
        do throws(IOFault) {
            onDisk = try ConfigurationOnDisk(path: path)
        } catch {
            throw ConfigurationRefusal(sentence: Self.unreadable(path, error))
        }
        let result = onDisk.result
        let reports = result.diagnostics.map(DiagnosticReport.init)
        guard let configuration = result.configuration else {
            throw ConfigurationRefusal(
                sentence: "\(path) has errors: \(result.summary)",
                lines: result.diagnostics.map { $0.render() }, diagnostics: reports)
        }
        return LoadedConfiguration(
            path: path, loadedAt: now, configuration: configuration, warnings: reports, onDisk: onDisk)
    }

    private static func unreadable(_ path: String, _ fault: IOFault) -> String {
        // Root that gave up CAP_DAC_OVERRIDE reads what any other owner would.
        let hint =
            fault.errno == Errno.accessDenied
            ? " (the user that culvertd runs as must own it, or all may read it)" : ""
        return "cannot read the configuration \(path): \(fault.text)\(hint)"
    }

    /// One line for each warning, for a log.
    var warningLines: [String] { self.warnings.map(\.logLine) }

    /// True if one of the files is not what it was when it was read.
    var hasChangedOnDisk: Bool { self.onDisk.isChanged }
}

extension DiagnosticReport {
    /// The report in one line.
    var logLine: String { "\(self.file):\(self.line):\(self.column): \(self.message)" }
}
