package import GatewayConfig
package import LinuxIO

/// A configuration with all the files that it came from.
package struct ConfigurationOnDisk: Sendable {
    /// The file that was asked for.
    package let path: String
    /// What it says, or what is wrong with it.
    package let result: ConfigurationResult
    private let sources: [ConfigurationSource]

    /// Bytes of all files together; no configuration is larger.
    static let maximumBytes = 8 << 20
    /// Files that one `include` statement may mean.
    static let maximumFiles = 1_000

    /// Reads the file at `path`, and those that it includes. A file that cannot be read is a fault only if it
    /// is the first; of the others the result has a diagnostic.
    package init(path: String) throws(IOFault) {
        let reader = ConfigurationReader()
        let text = try reader.first(path)
        self.path = path
        self.result = ConfigurationParser.parse(name: path, text: text) { pattern, includingFile in
            reader.files(matching: pattern, includedBy: includingFile)
        }
        self.sources = reader.sources
    }

    /// True if one of the files is no longer as it was read, or a wildcard means other files than then.
    package var isChanged: Bool { self.sources.contains { !$0.isUnchanged } }
}

/// A path or pattern, and what was found there.
private struct ConfigurationSource: Sendable {
    let pattern: String
    let isPattern: Bool
    let stamps: [String: FileStamp]

    var isUnchanged: Bool {
        do throws(IOFault) {
            let paths = self.isPattern ? try FileReading.paths(matching: self.pattern) : [self.pattern]
            guard Set(paths) == Set(self.stamps.keys) else { return false }
            for path in paths {
                guard try FileStamp(path: path) == self.stamps[path] else { return false }
            }
            return true
        } catch {
            // A pattern that meant nothing then, and means nothing now, has not changed.
            return self.isPattern && self.stamps.isEmpty && error.errno == Errno.noEntry
        }
    }
}

/// Finds and reads files, and remembers which.
private final class ConfigurationReader {
    private(set) var sources: [ConfigurationSource] = []
    private var bytesLeft = ConfigurationOnDisk.maximumBytes

    /// The text of the first file.
    func first(_ path: String) throws(IOFault) -> String {
        // The stamp comes before the reading: a change in between is then seen later.
        let stamp = try FileStamp(path: path)
        let text = try self.text(of: path)
        self.sources.append(ConfigurationSource(pattern: path, isPattern: false, stamps: [path: stamp]))
        return text
    }

    /// The files that an `include` statement means.
    func files(
        matching pattern: String, includedBy includingFile: String
    ) -> Result<[IncludedFile], IncludeFault> {
        let pattern = Self.absolute(pattern, includedBy: includingFile)
        do throws(IOFault) {
            let paths = try self.paths(matching: pattern)
            guard paths.count <= ConfigurationOnDisk.maximumFiles else {
                return .failure(IncludeFault(reason: "\(paths.count) files match"))
            }
            var stamps: [String: FileStamp] = [:]
            var files: [IncludedFile] = []
            for path in paths {
                stamps[path] = try FileStamp(path: path)
                files.append(IncludedFile(name: path, text: try self.text(of: path)))
            }
            self.sources.append(ConfigurationSource(pattern: pattern, isPattern: true, stamps: stamps))
            return .success(files)
        } catch {
            return .failure(IncludeFault(reason: "\(error.object): \(error.text)"))
        }
    }

    private func paths(matching pattern: String) throws(IOFault) -> [String] {
        do throws(IOFault) {
            return try FileReading.paths(matching: pattern)
        } catch {
            guard error.errno == Errno.noEntry else { throw error }
            return []
        }
    }

    private func text(of path: String) throws(IOFault) -> String {
        let bytes = try FileReading.bytes(path: path, limit: self.bytesLeft)
        self.bytesLeft -= bytes.count
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw IOFault(operation: "read", object: path, errno: 0, text: "not UTF-8 text")
        }
        return text
    }

    /// `pattern` in the directory of `includingFile`, unless it begins with a slash.
    private static func absolute(_ pattern: String, includedBy includingFile: String) -> String {
        guard !pattern.hasPrefix("/"), let slash = includingFile.lastIndex(of: "/") else { return pattern }
        // A directory's name is no pattern, whatever characters are in it.
        let directory = includingFile[...slash].map { "*?[\\".contains($0) ? "\\\($0)" : String($0) }
        return directory.joined() + pattern
    }
}
