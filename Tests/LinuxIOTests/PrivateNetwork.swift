import Glibc
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
        // SAFETY: the copies live until they are freed here; the list ends with nil, as posix_spawn wants it.
        var list = unsafe (["ip"] + arguments.split(separator: " ").map(String.init)).map {
            unsafe strdup($0)
        }
        defer { unsafe list.forEach { unsafe free($0) } }
        unsafe list.append(nil)
        var child: pid_t = 0
        // The child is born in the namespace of the thread that calls; Foundation's Process promises no such thing.
        let error = unsafe posix_spawnp(&child, "ip", nil, nil, list, environ)
        guard error == 0 else {
            throw CommandFailed(description: "ip \(arguments): \(errorText(error)); the tests need iproute2")
        }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw CommandFailed(description: "ip \(arguments): status \(status); see standard error")
        }
    }

    private final class Box<Value: Sendable>: Sendable {
        let result: Mutex<Result<Value, any Error>?>

        init(_ result: consuming sending Mutex<Result<Value, any Error>?>) {
            self.result = result
        }
    }
}
