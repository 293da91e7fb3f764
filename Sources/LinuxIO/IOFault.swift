internal import CLinux

/// Why this host did not do what we asked of it.
package struct IOFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system call, such as `bind`.
    package let operation: String
    /// On what, such as an endpoint. Never a key.
    package let object: String
    /// The errno, or 0 if there was none.
    package let errno: Int32
    /// What an operator should know or do; the C library's text if there is nothing better to say.
    package let text: String

    /// The failure of `operation` on `object`; without a text it takes the C library's.
    package init(operation: String, object: String, errno: Int32, text: String? = nil) {
        self.operation = operation
        self.object = object
        self.errno = errno
        self.text = text ?? errorText(errno)
    }

    /// True if a nonblocking call found nothing to read, or no room to write.
    package var wouldBlock: Bool { self.errno == Errno.again }

    /// True if the kernel had to drop something for want of buffer space.
    package var isOverflow: Bool { self.errno == Errno.noBufferSpace }

    package var description: String { "\(self.operation) \(self.object): \(self.text)" }
}

/// The C library's text for an errno, such as `Permission denied`.
package func errorText(_ errno: Int32) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        // SAFETY: the callee writes at most `buffer.count` bytes and ends them with a zero.
        unsafe lx_error_text(errno, buffer.baseAddress, buffer.count)
        guard let start = buffer.baseAddress else { return "errno \(errno)" }
        return unsafe String(cString: start)
    }
}
