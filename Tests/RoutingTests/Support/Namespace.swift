internal import Foundation
internal import LinuxIO
internal import Testing

/// A network namespace of a test's own, with the interface `tunnel` (number 17) up and 10.1.0.1/24 on `lan`.
struct Namespace {
    /// The number of `tunnel`.
    static let tunnel: UInt32 = 17

    /// Runs `body` in a fresh namespace; the thread is back in its own when this returns.
    static func run<Value>(_ body: (Namespace) throws -> Value) throws -> Value {
        let home = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        try #require(home >= 0)
        defer { close(home) }
        try NetworkNamespace.unshare()
        defer {
            // A thread of the pool that stayed in there would spoil other tests.
            if !Self.enter(home) { fatalError("cannot leave the namespace") }
        }
        let namespace = Namespace()
        try namespace.prepare()
        return try body(namespace)
    }

    /// setns(2), which the C library declares for C only.
    private static func enter(_ namespace: Int32) -> Bool {
        guard let symbol = unsafe dlsym(nil, "setns") else { return false }
        // SAFETY: this is the function's type.
        let setns = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        return setns(namespace, 0x4000_0000 /* CLONE_NEWNET */) == 0
    }

    private func prepare() throws {
        try self.ip("link set lo up")
        try self.ip("link add index \(Self.tunnel) name tunnel type veth peer name far")
        try self.ip("link add name lan type veth peer name hosts")
        for interface in ["tunnel", "far", "lan", "hosts"] { try self.ip("link set \(interface) up") }
        try self.ip("addr add 10.1.0.1/24 dev lan")
        try self.ip("-6 addr add 2001:db8:1::1/64 dev lan nodad")
        try self.ip("route add default via 10.1.0.254")
    }

    /// What iproute2 says to `arguments`, one line for each element, without spaces at the ends.
    @discardableResult
    func ip(_ arguments: String) throws -> [String] {
        let (status, text) = try self.spawn(arguments)
        try #require(status == 0, "ip \(arguments): \(text)")
        return text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// True if iproute2 refuses `arguments`.
    func refuses(_ arguments: String) throws -> Bool { try self.spawn(arguments).status != 0 }

    // A child of this thread, and so in its namespace. Foundation's Process waits with a run loop, which the threads
    // of tests do not have.
    private func spawn(_ arguments: String) throws -> (status: Int32, text: String) {
        guard let stream = unsafe popen("ip \(arguments) 2>&1", "r") else { return (-1, "not started") }
        var text: [UInt8] = []
        while true {
            let byte = unsafe getc(stream)
            guard let byte = UInt8(exactly: byte) else { break }
            text.append(byte)
        }
        return (unsafe pclose(stream), String(decoding: text, as: UTF8.self))
    }

    /// Writes a number to /proc/sys, whose network part is that of the thread that opens it.
    func setting(_ name: String, _ value: Int) throws {
        try "\(value)".write(toFile: "/proc/sys/\(name)", atomically: false, encoding: .utf8)
    }

    /// Our table, sorted.
    func table(_ family: String = "-4") throws -> [String] {
        try self.ip("\(family) route show table all proto 67").sorted()
    }

    /// The rules that lead past our table, in the kernel's order.
    func rulesOutside(_ family: String = "-4") throws -> [String] {
        try self.ip("\(family) rule").filter { $0.hasPrefix("17237:") }
    }

    /// The interface that a packet to `destination` takes, or nil if there is no route.
    func interface(to destination: String, _ more: String = "") throws -> String? {
        let command = "route get \(destination) \(more)"
        if try self.refuses(command) { return nil }
        let words = try self.ip(command).first?.split(separator: " ") ?? []
        guard let index = words.firstIndex(of: "dev"), index + 1 < words.count else { return nil }
        return String(words[index + 1])
    }

    /// The addresses of `tunnel` without those of IPv6 that the kernel gives to each interface.
    func tunnelAddresses() throws -> [String] {
        try self.ip("-o addr show dev tunnel").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 3, !words[3].hasPrefix("fe80") else { return nil }
            return words[3]
        }
    }
}
