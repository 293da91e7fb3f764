internal import Glibc
internal import LinuxIO

/// Lets others work for a millisecond.
func rest() { usleep(1_000) }

/// A socket of an ordinary program behind the tunnel. It does not block.
final class PlainSocket {
    enum Kind { case udp, tcp }

    private let descriptor: Int32
    private let isIPv6: Bool

    init(_ kind: Kind, isIPv6: Bool, in host: Namespace) throws {
        let type = Int32(kind == .udp ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
        self.isIPv6 = isIPv6
        self.descriptor = try host.run {
            socket(isIPv6 ? AF_INET6 : AF_INET, type | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        guard self.descriptor >= 0 else { throw Namespace.Failure(description: errorText(errno)) }
    }

    private init(descriptor: Int32, isIPv6: Bool) {
        self.descriptor = descriptor
        self.isIPv6 = isIPv6
    }

    deinit { close(self.descriptor) }

    private func withAddress(
        _ text: String, _ port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int
    ) -> Int {
        // SAFETY: both addresses live for the whole call, with their own size.
        if self.isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            _ = unsafe inet_pton(AF_INET6, text, &address.sin6_addr)
            return unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe call($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        _ = unsafe inet_pton(AF_INET, text, &address.sin_addr)
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func bind(_ address: String, _ port: UInt16) throws {
        let result = unsafe self.withAddress(address, port) {
            unsafe Int(Glibc.bind(self.descriptor, $0, $1))
        }
        guard result == 0 else { throw Namespace.Failure(description: "bind: \(errorText(errno))") }
    }

    /// TCP only begins with this; UDP is ready at once.
    func connect(_ address: String, _ port: UInt16) {
        _ = unsafe self.withAddress(address, port) { unsafe Int(Glibc.connect(self.descriptor, $0, $1)) }
    }

    func listen() { _ = Glibc.listen(self.descriptor, 1) }

    /// The connection that comes in within two seconds.
    func accept() throws -> PlainSocket {
        for _ in 0..<2_000 {
            let accepted = Glibc.accept(self.descriptor, nil, nil)
            if accepted >= 0 {
                _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
                return PlainSocket(descriptor: accepted, isIPv6: self.isIPv6)
            }
            rest()
        }
        throw Namespace.Failure(description: "no connection came in")
    }

    /// How many bytes were taken, or −errno.
    @discardableResult func send(_ bytes: ArraySlice<UInt8>) -> Int {
        // SAFETY: the bytes are lent for the call, with their own count.
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        return sent < 0 ? -Int(errno) : sent
    }

    @discardableResult func send(_ bytes: [UInt8]) -> Int { self.send(bytes[...]) }

    /// What is there: a datagram, or a piece of a stream.
    func receiveNow() -> [UInt8]? {
        var part = [UInt8](repeating: 0, count: 65_536)
        // SAFETY: the buffer is lent for the call, with its own count.
        let count = unsafe part.withUnsafeMutableBytes {
            unsafe recv(self.descriptor, $0.baseAddress, $0.count, 0)
        }
        return count > 0 ? Array(part[..<count]) : nil
    }

    /// The same, but waits for it.
    func receive(milliseconds: Int = 10_000) -> [UInt8]? {
        for _ in 0..<milliseconds {
            if let bytes = self.receiveNow() { return bytes }
            rest()
        }
        return nil
    }

    /// The error that an ICMP message has left, or 0.
    var pendingError: Int32 { self.option(SOL_SOCKET, SO_ERROR) }
    /// IP_MTU or IPV6_MTU of a connected socket.
    var pathMTU: Int {
        Int(self.option(Int32(self.isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP), self.isIPv6 ? 24 : 14))
    }
    /// TCP_MAXSEG.
    var maximumSegmentSize: Int { Int(self.option(Int32(IPPROTO_TCP), 2)) }

    /// True: DF (IP_PMTUDISC_DO). False: fragments may be made on the way (IP_PMTUDISC_DONT).
    func setDontFragment(_ isSet: Bool) {
        self.setOption(Int32(self.isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP), self.isIPv6 ? 23 : 10, isSet ? 2 : 0)
    }

    /// UDP_SEGMENT.
    func setSegmentSize(_ bytes: Int32) { self.setOption(Int32(IPPROTO_UDP), 103, bytes) }

    private func option(_ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: both live for the whole call.
        _ = unsafe getsockopt(self.descriptor, level, name, &value, &size)
        return value
    }

    private func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        // SAFETY: the value lives for the whole call.
        _ = unsafe setsockopt(self.descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
