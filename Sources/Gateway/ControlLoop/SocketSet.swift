internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// One of our UDP sockets, and what it is for.
struct BoundSocket {
    let socket: IKESocket
    let kind: IKESocketKind
}

/// The UDP sockets of the daemon: ports 500 and 4500, IPv4 and IPv6.
struct SocketSet: DatagramOutlet {
    /// All that could be bound.
    let all: [BoundSocket]

    /// Binds them; other ports than those of IKE are for tests. A busy port is an error; a host without IPv6 is
    /// not. `kernelTakesESP` leaves us only IKE on 4500.
    init(
        ike: UInt16 = IKEPort.ike, natTraversal: UInt16 = IKEPort.natTraversal, kernelTakesESP: Bool = true,
        log: EventLog
    ) throws(StartupError) {
        let role: IKESocket.Role = kernelTakesESP ? [.bypassesPolicies, .takesESP] : .bypassesPolicies
        do throws(IOFault) {
            self.all =
                try Self.bind(.v4, ike, natTraversal, role) + Self.bindIPv6(ike, natTraversal, role, log)
        } catch { throw StartupError("cannot listen on \(error.object): \(error.text)") }
    }

    private static func bindIPv6(
        _ ike: UInt16, _ natTraversal: UInt16, _ role: IKESocket.Role, _ log: EventLog
    ) throws(IOFault) -> [BoundSocket] {
        do throws(IOFault) {
            return try self.bind(.v6, ike, natTraversal, role)
        } catch {
            guard error.errno != Errno.addressInUse else { throw error }
            log.warning("no IPv6, which peers can then not use: \(error)")
            return []
        }
    }

    private static func bind(
        _ family: AddressFamily, _ ike: UInt16, _ natTraversal: UInt16, _ role: IKESocket.Role
    ) throws(IOFault) -> [BoundSocket] {
        let first = try IKESocket(
            bindingTo: Endpoint(family.unspecified, ike), role: [.bypassesPolicies])
        let second = try IKESocket(
            bindingTo: Endpoint(family.unspecified, natTraversal), role: role)
        return [BoundSocket(socket: first, kind: .ike), BoundSocket(socket: second, kind: .natTraversal)]
    }

    var endpoints: [Endpoint] { self.all.map(\.socket.localEndpoint) }

    func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) throws(IOFault) {
        let bound = self.all.first { bound in
            bound.socket.localEndpoint.port == source.port
                && bound.socket.localEndpoint.address.family == source.address.family
        }
        guard let bound else {
            throw IOFault(
                operation: "send", object: "\(source)", errno: Errno.addressNotAvailable,
                text: "no socket is bound there")
        }
        try bound.socket.send(bytes, from: source, to: destination)
    }
}
