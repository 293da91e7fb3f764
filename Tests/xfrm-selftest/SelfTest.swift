internal import Foundation
internal import IPsecModel
internal import LinuxIO
internal import XFRM

/// Tries the kernel engine against the kernel, with iproute2 at the far end and as the second opinion.
///
/// `xfrm-selftest` runs all checks, in the network namespace that `run` makes; `xfrm-selftest listen PORT …` only
/// holds sockets from which the kernel takes ESP.
@main
struct SelfTest {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "listen" {
            let sockets = try Self.sockets(on: arguments.dropFirst().compactMap { UInt16($0) })
            while true { sleep(3_600) }
            withExtendedLifetime(sockets) {}
        }
        let check = Check()
        let lab = Lab(check)
        lab.runAll()
        check.say("\(check.passed) passed, \(check.failed) failed")
        exit(check.failed == 0 ? 0 : 1)
    }

    /// IPv4 and IPv6 sockets for ESP in UDP.
    static func sockets(on ports: [UInt16]) throws -> [IKESocket] {
        try ports.flatMap { port in
            try [AddressFamily.v4, .v6].map { family in
                try IKESocket(
                    bindingTo: Endpoint(family.unspecified, port), role: [.takesESP, .bypassesPolicies])
            }
        }
    }
}

/// Counts what holds and what does not.
final class Check {
    private(set) var passed = 0
    private(set) var failed = 0

    /// Prints at once, so that nothing is lost if the kernel dies.
    func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    func section(_ title: String) { self.say("== \(title)") }

    func expect(_ condition: Bool, _ sentence: String, _ detail: @autoclosure () -> String = "") {
        if condition {
            self.passed += 1
            self.say("   ok: \(sentence)")
        } else {
            self.failed += 1
            self.say("FAILED: \(sentence) \(detail())")
        }
    }

    /// True if `body` threw nothing.
    @discardableResult
    func succeeds(_ sentence: String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            self.expect(true, sentence)
            return true
        } catch {
            self.expect(false, sentence, "\(error)")
            return false
        }
    }
}

/// What a command of a shell printed; `ok` if it said that all was well.
struct CommandResult {
    let ok: Bool
    let output: String

    init(_ command: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        do {
            try process.run()
        } catch {
            self.ok = false
            self.output = "\(error)"
            return
        }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        self.ok = process.terminationStatus == 0
        self.output = String(decoding: data, as: UTF8.self)
    }

    /// The number that follows `word`, such as `oseq` in what `ip -s xfrm state` prints.
    func number(after word: String) -> UInt64? {
        let words = self.output.split { " \t\n,()".contains($0) }.map(String.init)
        guard let index = words.firstIndex(of: word), index + 1 < words.count else { return nil }
        let text = words[index + 1]
        return text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }
}

/// A command that runs beside the checks until it is told to stop.
final class BackgroundCommand {
    private let process = Process()

    /// Starts `command`, which must be a single one: the shell is replaced by it.
    init(_ command: String) throws {
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        self.process.arguments = ["-c", "exec \(command)"]
        self.process.standardInput = FileHandle.nullDevice
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }
}
