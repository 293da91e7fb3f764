import Foundation
import Testing

/// Replays what the fuzzer starts from and what it has found, without libFuzzer.
@Suite struct FuzzReplayTests {
    /// Files of `Fuzz/<folder>/IKEMessage`; the folders lie outside of the test bundle.
    private static func files(_ folder: String) throws -> [URL] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let directory = root.appending(path: "Fuzz/\(folder)/IKEMessage")
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    }

    @Test func `there are seeds`() throws {
        #expect(try !Self.files("Corpus").isEmpty)
    }

    @Test(arguments: ["Corpus", "Regressions"])
    func `no file of the fuzzer breaks a law`(folder: String) throws {
        for file in try Self.files(folder) {
            let octets = try [UInt8](Data(contentsOf: file))
            #expect(ikeMessageViolation(octets) == nil, "\(file.lastPathComponent)")
        }
    }
}
