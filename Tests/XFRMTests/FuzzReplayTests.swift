internal import Foundation
internal import Testing

/// Replays what the fuzzer starts from and what it has found, without libFuzzer.
@Suite struct FuzzReplayTests {
    @Test(arguments: ["Corpus", "Regressions"])
    func `no file of the fuzzer breaks a law`(folder: String) throws {
        // The folders lie outside of the test bundle.
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let directory = root.appending(path: "Fuzz/\(folder)/NetlinkReply")
        let files = try FileManager.default.contentsOfDirectory(
            at: directory, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let bytes = try [UInt8](Data(contentsOf: file))
            #expect(netlinkReplyViolation(bytes) == nil, "\(file.lastPathComponent)")
        }
    }
}
