internal import ControlCodec
internal import ControlProtocol
internal import Glibc
internal import LinuxIO

/// Why the daemon could not be asked: one sentence for the operator.
struct DaemonUnreachable: Error, Hashable {
    let sentence: String
}

/// Asks culvertd over its socket.
struct ControlClient {
    /// Where the daemon's socket is.
    let socketPath: String
    /// Seconds that the daemon may keep still.
    var timeoutSeconds: Int32 = 10

    private static let bytesPerRead = 65_536

    /// The line with the daemon's reply to `request`, without its newline.
    func reply(to request: ControlRequest) throws(DaemonUnreachable) -> [UInt8] {
        do {
            let socket = try UnixClientSocket(
                path: self.socketPath, timeoutSeconds: self.timeoutSeconds)
            try socket.send(ControlCodec.line(request))
            return try self.line(from: socket)
        } catch let fault as IOFault {
            throw DaemonUnreachable(sentence: self.sentence(fault))
        } catch {
            let limit = Units.bytes(UInt64(ControlSchema.maximumReplyBytes))
            throw DaemonUnreachable(sentence: "culvertd's reply is longer than \(limit)")
        }
    }

    private func line(from socket: borrowing UnixClientSocket) throws -> [UInt8] {
        var buffer = LineBuffer(limit: ControlSchema.maximumReplyBytes)
        while true {
            let bytes = try socket.receive(atMost: Self.bytesPerRead)
            guard !bytes.isEmpty else {
                throw IOFault(operation: "read", object: self.socketPath, errno: ECONNRESET)
            }
            if let line = try buffer.append(bytes).first { return line }
        }
    }

    private func sentence(_ fault: IOFault) -> String {
        let path = self.socketPath
        switch (fault.operation, fault.errno) {
        case ("connect", ENOENT), ("connect", ENOTDIR):
            return "culvertd is not running, or not with this socket: there is no \(path). "
                + "Start culvertd, or name its socket with --socket"
        case ("connect", ECONNREFUSED):
            return "culvertd is not running: nobody listens at \(path). Start culvertd, "
                + "or name its socket with --socket"
        case ("connect", EACCES), ("connect", EPERM):
            return "no permission to use \(path): run culvert as root"
        case ("connect", ENAMETOOLONG):
            return "\(path) is longer than the \(UnixClientSocket.maximumPathBytes) bytes "
                + "that a socket's path may have"
        case (_, EAGAIN):
            return "culvertd does not answer: it kept still for \(self.timeoutSeconds) s at \(path). "
                + "See its log"
        case (_, ECONNRESET), (_, EPIPE):
            return "culvertd closed the connection at \(path) without an answer. See its log"
        default:
            return "culvertd cannot be reached: \(fault)"
        }
    }
}
