internal import Glibc

/// The process's standard error output.
package enum StandardError {
    /// Writes `text`; if that fails, there is nowhere left to say so.
    package static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // SAFETY: the kernel reads `rest.count` bytes that the array owns during the call.
            let written = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
            }
            guard written > 0 || (written < 0 && errno == EINTR) else { return }
            rest = rest.dropFirst(max(written, 0))
        }
    }
}
