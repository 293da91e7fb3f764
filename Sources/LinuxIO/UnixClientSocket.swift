internal import Glibc

/// Why a unix socket could not be used.
package struct UnixSocketFault: Error, Hashable, Sendable {
    /// What was asked, such as `connect`.
    package let operation: String
    /// The errno.
    package let errno: Int32

    /// The failure of `operation`.
    package init(operation: String, errno: Int32) {
        self.operation = operation
        self.errno = errno
    }
}

/// A stream socket that is connected to a path in the file system; closed when it goes.
///
/// All calls block. A connection or a peer that keeps still for longer than the timeout fails with EAGAIN.
package struct UnixClientSocket: ~Copyable {
    private let descriptor: Int32

    /// Bytes that a socket's path may have: `sun_path` without its final zero (unix(7)).
    package static let maximumPathBytes = 107

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }

    /// Connects to the socket at `path`; ENAMETOOLONG for one that no socket can have.
    package static func connect(
        path: String, timeoutSeconds: Int
    ) throws(UnixSocketFault) -> UnixClientSocket {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw UnixSocketFault(operation: "socket", errno: errno) }
        let socket = UnixClientSocket(descriptor: descriptor)
        try socket.setTimeout(SO_RCVTIMEO, seconds: timeoutSeconds)
        try socket.setTimeout(SO_SNDTIMEO, seconds: timeoutSeconds)
        try socket.connect(to: path)
        return socket
    }

    /// Sends all of `bytes`.
    package func send(_ bytes: [UInt8]) throws(UnixSocketFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the kernel reads `rest.count` bytes that the array owns during the call.
            let sent = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            let error = errno
            guard sent >= 0 else {
                guard error == EINTR else { throw UnixSocketFault(operation: "send", errno: error) }
                continue
            }
            rest = rest.dropFirst(sent)
        }
    }

    /// The next bytes of the stream, at most `count`; none if the other end has closed it.
    package func receive(atMost count: Int) throws(UnixSocketFault) -> [UInt8] {
        var received = -1
        var error: Int32 = EINTR
        var bytes: [UInt8] = []
        while received < 0 {
            guard error == EINTR else { throw UnixSocketFault(operation: "recv", errno: error) }
            // SAFETY: the kernel writes at most `count` bytes into the array's own storage during the call, and
            // exactly `received` of them are declared initialised.
            bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                received = unsafe recv(self.descriptor, buffer.baseAddress, count, 0)
                error = errno
                initialized = max(received, 0)
            }
        }
        return bytes
    }

    private func setTimeout(_ option: Int32, seconds: Int) throws(UnixSocketFault) {
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        // SAFETY: the kernel reads one `timeval`, which lives on this frame, during the call.
        let result = unsafe setsockopt(
            self.descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard result == 0 else { throw UnixSocketFault(operation: "setsockopt", errno: errno) }
    }

    private func connect(to path: String) throws(UnixSocketFault) {
        let name = Array(path.utf8)
        guard name.count <= Self.maximumPathBytes else {
            throw UnixSocketFault(operation: "connect", errno: ENAMETOOLONG)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: `name` has fewer bytes than `sun_path`, which is all zeros before.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        // SAFETY: a `sockaddr_un` may be read as the `sockaddr` that it begins with; it outlives the call.
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw UnixSocketFault(operation: "connect", errno: errno) }
    }
}
