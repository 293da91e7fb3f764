import Foundation
import IPsecModel
import Testing

@testable import Gateway

/// The secret that outlives a crash.
@Suite struct CrashSecretTests {
    private let folder: TemporaryFolder
    private let log = RecordedLog()

    init() throws { self.folder = try TemporaryFolder() }

    private var state: String { self.folder.path + "/state" }
    private var path: String { self.state + "/qcd-secret" }

    private func load() -> [UInt8]? {
        CrashSecret.load(from: self.state, log: self.log.log()).map(\.publicBytes)
    }

    private func rights(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func `the first start makes it, for us alone, and the next one has it again`() throws {
        let first = try #require(self.load())
        #expect(first.count == 32)
        #expect(try self.rights(self.path) == 0o600)
        #expect(try self.rights(self.state) == 0o700)
        #expect(self.log.says("notice", "made \(self.path)"))
        #expect(self.load() == first)
        #expect(self.log.lines.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.state) == ["qcd-secret"])
    }

    @Test func `two gateways have two secrets`() throws {
        let first = try #require(self.load())
        try FileManager.default.removeItem(atPath: self.path)
        #expect(try #require(self.load()) != first)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o620])
    func `one that others may have read or written is replaced`(rights: Int) throws {
        let first = try #require(self.load())
        try FileManager.default.setAttributes([.posixPermissions: rights], ofItemAtPath: self.path)
        #expect(try #require(self.load()) != first)
        #expect(try self.rights(self.path) == 0o600)
        #expect(self.log.says("warning", "not ours alone"))
    }

    @Test(arguments: [0, 31, 33, 5_000])
    func `one of another length, as a full disk leaves it, is replaced`(count: Int) throws {
        _ = self.load()
        #expect(
            FileManager.default.createFile(
                atPath: self.path, contents: Data(repeating: 1, count: count),
                attributes: [.posixPermissions: 0o600]))
        #expect(try #require(self.load()).count == 32)
        #expect(self.log.says("warning"))
    }

    @Test func `a link is not followed, and what it leads to stays`() throws {
        _ = self.load()
        let other = try self.folder.write("not ours", to: "other")
        try FileManager.default.removeItem(atPath: self.path)
        try FileManager.default.createSymbolicLink(atPath: self.path, withDestinationPath: other)
        try FileManager.default.createSymbolicLink(atPath: self.path + ".new", withDestinationPath: other)
        #expect(try #require(self.load()).count == 32)
        #expect(try String(contentsOfFile: other, encoding: .utf8) == "not ours")
        #expect(try self.rights(self.path) == 0o600)
    }

    @Test func `where it cannot be kept there are no tokens, and the log says why`() throws {
        try self.folder.write("", to: "state")
        #expect(self.load() == nil)
        #expect(self.log.says("warning", self.path, "Not a directory"))
    }

    @Test func `no copy of it stays in memory, neither of the one that is made nor of the one that is read`()
        throws
    {
        // What is there would be found. Not looked for is a secret that is in use: to look means to copy it.
        let decoy = SecretBytes(copying: (0..<32).map { UInt8($0 * 7) })
        #expect(try LeftoverSearch(for: decoy).occurrences() > 0)
        withExtendedLifetime(decoy) {}
        let load = {
            LeftoverSearch(for: try #require(CrashSecret.load(from: self.state, log: self.log.log())))
        }
        let (made, read) = try (load(), load())
        #expect(try made.occurrences() == 0)
        #expect(try read.occurrences() == 0)
    }

    @Test func `the secret is in no line of the log`() throws {
        let secret = try #require(self.load())
        #expect(!self.log.lines.contains { $0.contains(hexadecimal(secret)) })
    }
}
