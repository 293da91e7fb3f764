internal import CLinux
package import IPsecModel

/// A socket for ESP, in UDP (RFC 3948) or bare (IP protocol 50): many datagrams per system call, no heap per packet.
///
/// It is nonblocking. Receiving and sending may happen on different threads.
package final class PacketSocket: Sendable {
    /// What carries the packets.
    package enum Kind: Hashable, Sendable {
        /// UDP, on a port that IKE has as well.
        case udp
        /// IP alone.
        case rawESP
    }

    /// UDP or IP.
    package let kind: Kind
    /// IPv4 or IPv6.
    package let family: AddressFamily
    /// What the kernel does for us.
    package let offloads: Offloads
    /// One sentence for each thing that the kernel does not do, or less than we would like.
    package let missing: [String]
    let descriptor: OwnedDescriptor
    /// Where the socket is bound; all addresses and no port for bare ESP.
    let local: PackedEndpoint
    /// True if the socket knows both ends, and talks with that peer only.
    package let isConnected: Bool
    private let mark: UInt32
    private let bypassesPolicies: Bool
    private let allowed: Offloads

    /// Room for what arrives and leaves while a worker is busy elsewhere, in bytes.
    static let bufferBytes: Int32 = 8 << 20

    /// Takes over receiving from `socket`, through a descriptor of its own.
    ///
    /// `IKESocket.send` still works, from any other thread. `IKESocket.receive` must not be used any more: it would
    /// take datagrams that the kernel has joined for one.
    ///
    /// - Parameters:
    ///   - socket: bound to the port of ESP in UDP; without the role `takesESP`.
    ///   - mark: what routing rules and firewalls see on all packets that leave, those of IKE included; 0 for none.
    ///   - allowed: which offloads to try.
    /// - Throws: `IOFault`, mostly if the mark is not ours to give.
    package init(
        sharing socket: IKESocket, mark: UInt32 = 0, allowing allowed: Offloads = .all
    ) throws(IOFault) {
        self.kind = .udp
        self.isConnected = false
        self.mark = mark
        self.bypassesPolicies = socket.role.contains(.bypassesPolicies)
        self.allowed = allowed
        self.local = PackedEndpoint(socket.localEndpoint)
        self.family = socket.localEndpoint.address.family
        let object = "\(socket.localEndpoint)"
        let duplicate = try socket.withDescriptor { fd throws(IOFault) in
            try systemCall("dup", object) { lx_duplicate(fd) }
        }
        self.descriptor = OwnedDescriptor(owning: duplicate)
        var setup = Setup(object: object, family: self.family)
        self.offloads = try self.descriptor.withDescriptor { fd throws(IOFault) in
            try setup.set(fd, LX_PACKET_INFO, "PKTINFO")
            try setup.setCommon(fd, mark: mark)
            return setup.takeOffloads(fd, allowed)
        }
        self.missing = setup.missing
    }

    /// Takes all bare ESP of one family that arrives at this host.
    ///
    /// - Parameters:
    ///   - family: IPv4 or IPv6.
    ///   - mark: what routing rules and firewalls see on the packets that leave; 0 for none.
    /// - Throws: `IOFault` with what an operator can do about it.
    package init(rawESP family: AddressFamily, mark: UInt32 = 0) throws(IOFault) {
        self.kind = .rawESP
        self.isConnected = false
        self.mark = mark
        self.bypassesPolicies = false
        self.allowed = []
        self.family = family
        self.local = PackedEndpoint(Endpoint(family.unspecified, 0))
        self.offloads = []
        let number = Int32(family.number)
        do throws(IOFault) {
            self.descriptor = OwnedDescriptor(
                owning: try systemCall("socket", "ESP") { lx_raw_esp_socket(number) })
        } catch {
            throw Self.explained(error)
        }
        var setup = Setup(object: "ESP", family: family)
        try self.descriptor.withDescriptor { fd throws(IOFault) in
            try setup.set(fd, LX_PACKET_INFO, "PKTINFO")
            try setup.set(fd, LX_NO_PMTUD, "MTU_DISCOVER")
            try setup.setCommon(fd, mark: mark)
        }
        self.missing = setup.missing
    }

    /// Takes over from `shared` what comes from `remote` to `local`, and sends to there only.
    ///
    /// The kernel knows the way of such a socket, and finds the socket of what arrives at once. That is worth it for
    /// peers whose packets come one by one: each then costs some two microseconds less at both ends together.
    ///
    /// What `shared` has in its queue stays there, and what comes from elsewhere before it is connected comes here.
    ///
    /// - Parameters:
    ///   - shared: UDP, bound to the port of `local` on its address or on all of them; it remains the socket of all others.
    ///   - local: an address of this host.
    ///   - remote: the peer, as we see it.
    /// - Throws: `IOFault`; `shared` goes on, but what came meanwhile is lost.
    package init(
        connecting shared: PacketSocket, from local: Endpoint, to remote: Endpoint
    ) throws(IOFault) {
        self.kind = .udp
        self.isConnected = true
        self.mark = shared.mark
        self.bypassesPolicies = shared.bypassesPolicies
        self.allowed = shared.allowed
        self.family = shared.family
        self.local = PackedEndpoint(local)
        let family = Int32(shared.family.number)
        let object = "\(local) to \(remote)"
        self.descriptor = OwnedDescriptor(
            owning: try systemCall("socket", object) { lx_udp_socket(family) })
        var setup = Setup(object: object, family: shared.family)
        self.offloads = try self.descriptor.withDescriptor { fd throws(IOFault) in
            try setup.set(fd, LX_PACKET_INFO, "PKTINFO")
            try setup.set(fd, LX_NO_PMTUD, "MTU_DISCOVER")
            try setup.setCommon(fd, mark: shared.mark)
            if shared.bypassesPolicies { try SocketPolicy.allowAll(fd, shared.family, object: object) }
            let taken = setup.takeOffloads(fd, shared.allowed)
            try setup.bind(fd, local, beside: shared.descriptor)
            var address = lx_endpoint(remote)
            // SAFETY: `address` lives for the whole call.
            _ = try systemCall("connect", object) { unsafe lx_connect(fd, &address) }
            return taken
        }
        // What `shared` lacks was said when that was made.
        self.missing = []
    }

    private static func explained(_ fault: IOFault) -> IOFault {
        let text: String
        switch fault.errno {
        case Errno.notPermitted, Errno.accessDenied:
            text = "bare ESP needs root or the capability CAP_NET_RAW; without it all ESP goes through UDP"
        case Errno.familyNotSupported: text = "this kernel does not have that version of IP"
        default: return fault
        }
        return IOFault(operation: fault.operation, object: fault.object, errno: fault.errno, text: text)
    }

    /// Lends the descriptor's number, to wait for packets with.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.descriptor.withDescriptor(body)
    }
}

