internal import Glibc

/// What the processor has and the kernel lets us use, in the words of `flags` in /proc/cpuinfo.
///
/// The processor's own answer would not do: it does not say whether the kernel saves the wide registers.
struct ProcessorFlags {
    private let names: Set<Substring>

    /// The flags in the text of /proc/cpuinfo, those of the first processor.
    init(cpuinfo: String) {
        let line = cpuinfo.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        self.names = Set(line.drop { $0 != ":" }.dropFirst().split(separator: " "))
    }

    /// The flags of this machine; none if /proc cannot be read.
    static var ofThisMachine: ProcessorFlags { ProcessorFlags(cpuinfo: self.readCPUInfo()) }

    /// True if all of `wanted`, which are divided by spaces, are there.
    func have(_ wanted: String) -> Bool { wanted.split(separator: " ").allSatisfy(self.names.contains) }

    /// The first 16 KiB, in which the first processor ends.
    private static func readCPUInfo() -> String {
        // SAFETY: the path is constant; the descriptor is ours until `close`.
        let file = unsafe open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 16_384)
        var used = 0
        while used < text.count {
            // SAFETY: the call writes at most as many bytes as are left of the array that we lend.
            let count = unsafe text.withUnsafeMutableBytes { bytes in
                unsafe read(file, bytes.baseAddress.map { unsafe $0 + used }, bytes.count - used)
            }
            guard count > 0 else { break }
            used += count
        }
        return String(decoding: text[..<used], as: UTF8.self)
    }
}
