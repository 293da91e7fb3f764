internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// One of our UDP sockets, and what it is for.
struct BoundSocket {
    let socket: IKESocket
    let kind: IKESocketKind
}

/// The UDP sockets of the daemon: ports 500 and 4500, IPv4 and IPv6.
struct SocketSet {
    /// All that could be bound.
    let all: [BoundSocket]

    /// Binds them. A busy port is an error; a host without IPv6 is not.
    init(log: EventLog) throws(StartupError) {
        var bound: [BoundSocket] = []
        for family in [AddressFamily.v4, .v6] {
            do throws(IOFault) {
                bound.append(try Self.bind(family, .ike))
                bound.append(try Self.bind(family, .natTraversal))
            } catch {
                let isUnavailable = family == .v6 && error.errno != Errno.addressInUse
                guard isUnavailable else { throw StartupError(error.description) }
                log.warning("no IPv6: \(error)")
            }
        }
        self.all = bound
    }

    /// The socket to send through from `source`.
    func socket(for source: Endpoint) -> IKESocket? {
        self.all.first { bound in
            bound.socket.localEndpoint.port == source.port
                && bound.socket.localEndpoint.address.family == source.address.family
        }?.socket
    }

    private static func bind(_ family: AddressFamily, _ kind: IKESocketKind) throws(IOFault) -> BoundSocket {
        switch kind {
        case .ike:
            let endpoint = Endpoint(family.unspecified, IKEPort.ike)
            return BoundSocket(
                socket: try IKESocket(bindingTo: endpoint, role: [.bypassesPolicies]), kind: kind)
        case .natTraversal:
            let endpoint = Endpoint(family.unspecified, IKEPort.natTraversal)
            return BoundSocket(
                socket: try IKESocket(bindingTo: endpoint, role: [.bypassesPolicies, .takesESP]), kind: kind)
        }
    }
}
