internal import CLinux

/// What there is to know about the machine that we run on.
package enum Host {
    /// True if we may configure the network: IPsec states, policies and socket policies.
    package static var hasNetworkAdministration: Bool {
        Capabilities.effective.contains(.networkAdministration)
    }

    /// The kernel's release, such as `6.1.0-13-amd64`.
    package static var kernelRelease: String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            // SAFETY: the callee writes at most `buffer.count` bytes and ends them with a zero.
            guard unsafe lx_kernel_release(buffer.baseAddress, buffer.count) == 0,
                let start = buffer.baseAddress
            else { return "unknown" }
            return unsafe String(cString: start)
        }
    }

    /// How many processor cores this process is allowed to run on, as `taskset` and systemd's CPUAffinity set it; nil if the
    /// kernel does not say.
    package static var allowedCores: Int? {
        let count = Int(lx_allowed_cores())
        return count > 0 ? count : nil
    }

    /// Nanoseconds since 1970.
    package static var wallClockNanoseconds: Int64 { lx_wall_clock_nanoseconds() }

    /// Seconds since 1970, as the kernel stamps its IPsec states.
    package static var wallClockSeconds: UInt64 {
        UInt64(clamping: self.wallClockNanoseconds / 1_000_000_000)
    }

    /// A number from /proc/sys, such as `net/ipv4/ip_forward`; nil if it cannot be read.
    package static func setting(_ name: String) -> Int? {
        let path = "/proc/sys/\(name)"
        do throws(IOFault) {
            // SAFETY: the path is lent for the call and ends with a zero.
            let opened = try systemCall("open", path) { unsafe lx_open_read_only(path) }
            let file = OwnedDescriptor(owning: opened)
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = try file.withDescriptor { fd throws(IOFault) in
                try systemCall("read", path) {
                    // SAFETY: the buffer is lent for the call, with its own count.
                    unsafe bytes.withUnsafeMutableBytes { unsafe lx_read(fd, $0.baseAddress, $0.count) }
                }
            }
            let text = String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            return Int(text)
        } catch {
            return nil
        }
    }
}
