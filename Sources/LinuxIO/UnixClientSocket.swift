internal import CLinux

/// A stream socket that is connected to a path in the file system.
///
/// All calls block. A peer that keeps still for longer than the timeout is EAGAIN.
package struct UnixClientSocket: ~Copyable {
    private let descriptor: OwnedDescriptor
    private let path: String

    /// Bytes that a socket's path may have: `sun_path` without its final zero (unix(7)).
    package static let maximumPathBytes = 107

    /// Connects to the socket at `path`; ENAMETOOLONG for one that no socket can have.
    package init(path: String, timeoutSeconds: Int32) throws(IOFault) {
        let descriptor = OwnedDescriptor(owning: try systemCall("socket", path) { lx_unix_stream_socket() })
        try descriptor.withDescriptor { fd throws(IOFault) in
            _ = try systemCall("setsockopt", path) { lx_set_stream_timeout(fd, timeoutSeconds) }
            // SAFETY: the path is lent for the call and ends with a zero.
            _ = try systemCall("connect", path) { unsafe lx_connect_unix(fd, path) }
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// Sends all of `bytes`.
    package func send(_ bytes: [UInt8]) throws(IOFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = try self.descriptor.withDescriptor { fd throws(IOFault) in
                try systemCall("send", self.path) {
                    // SAFETY: the bytes are lent for the call, with their own count.
                    unsafe rest.withUnsafeBytes { unsafe lx_stream_send(fd, $0.baseAddress, $0.count) }
                }
            }
            rest = rest.dropFirst(sent)
        }
    }

    /// The next bytes of the stream, at most `count`; none if the other end has closed it.
    package func receive(atMost count: Int) throws(IOFault) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = try self.descriptor.withDescriptor { fd throws(IOFault) in
            try systemCall("read", self.path) {
                // SAFETY: the buffer is lent for the call, with its own count.
                unsafe bytes.withUnsafeMutableBytes { unsafe lx_read(fd, $0.baseAddress, $0.count) }
            }
        }
        bytes.removeLast(bytes.count - received)
        return bytes
    }
}