extension PacketSocket {
    /// What the kernel does for many datagrams at once.
    package struct Offloads: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Datagrams of one sender may arrive as one (UDP_GRO; Linux 5.0 and later).
        package static let gro = Offloads(rawValue: 1)
        /// Datagrams to one receiver may leave as one (UDP_SEGMENT; Linux 4.18 and later).
        package static let gso = Offloads(rawValue: 2)
        /// Everything that there is.
        package static let all: Offloads = [.gro, .gso]
    }

    /// Setting options, and remembering what could not be had.
    private struct Setup {
        let object: String
        let family: AddressFamily
        var missing: [String] = []

        func set(_ fd: Int32, _ option: lx_option, _ name: String, _ value: Int32 = 1) throws(IOFault) {
            _ = try systemCall("setsockopt \(name)", self.object) {
                lx_set_option(fd, Int32(self.family.number), option, value)
            }
        }

        /// What UDP and bare ESP have in common.
        mutating func setCommon(_ fd: Int32, mark: UInt32) throws(IOFault) {
            try self.set(fd, LX_TRAFFIC_CLASS, "RECVTOS")
            try self.set(fd, LX_RECEIVE_BUFFER, "SO_RCVBUF", PacketSocket.bufferBytes)
            try self.set(fd, LX_SEND_BUFFER, "SO_SNDBUF", PacketSocket.bufferBytes)
            if mark != 0 { try self.set(fd, LX_MARK, "SO_MARK", Int32(bitPattern: mark)) }
            self.checkBuffer(fd, LX_RECEIVE_BUFFER, "receive", limit: "net.core.rmem_max")
            self.checkBuffer(fd, LX_SEND_BUFFER, "send", limit: "net.core.wmem_max")
        }

        /// Binds to the address that `other` has. Both must allow that; `other` only now, and so no program of somebody
        /// else's can do the same.
        func bind(_ fd: Int32, _ local: Endpoint, beside other: borrowing OwnedDescriptor) throws(IOFault) {
            try other.withDescriptor { shared throws(IOFault) in
                try self.set(shared, LX_REUSE_ADDRESS, "SO_REUSEADDR")
                defer { _ = lx_set_option(shared, Int32(self.family.number), LX_REUSE_ADDRESS, 0) }
                try self.set(fd, LX_REUSE_ADDRESS, "SO_REUSEADDR")
                var address = lx_endpoint(local)
                // SAFETY: `address` lives for the whole call.
                _ = try systemCall("bind", self.object) { unsafe lx_bind(fd, &address) }
            }
        }

        private mutating func checkBuffer(_ fd: Int32, _ option: lx_option, _ name: String, limit: String) {
            let bytes = lx_buffer_size(fd, option)
            guard bytes < PacketSocket.bufferBytes else { return }
            self.missing.append(
                "\(self.object): the \(name) buffer has \(bytes) bytes instead of \(PacketSocket.bufferBytes); "
                    + "bursts may be lost. Raise \(limit)")
        }

        mutating func takeOffloads(_ fd: Int32, _ allowed: Offloads) -> Offloads {
            var taken: Offloads = []
            let family = Int32(self.family.number)
            if allowed.contains(.gro), lx_set_option(fd, family, LX_UDP_GRO, 1) == 0 { taken.insert(.gro) }
            if allowed.contains(.gso), lx_probe_udp_segmentation(fd) == 0 { taken.insert(.gso) }
            let consequences: [(Offloads, String, String)] = [
                (.gro, "UDP GRO", "each datagram is received by itself"),
                (.gso, "UDP GSO", "each datagram is sent by itself"),
            ]
            for (offload, name, consequence) in consequences where !taken.contains(offload) {
                let reason = allowed.contains(offload) ? "the kernel has no" : "switched off:"
                self.missing.append("\(self.object): \(reason) \(name); \(consequence)")
            }
            return taken
        }
    }
}
