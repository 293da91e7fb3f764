internal import Glibc
internal import LinuxIO

/// Another process of this host, as its clock and /proc show it.
struct MeasuredProcess {
    private let pid: Int32
    private let clock: clockid_t

    /// Nil if there is no such process.
    init?(_ pid: Int32) {
        var clock = clockid_t()
        // SAFETY: the number is lent for the call.
        guard unsafe clock_getcpuclockid(pid, &clock) == 0 else { return nil }
        self.pid = pid
        self.clock = clock
    }

    /// Seconds of processor time that all its threads have used, or nil if it has ended.
    var processorSeconds: Double? {
        var time = timespec()
        // SAFETY: the time is lent for the call.
        guard unsafe clock_gettime(self.clock, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Bytes that it has in memory, or nil if it has ended.
    var residentBytes: Int? {
        do throws(IOFault) {
            let text = String(
                decoding: try FileReading.bytes(path: "/proc/\(self.pid)/status", limit: 65_536),
                as: UTF8.self)
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            let number = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
            return number.flatMap { Int($0) }.map { $0 * 1_024 }
        } catch { return nil }
    }
}
