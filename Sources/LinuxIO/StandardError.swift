internal import CLinux

/// The process's standard error output.
package enum StandardError {
    /// Writes `text`.
    package static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        do throws(IOFault) {
            while !rest.isEmpty {
                let written = try systemCall("write", "standard error") {
                    // SAFETY: the bytes are lent for the call, with their own count.
                    unsafe rest.withUnsafeBytes { unsafe lx_write(2, $0.baseAddress, $0.count) }
                }
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        } catch {
            // There is nowhere left to say so.
        }
    }
}
