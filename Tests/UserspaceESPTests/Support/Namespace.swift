internal import Glibc
internal import LinuxIO
internal import Testing

/// A network namespace of a test's own.
///
/// What is made in one stays there: sockets, devices, children of the thread. Threads go in and come back.
final class Namespace {
    /// What went wrong outside of the engine.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32

    /// A path that `ip` takes for the namespace.
    var path: String { "/proc/\(getpid())/fd/\(self.descriptor)" }

    private init(current: Void) throws {
        self.descriptor = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else { throw Failure(description: "no /proc: \(errorText(errno))") }
    }

    deinit { close(self.descriptor) }

    /// A fresh one, with its loopback interface up. Throws a sentence without root.
    static func make() throws -> Namespace {
        let home = try Namespace(current: ())
        defer { home.enterOrDie() }
        try NetworkNamespace.unshare()
        try self.ip("link set lo up")
        return try Namespace(current: ())
    }

    /// The result of `body`, run within; the thread is back where it was when this returns.
    func run<Value>(_ body: () throws -> Value) throws -> Value {
        let home = try Namespace(current: ())
        try self.enter()
        // A thread of the pool that stayed in there would spoil other tests.
        defer { home.enterOrDie() }
        return try body()
    }

    /// Runs `ip` within, with arguments that are separated by spaces.
    func ip(_ arguments: String) throws {
        try self.run { try Self.ip(arguments) }
    }

    /// What `ip` prints, one line for each element.
    func lines(_ arguments: String) throws -> [String] {
        try self.run {
            let output = unsafe popen("ip \(arguments)", "r")
            guard let output = unsafe output else { throw Failure(description: "popen: \(errorText(errno))") }
            var lines: [String] = []
            while let line = unsafe Self.line(output) { lines.append(line) }
            guard unsafe pclose(output) == 0 else { throw Failure(description: "ip \(arguments) failed") }
            return lines
        }
    }

    private static func line(_ file: UnsafeMutablePointer<FILE>) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        var size = 0
        // SAFETY: getline allocates `text`, which is freed here.
        defer { unsafe free(text) }
        guard unsafe getline(&text, &size, file) > 0, let text = unsafe text else { return nil }
        return String(unsafe String(cString: text).split(separator: "\n").first ?? "")
    }

    private static func ip(_ arguments: String) throws {
        // A child of this thread, and so in its namespace.
        let status = unsafe system("ip \(arguments)")
        guard status == 0 else { throw Failure(description: "ip \(arguments): status \(status)") }
    }

    // The C library declares it for C only.
    private func enter() throws {
        guard let symbol = unsafe dlsym(nil, "setns") else {
            throw Failure(description: "the C library has no setns")
        }
        // SAFETY: setns(2) takes two ints and returns one.
        let setns = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        guard setns(self.descriptor, 0x4000_0000) == 0 else {
            throw Failure(description: "cannot enter a network namespace: \(errorText(errno))")
        }
    }

    private func enterOrDie() {
        do { try self.enter() } catch { fatalError("cannot leave the namespace: \(error)") }
    }
}

/// Waits until `condition` holds, ten seconds at most; true if it came to hold.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<10_000 {
        if try condition() { return true }
        usleep(1_000)
    }
    return false
}
