internal import CLinux
internal import Glibc

/// The process's standard error output.
package enum StandardError {
    /// True if it leads to journald: systemd says which file that is (systemd.exec(5), JOURNAL_STREAM).
    package static var isJournal: Bool {
        var file = stat()
        // SAFETY: the name is lent for the call; the value is copied at once; `file` lives for the whole call.
        guard let stream = unsafe getenv("JOURNAL_STREAM"), unsafe fstat(2, &file) == 0 else { return false }
        return unsafe String(cString: stream) == "\(file.st_dev):\(file.st_ino)"
    }

    /// Writes `text`.
    package static func write(_ text: String) { self.write(text, to: 2) }

    /// Writes `text` to one of the standard descriptors.
    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        do throws(IOFault) {
            while !rest.isEmpty {
                let written = try systemCall("write", "descriptor \(descriptor)") {
                    // SAFETY: the bytes are lent for the call, with their own count.
                    unsafe rest.withUnsafeBytes { unsafe lx_write(descriptor, $0.baseAddress, $0.count) }
                }
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        } catch {
            // There is nowhere left to say so.
        }
    }
}
