import Foundation
import Testing

/// Replays what the fuzzer starts from and what it has found, without libFuzzer.
@Suite struct FuzzReplayTests {
    /// Files of `Fuzz/<folder>/ESP`; the folders lie outside of the test bundle.
    private static func files(_ folder: String) throws -> [URL] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let directory = root.appending(path: "Fuzz/\(folder)/ESP")
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    }

    @Test func `there are seeds`() throws {
        #expect(try Self.files("Corpus").count >= 10)
    }

    @Test(arguments: ["Corpus", "Regressions"])
    func `no file of the fuzzer breaks a law`(folder: String) throws {
        for file in try Self.files(folder) {
            let octets = try [UInt8](Data(contentsOf: file))
            #expect(espViolation(octets) == nil, "\(file.lastPathComponent)")
        }
    }

    @Test func `no beginning of a seed breaks a law`() throws {
        for file in try Self.files("Corpus") {
            let octets = try [UInt8](Data(contentsOf: file))
            for count in 0..<min(octets.count, 300) {
                #expect(
                    espViolation(Array(octets.prefix(count))) == nil, "\(file.lastPathComponent), \(count)")
            }
        }
    }
}
