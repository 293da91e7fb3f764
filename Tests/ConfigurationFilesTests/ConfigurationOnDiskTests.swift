internal import ConfigurationFiles
internal import Foundation
internal import GatewayConfig
internal import LinuxIO
internal import Testing

/// Files, their wildcards, and whether they changed, in a directory of its own for each test.
struct ConfigurationOnDiskTests {
    private let directory = Directory()

    @Test func `a relative include is looked for beside the file that names it`() throws {
        try self.write("culvert.conf", "include conf.d/main.conf\n")
        try self.write("conf.d/main.conf", "include more/*.conf\n")
        try self.write("conf.d/more/b.conf", "connections { }\n")
        try self.write("conf.d/more/a.conf", "secrets { }\n")
        let result = try self.load().result
        #expect(
            self.relative(result.files) == [
                "culvert.conf", "conf.d/main.conf", "conf.d/more/a.conf", "conf.d/more/b.conf",
            ])
        #expect(result.errorCount == 0)
    }

    @Test func `an absolute include is taken as it is`() throws {
        try self.write("elsewhere/x.conf", "")
        try self.write("culvert.conf", "include \(self.directory.path)/elsewhere/x.conf\n")
        #expect(try self.relative(self.load().result.files) == ["culvert.conf", "elsewhere/x.conf"])
    }

    @Test func `wildcards in the name of a directory are none`() throws {
        try self.write("odd[1]*/culvert.conf", "include *.inc\n")
        try self.write("odd[1]*/a.inc", "")
        try self.write("odd1x/b.inc", "")
        let result = try self.load("odd[1]*/culvert.conf").result
        #expect(self.relative(result.files) == ["odd[1]*/culvert.conf", "odd[1]*/a.inc"])
    }

    @Test func `a wildcard that matches nothing is no error, and a missing file is one`() throws {
        try self.write("culvert.conf", "include conf.d/*.conf\n")
        #expect(try self.load().result.errorCount == 0)
        try self.write("culvert.conf", "include conf.d/main.conf\n")
        let result = try self.load().result
        #expect(result.errorCount == 1)
        #expect(result.diagnostics.first?.message.contains("no such file") == true)
        #expect(result.configuration == nil)
    }

    @Test func `an included directory is an error at the include's place`() throws {
        try self.write("conf.d/x", "")
        try self.write("culvert.conf", "\ninclude conf.d\n")
        let diagnostic = try #require(try self.load().result.diagnostics.first)
        #expect(diagnostic.line == 2)
        #expect(diagnostic.message.hasSuffix("Is a directory"))
    }

    @Test func `the first file's faults are told without a diagnostic`() throws {
        let missing = #expect(throws: IOFault.self) { try self.load() }
        #expect(missing?.text == "No such file or directory")
        try Data([0x23, 0xff, 0xfe]).write(to: self.url("culvert.conf"))
        let garbled = #expect(throws: IOFault.self) { try self.load() }
        #expect(garbled?.text == "not UTF-8 text")
    }

    @Test func `a device without end is given up`() {
        let endless = #expect(throws: IOFault.self) { try ConfigurationOnDisk(path: "/dev/zero") }
        #expect(endless?.text == "more than 8388608 bytes")
    }

    @Test func `files as they were read have not changed`() throws {
        try self.site()
        #expect(try !self.load().isChanged)
    }

    @Test(arguments: ["culvert.conf", "conf.d/a.conf"])
    func `a file written anew has changed`(name: String) throws {
        try self.site()
        let configuration = try self.load()
        try self.write(name, "# something else\n")
        #expect(configuration.isChanged)
    }

    @Test(arguments: ["culvert.conf", "conf.d/a.conf"])
    func `a file that is gone has changed`(name: String) throws {
        try self.site()
        let configuration = try self.load()
        try FileManager.default.removeItem(at: self.url(name))
        #expect(configuration.isChanged)
    }

    @Test(arguments: ["conf.d/b.conf", "later/c.conf"])
    func `a file that a wildcard did not mean before is a change`(name: String) throws {
        try self.site()
        let configuration = try self.load()
        try self.write("conf.d/b.txt", "")
        #expect(!configuration.isChanged)
        try self.write(name, "")
        #expect(configuration.isChanged)
    }

    /// One file that includes another, and what may come later.
    private func site() throws {
        try self.write("culvert.conf", "include conf.d/*.conf\ninclude later/*.conf\n")
        try self.write("conf.d/a.conf", "connections { }\n")
    }

    private func load(_ name: String = "culvert.conf") throws -> ConfigurationOnDisk {
        try ConfigurationOnDisk(path: self.url(name).path)
    }

    private func url(_ name: String) -> URL { URL(fileURLWithPath: "\(self.directory.path)/\(name)") }

    private func write(_ name: String, _ text: String) throws {
        let url = self.url(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func relative(_ paths: [String]) -> [String] {
        paths.map { $0.replacing("\(self.directory.path)/", with: "") }
    }
}

/// A directory that goes with its owner.
private final class Directory {
    let path = FileManager.default.temporaryDirectory.path + "/culvert-\(UUID().uuidString)"

    init() {
        try? FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
