import Foundation
import IPsecModel
import LinuxIO
import Synchronization

/// Runs tests in a network of their own, so that the host's stays as it is.
enum PrivateNetwork {
    /// What a command said when it failed.
    struct CommandFailed: Error, CustomStringConvertible {
        let description: String
    }

    /// The result of `body`, run on a thread whose network namespace is new; its loopback interface is up.
    ///
    /// Without root this throws, and the test fails.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let box = Box(result)
        let thread = try LinuxThread(name: "private-network") {
            let outcome = Result {
                try self.enterNew()
                return try body()
            }
            box.result.withLock { $0 = outcome }
        }
        thread.join()
        guard let outcome = box.result.withLock({ $0 }) else {
            throw CommandFailed(description: "the thread left no result")
        }
        return try outcome.get()
    }

    /// Moves the calling thread to a new namespace; sockets and devices stay where they were made.
    static func enterNew() throws {
        try NetworkNamespace.unshare()
        try self.ip("link set lo up")
    }

    /// Runs `ip` with arguments that are separated by spaces, in the namespace of the calling thread.
    static func ip(_ arguments: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ip"] + arguments.split(separator: " ").map(String.init)
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailed(description: "ip \(arguments): \(String(decoding: text, as: UTF8.self))")
        }
    }

    private final class Box<Value: Sendable>: Sendable {
        let result: Mutex<Result<Value, any Error>?>

        init(_ result: consuming sending Mutex<Result<Value, any Error>?>) {
            self.result = result
        }
    }
}
