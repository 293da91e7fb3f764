internal import CLinux
internal import CMNL
internal import Glibc
package import LinuxIO

/// A netlink socket of libmnl, and one buffer for what the kernel sends.
///
/// What arrives may hold keys (the kernel gives them to root), so the buffer is wiped after each use.
@safe package final class NetlinkDescriptor {
    // SAFETY: the handle of libmnl is made in `init`, freed in `deinit`, and never leaves this file.
    private let socket: OpaquePointer
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    /// What the socket is called in faults.
    private static let object = "netlink socket"

    /// Opens a socket of `netlink` that hears `groups`. Its port ID is the kernel's choice: a number of our own could belong
    /// to another socket of this process.
    package init(_ netlink: NetlinkProtocol, groups: [NetlinkGroup] = []) throws(IOFault) {
        guard let socket = unsafe mnl_socket_open2(netlink.number, Int32(SOCK_CLOEXEC.rawValue)) else {
            throw Self.lastFault("socket")
        }
        unsafe self.socket = socket
        guard unsafe mnl_socket_bind(socket, 0, pid_t(MNL_SOCKET_AUTOPID)) == 0 else {
            throw Self.lastFault("bind")
        }
        // An error without its text is still an error, so kernels without these two are welcome. The second
        // keeps the kernel from sending our request, keys included, back with an error.
        _ = self.set(11 /* NETLINK_EXT_ACK */, 1)
        _ = self.set(10 /* NETLINK_CAP_ACK */, 1)
        // Lists of rtnetlink then hold what was asked for and no more; who lists must check in any case.
        _ = self.set(12 /* NETLINK_GET_STRICT_CHK */, 1)
        for group in groups {
            guard self.set(1 /* NETLINK_ADD_MEMBERSHIP */, Int32(bitPattern: group.number)) else {
                throw Self.lastFault("join \(group.name)")
            }
        }
        if groups.isEmpty { return }
        // Not having it is no fault: a lost event is reported as such.
        _ = unsafe lx_netlink_receive_buffer(mnl_socket_get_fd(socket), 4 << 20)
    }

    deinit {
        // SAFETY: the last user is gone; the handle is freed once.
        _ = unsafe mnl_socket_close(self.socket)
    }

    private func set(_ option: Int32, _ value: Int32) -> Bool {
        var value = value
        // SAFETY: the value lives for the whole call, with its own size.
        return unsafe mnl_socket_setsockopt(
            self.socket, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    private static func lastFault(_ operation: String) -> IOFault {
        IOFault(operation: operation, object: Self.object, errno: errno)
    }

    /// The socket's address, which answers carry.
    package var portID: UInt32 { unsafe mnl_socket_get_portid(self.socket) }

    /// The descriptor's number, to wait with.
    package var number: Int32 { unsafe mnl_socket_get_fd(self.socket) }

    /// Sends one request.
    package func send(_ request: NetlinkRequest) throws(IOFault) {
        while true {
            // SAFETY: the bytes are lent for the call, with their own count.
            let sent = unsafe request.bytes.withUnsafeBytes {
                unsafe mnl_socket_sendto(self.socket, $0.baseAddress, $0.count)
            }
            if sent >= 0 { return }
            let fault = Self.lastFault("send \(request.type.name)")
            guard fault.errno == Errno.interrupted else { throw fault }
        }
    }

    /// Lends one datagram of the kernel's to `body`, without waiting for it; what other processes send is passed
    /// over. `body` must not keep the bytes.
    package func receive<Result, Failure: Error>(
        _ body: (ArraySlice<UInt8>) throws(Failure) -> Result
    ) throws(IOFault) -> Swift.Result<Result, Failure> {
        while true {
            var sender: UInt32 = 0
            // SAFETY: the buffer is lent for the call, with its own count.
            let count = unsafe self.buffer.withUnsafeMutableBytes {
                unsafe lx_netlink_receive(self.number, $0.baseAddress, $0.count, &sender)
            }
            guard count >= 0 else {
                let errno = Int32(truncatingIfNeeded: -count)
                if errno == Errno.interrupted { continue }
                throw IOFault(operation: "recvmsg", object: Self.object, errno: errno)
            }
            defer { self.wipe(count) }
            guard sender == 0 else { continue }
            guard count <= self.buffer.count else {
                // The rest is lost, as if there had been no room for it.
                throw IOFault(operation: "recvmsg", object: Self.object, errno: Errno.noBufferSpace)
            }
            do throws(Failure) {
                return .success(try body(self.buffer[..<count]))
            } catch {
                return .failure(error)
            }
        }
    }

    private func wipe(_ count: Int) {
        // SAFETY: the count is held to the buffer's own.
        unsafe self.buffer.withUnsafeMutableBytes { unsafe lx_wipe($0.baseAddress, min(count, $0.count)) }
    }

    /// Waits until there is something to read; false after `milliseconds`.
    package func waitUntilReadable(milliseconds: Int32) -> Bool {
        lx_wait_readable(self.number, milliseconds) > 0
    }
}
