internal import ControlProtocol
internal import Foundation
internal import Testing

/// The built program, as a shell runs it.
struct ProgramTests {
    @Test(arguments: [
        ["status"], ["--json", "status"], ["sa", "list"], ["sa", "show", "hq", "--json"],
        ["terminate", "hq"],
        ["reload"],
    ])
    func `without a daemon a command says one sentence and ends with 2`(arguments: [String]) throws {
        let run = try Run(arguments + ["--socket", "/nonexistent/c.sock"])
        #expect(run.status == 2)
        #expect(run.output == "")
        #expect(run.complaint.hasPrefix("culvert: culvertd is not running"))
        #expect(run.complaint.filter { $0 == "\n" }.count == 1)
    }

    @Test func `without a daemon version still tells its own`() throws {
        let run = try Run(["version", "--socket", "/nonexistent/c.sock"])
        #expect(run.status == 2)
        #expect(run.output == "culvert \(Release.version)\n")
    }

    @Test func `with a daemon version tells both`() throws {
        let server = try TestServer(.answer(Array(#"{"schema":1,"version":"9.8.7"}"#.utf8) + [0x0a]))
        let run = try Run(["version", "--socket", server.path])
        #expect(run == Run(0, "culvert \(Release.version)\nculvertd 9.8.7\n", ""))
    }

    @Test func `the status of a daemon is its screen, and 1 because some peers are down`() throws {
        let server = try TestServer(.answer(try line("site.json") + [0x0a]))
        let run = try Run(["--socket", server.path, "status"])
        #expect(run == Run(1, try vector("site-status.txt"), ""))
    }

    @Test func `JSON goes to the output as the daemon said it`() throws {
        let reply = try line("site.json")
        let server = try TestServer(.answer(reply + [0x0a]))
        let run = try Run(["--socket", server.path, "status", "--json"])
        #expect(run == Run(1, String(decoding: reply, as: UTF8.self) + "\n", ""))
    }

    @Test func `a refusal goes to standard error, and ends with 1`() throws {
        let reply = #"{"schema":1,"error":{"code":"not_found","message":"there is no connection 'hp'"}}"#
        let server = try TestServer(.answer(Array(reply.utf8) + [0x0a]))
        let run = try Run(["sa", "show", "hp", "--socket", server.path])
        #expect(run == Run(1, "", "culvert: there is no connection 'hp'\n"))
    }

    @Test(arguments: [["fly"], ["sa", "show"], ["sa", "show", "hq#x"], ["status", "--wings"]])
    func `a wrong command line ends with 64`(arguments: [String]) throws {
        let run = try Run(arguments)
        #expect(run.status == 64)
        #expect(run.output == "")
        #expect(run.complaint.contains("Usage: culvert"))
    }

    @Test(arguments: [(["TERM": "xterm"], true), (["TERM": "xterm", "NO_COLOR": "1"], false)])
    func `a terminal shows colours unless NO_COLOR is set`(
        environment: [String: String], isColored: Bool
    ) throws {
        let server = try TestServer(.answer(try line("site.json") + [0x0a]))
        let run = try Run(["--socket", server.path, "status"], environment, isTerminal: true)
        #expect(run.status == 1)
        #expect(run.output.contains("warehouse"))
        #expect(run.output.contains("\u{1b}[31mFAILED\u{1b}[0m") == isColored)
        #expect(run.output.contains("\u{1b}") == isColored)
    }
}

/// One run of the program.
struct Run: Equatable {
    let status: Int32
    let output: String
    let complaint: String

    /// What a run is expected to come to.
    init(_ status: Int32, _ output: String, _ complaint: String) {
        self.status = status
        self.output = output
        self.complaint = complaint
    }

    /// Runs the program that was built along with the tests, with pipes for its output.
    ///
    /// On a terminal, which script(1) of Debian's bsdutils makes, all of its output arrives as `output`.
    init(_ arguments: [String], _ environment: [String: String] = [:], isTerminal: Bool = false) throws {
        let program = Bundle.module.bundleURL.deletingLastPathComponent().appendingPathComponent("culvert")
        let process = Process()
        process.executableURL = isTerminal ? URL(fileURLWithPath: "/usr/bin/script") : program
        let command = ([program.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
        process.arguments = isTerminal ? ["-qec", command, "/dev/null"] : arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let (output, complaint) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = complaint
        try process.run()
        self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        self.complaint = String(decoding: complaint.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        self.status = process.terminationStatus
    }
}
