import Foundation
import LinuxIO
import Synchronization
import Testing

/// Giving up capabilities, on a thread of its own: it would be for good.
@Suite struct PrivilegesTests {
    /// The fields of /proc/thread-self/status after `Privileges.keepOnly`.
    private func statusAfterKeeping(_ kept: Capabilities) async -> [String: String] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var fields: [String: String] = [:]
                do throws(IOFault) {
                    try Privileges.keepOnly(kept)
                    // Again, now that what it needs is gone: the daemon does so as well.
                    try Privileges.keepOnly(kept)
                    let bytes = try FileReading.bytes(path: "/proc/thread-self/status", limit: 100_000)
                    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                        let parts = line.split(separator: ":", maxSplits: 1)
                        guard parts.count == 2 else { continue }
                        fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
                    }
                } catch { fields["error"] = error.description }
                continuation.resume(returning: fields)
            }
        }
    }

    @Test(.enabled(if: Host.hasNetworkAdministration))
    func `only what is kept is left, and nothing can be had again`() async {
        let status = await self.statusAfterKeeping(.networkAdministration)
        #expect(status["error"] == nil)
        #expect(status["CapEff"] == "0000000000001000")
        #expect(status["CapPrm"] == "0000000000001000")
        #expect(status["CapInh"] == "0000000000000000")
        #expect(status["CapBnd"] == "0000000000000000")
        #expect(status["CapAmb"] == "0000000000000000")
        #expect(status["NoNewPrivs"] == "1")
    }

    @Test func `what the thread did not have it does not get`() async {
        let status = await self.statusAfterKeeping([])
        #expect(status["error"] == nil)
        #expect(status["CapEff"] == "0000000000000000")
        #expect(status["NoNewPrivs"] == "1")
    }

    @Test func `other threads keep what they have`() async {
        let before = Capabilities.effective
        _ = await self.statusAfterKeeping([])
        #expect(Capabilities.effective == before)
    }
}

@Suite struct FileSystemTests {
    @Test func `a folder is made for its owner alone, and making it again is harmless`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/culvert-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileSystem.makeFolder(path)
        try FileSystem.makeFolder(path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        let fault = #expect(throws: IOFault.self) { try FileSystem.makeFolder(path + "/a/b") }
        #expect(fault?.errno == Errno.noEntry)
    }
}
