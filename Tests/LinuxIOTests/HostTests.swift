internal import Foundation
internal import Testing

@testable internal import LinuxIO

/// What the host says of itself, against a second source.
@Suite struct HostTests {
    @Test func `the kernel's release is that of proc`() throws {
        let text = try String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
        #expect(Host.kernelRelease == text.trimmingCharacters(in: .newlines))
    }

    @Test func `the capability is that of proc`() throws {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("CapEff:") })
        let set = try #require(UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16))
        #expect(Host.hasNetworkAdministration == (set >> 12 & 1 == 1))
    }

    @Test func `a setting is a number, and an absent one is nil`() {
        #expect(Host.setting("net/ipv4/ip_default_ttl").map { (1...255).contains($0) } == true)
        #expect(Host.setting("net/ipv4/no_such_setting") == nil)
        #expect(Host.setting("kernel/ostype") == nil)
    }

    @Test func `numbers go out and come back in the machine's order`() throws {
        var bytes: [UInt8] = []
        bytes.appendNative(UInt32(0x0102_0304))
        // SAFETY: the view lives for the call only, and a copy is made of it.
        let native = unsafe withUnsafeBytes(of: UInt32(0x0102_0304)) { unsafe Array($0) }
        #expect(native == bytes)
        #expect(UInt32(nativeBytes: bytes) == 0x0102_0304)
        #expect(UInt32(nativeBytes: bytes.dropLast()) == nil)
    }

    @Test func `an errno has the C library's words`() {
        #expect(errorText(Errno.notPermitted) == "Operation not permitted")
        #expect(errorText(99_999) == "unknown error")
    }

    @Test func `the cores that count are those that this process may run on`() throws {
        let allowed = try #require(Host.allowedCores)
        #expect(allowed >= 1 && allowed <= ProcessInfo.processInfo.processorCount)
        // `nproc` asks the scheduler as well.
        let nproc = Process()
        nproc.executableURL = URL(filePath: "/usr/bin/nproc")
        // It also asks OMP_NUM_THREADS.
        nproc.environment = [:]
        let output = Pipe()
        nproc.standardOutput = output
        try nproc.run()
        nproc.waitUntilExit()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(Int(said.dropLast()) == allowed)
    }
}
