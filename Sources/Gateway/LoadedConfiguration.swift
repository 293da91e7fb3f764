internal import ControlProtocol
internal import ConfigurationFiles
internal import Foundation
internal import GatewayConfig
internal import IPsecModel

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
    /// The files that were read, with what they looked like then.
    private let stamps: [String: FileStamp]

    private struct FileStamp: Equatable {
        let modified: Date?
        let size: UInt64?

        init(path: String) {
            // A file that cannot be looked at differs from one that could, which is all that matters.
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            self.modified = attributes?[.modificationDate] as? Date
            self.size = (attributes?[.size] as? NSNumber)?.uint64Value
        }
    }

    /// Reads the file at `path` with all that it includes.
    static func load(path: String, now: Instant) throws(ConfigurationRefusal) -> LoadedConfiguration {
        let result: ConfigurationResult
        switch ConfigurationFiles.parse(path: path) {
        case .success(let parsed): result = parsed
        case .failure(let fault):
            throw ConfigurationRefusal(
                sentence: "cannot read \(path): \(fault.reason)", lines: [], diagnostics: [])
        }
        guard let configuration = result.configuration else {
            throw ConfigurationRefusal(
                sentence: "\(path) has errors: \(result.summary)",
                lines: result.diagnostics.map { $0.render() },
                diagnostics: result.diagnostics.map(DiagnosticReport.init))
        }
        return LoadedConfiguration(
            path: path, loadedAt: now, configuration: configuration,
            warnings: result.diagnostics.map(DiagnosticReport.init),
            warningLines: result.diagnostics.map { $0.render() },
            stamps: Dictionary(result.files.map { ($0, FileStamp(path: $0)) }) { first, _ in first })
    }

    /// True if one of the files is not what it was when it was read.
    var hasChangedOnDisk: Bool {
        self.stamps.contains { FileStamp(path: $0.key) != $0.value }
    }
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
