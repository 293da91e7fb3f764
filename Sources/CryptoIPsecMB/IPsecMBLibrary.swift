internal import Glibc

/// Why intel-ipsec-mb is not used: a sentence for the log.
package struct IPsecMBUnavailable: Error, Hashable {
    /// What is missing, and what the consequence is.
    package let reason: String
}

/// intel-ipsec-mb as it was found at run time. No header of it is needed to build, and no library to run.
///
/// Its functions for one whole message are part of its documented interface, one set for each kind of processor. What we
/// must know of its data structures is their size alone, which `GCMFunctions.checkSizes` tries out.
@safe struct IPsecMBLibrary {
    /// The version, such as `1.3.0`.
    let version: String
    /// What the names of the functions for this processor end in.
    let suffix: String

    // SAFETY: from dlopen, never closed: functions of the library are in use until the process ends.
    private let handle: UnsafeMutableRawPointer

    /// The name under which the versions with the interface that we know are installed.
    static let fileName = "libIPSec_MB.so.1"

    /// Suffixes of functions, the fastest first, with the processor's flags that they need. The library's own choice
    /// (`init_mb_mgr_auto`) follows the same order.
    private static let kinds = [
        (
            "vaes_avx512",
            "avx2 bmi2 avx512f avx512dq avx512cd avx512bw avx512vl avx512ifma vaes vpclmulqdq gfni sha_ni"
        ),
        ("avx512", "avx2 bmi2 avx512f avx512dq avx512cd avx512bw avx512vl"),
        ("avx_gen4", "avx2 bmi2"),
        ("avx_gen2", "avx"),
        ("sse", "sse4_2"),
    ]

    /// Finds the library and the functions for a processor with `flags`.
    init(_ fileName: String, _ flags: ProcessorFlags) throws(IPsecMBUnavailable) {
        // The library does not check that there are AES instructions, it just uses them.
        guard flags.have("aes pclmulqdq"), let kind = Self.kinds.first(where: { flags.have($0.1) }) else {
            throw IPsecMBUnavailable(reason: "the processor has no AES and PCLMULQDQ instructions")
        }
        // SAFETY: the name is lent for the call; the library is never closed.
        guard let handle = unsafe dlopen(fileName, RTLD_NOW | RTLD_LOCAL) else {
            throw IPsecMBUnavailable(reason: "\(fileName) is not installed")
        }
        unsafe self.handle = handle
        self.suffix = kind.0
        self.version = unsafe try Self.version(handle)
    }

    /// The version's three numbers, which must be 1.x: 2.0 has another interface.
    private static func version(_ handle: UnsafeMutableRawPointer) throws(IPsecMBUnavailable) -> String {
        guard let symbol = unsafe dlsym(handle, "imb_get_version") else {
            throw IPsecMBUnavailable(reason: "\(Self.fileName) has no imb_get_version")
        }
        // SAFETY: the function is `unsigned imb_get_version(void)` in all versions.
        let function = unsafe unsafeBitCast(symbol, to: (@convention(c) () -> UInt32).self)
        let number = function()
        let (major, minor, patch) = (number >> 16, (number >> 8) & 0xff, number & 0xff)
        guard major == 1 else {
            throw IPsecMBUnavailable(reason: "intel-ipsec-mb \(major).\(minor).\(patch) is not a version 1.x")
        }
        return "\(major).\(minor).\(patch)"
    }

    /// The address of the function `name`, which has one for each kind of processor.
    func symbol(_ name: String) throws(IPsecMBUnavailable) -> UnsafeMutableRawPointer {
        let whole = "\(name)_\(self.suffix)"
        // SAFETY: the handle is never closed; the name is lent for the call.
        guard let symbol = unsafe dlsym(self.handle, whole) else {
            throw IPsecMBUnavailable(reason: "intel-ipsec-mb \(self.version) has no \(whole)")
        }
        return unsafe symbol
    }
}
