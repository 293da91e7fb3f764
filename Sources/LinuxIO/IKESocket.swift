internal import CLinux
package import IPsecModel

/// A UDP socket of IKE: one port of one family, on one address or on all of them.
///
/// It is nonblocking. Packets carry the address that they were sent to, and what is sent carries the source
/// address that the caller names, so that an answer goes out from where its request came in.
package final class IKESocket {
    /// One UDP datagram.
    package struct Datagram: Hashable, Sendable {
        /// What it carries.
        package let bytes: [UInt8]
        /// Who sent it, as we see them.
        package let from: Endpoint
        /// Where it was sent to: an address of ours.
        package let to: Endpoint

        /// A datagram with these bytes.
        package init(bytes: [UInt8], from: Endpoint, to: Endpoint) {
            self.bytes = bytes
            self.from = from
            self.to = to
        }
    }

    /// What a socket is for.
    package struct Role: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The kernel takes ESP out of it and leaves us only what has a non-ESP marker (RFC 3948 §2.2).
        package static let takesESP = Role(rawValue: 1)
        /// Its packets are subject to no IPsec policy; needs CAP_NET_ADMIN.
        package static let bypassesPolicies = Role(rawValue: 2)
    }

    /// Where the socket is bound.
    package let localEndpoint: Endpoint
    /// What it is for.
    let role: Role
    private let descriptor: OwnedDescriptor
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    /// Room for a burst of handshakes while the control thread is busy.
    private static let receiveBuffer: Int32 = 4 << 20

    /// Binds to `local`, whose address may be 0.0.0.0 or ::, and whose port may be 0 for any.
    package init(bindingTo local: Endpoint, role: Role) throws(IOFault) {
        let family = local.address.family
        let number = Int32(family.number)
        self.role = role
        self.descriptor = OwnedDescriptor(
            owning: try systemCall("socket", "UDP") { lx_udp_socket(number) })
        try self.descriptor.withDescriptor { fd throws(IOFault) in
            try Self.configure(fd, local, role)
        }
        let bound = try self.descriptor.withDescriptor { fd throws(IOFault) in
            var result = lx_endpoint()
            // SAFETY: `result` lives for the whole call.
            _ = try systemCall("getsockname", "\(local)") { unsafe lx_local_endpoint(fd, &result) }
            return result.endpoint
        }
        self.localEndpoint = bound ?? local
    }

    private static func configure(_ fd: Int32, _ local: Endpoint, _ role: Role) throws(IOFault) {
        let family = local.address.family
        let number = Int32(family.number)
        func set(_ option: lx_option, _ name: String, _ value: Int32 = 1) throws(IOFault) {
            _ = try systemCall("setsockopt \(name)", "\(local)") {
                lx_set_option(fd, number, option, value)
            }
        }
        if family == .v6 { try set(LX_V6ONLY, "IPV6_V6ONLY") }
        try set(LX_PACKET_INFO, "PKTINFO")
        try set(LX_NO_PMTUD, "MTU_DISCOVER")
        try set(LX_RECEIVE_BUFFER, "SO_RCVBUF", Self.receiveBuffer)
        if role.contains(.bypassesPolicies) {
            do throws(IOFault) {
                try SocketPolicy.allowAll(fd, family, object: "\(local)")
            } catch {
                throw Self.explained(error, local)
            }
        }
        var address = lx_endpoint(local)
        do throws(IOFault) {
            // SAFETY: `address` lives for the whole call.
            _ = try systemCall("bind", "\(local)") { unsafe lx_bind(fd, &address) }
        } catch {
            throw Self.explained(error, local)
        }
        // After bind: until then no packet can be taken for ESP.
        if role.contains(.takesESP) { try set(LX_ESP_IN_UDP, "UDP_ENCAP") }
    }

    /// The same fault with a sentence that tells an operator what to do, where there is one.
    private static func explained(_ fault: IOFault, _ local: Endpoint) -> IOFault {
        let text: String
        switch fault.errno {
        case Errno.addressInUse:
            text =
                "UDP port \(local.port) is already in use on this host; stop the other program "
                + "(`ss -ulpn 'sport = :\(local.port)'` names it)"
        case Errno.accessDenied:
            text = "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
        case Errno.addressNotAvailable:
            text = "\(local.address) is not an address of this host"
        case Errno.notPermitted:
            text = "IPsec needs root or the capability CAP_NET_ADMIN"
        default: return fault
        }
        return IOFault(operation: fault.operation, object: fault.object, errno: fault.errno, text: text)
    }

    /// Gives what is sent from now on a mark, which routing rules and firewalls see; needs CAP_NET_ADMIN or CAP_NET_RAW.
    package func setMark(_ mark: UInt32) throws(IOFault) {
        let number = Int32(self.localEndpoint.address.family.number)
        try self.descriptor.withDescriptor { fd throws(IOFault) in
            _ = try systemCall("setsockopt SO_MARK", "\(self.localEndpoint)") {
                lx_set_option(fd, number, LX_MARK, Int32(bitPattern: mark))
            }
        }
    }

    /// Lends the descriptor's number, to wait for packets with.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.descriptor.withDescriptor(body)
    }

    /// Appends what has arrived to `batch`, at most `limit` datagrams; nothing waiting is no fault.
    ///
    /// When `limit` was reached there may be more: level-triggered readiness will say so.
    package func receive(into batch: inout [Datagram], atMost limit: Int = 64) throws(IOFault) {
        for _ in 0..<limit {
            do throws(IOFault) {
                if let datagram = try self.receiveOne() { batch.append(datagram) }
            } catch {
                if error.wouldBlock { return }
                throw error
            }
        }
    }

    private func receiveOne() throws(IOFault) -> Datagram? {
        var from = lx_endpoint()
        var to = lx_endpoint()
        let count = try self.descriptor.withDescriptor { fd throws(IOFault) in
            try systemCall("recvmsg", "\(self.localEndpoint)") {
                // SAFETY: the buffer is lent for the call, with its own count.
                unsafe self.buffer.withUnsafeMutableBytes {
                    unsafe lx_receive(fd, $0.baseAddress, $0.count, &from, &to)
                }
            }
        }
        // A UDP datagram cannot be longer than the buffer; one without a source cannot be answered.
        guard count <= self.buffer.count, let source = from.endpoint else { return nil }
        let address = to.endpoint?.address ?? self.localEndpoint.address
        return Datagram(
            bytes: Array(self.buffer[..<count]), from: source, to: Endpoint(address, self.localEndpoint.port))
    }

    /// Sends one datagram from the address `from`, or from one that the kernel chooses if that is unspecified.
    ///
    /// The source port is always the socket's.
    package func send(_ bytes: [UInt8], from: Endpoint, to: Endpoint) throws(IOFault) {
        var source = lx_endpoint(from)
        var destination = lx_endpoint(to)
        _ = try self.descriptor.withDescriptor { fd throws(IOFault) in
            try systemCall("sendmsg", "\(from) to \(to)") {
                // SAFETY: the bytes are lent for the call, with their own count.
                unsafe bytes.withUnsafeBytes {
                    unsafe lx_send(fd, $0.baseAddress, $0.count, &source, &destination)
                }
            }
        }
    }
}
