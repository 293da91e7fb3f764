internal import IPsecModel
internal import LinuxIO

/// The paths that have a socket of their own: the first few that children are installed on.
///
/// A site has few peers, and most of its packets are between the same two endpoints. The kernel knows the way of a connected
/// socket and need not look it up for each packet. All other paths share one socket for each family.
struct PathSockets {
    private struct Use {
        let socket: PacketSocket
        /// How many sending halves go by it.
        var count: Int
    }

    private var uses: [TunnelRoute: Use] = [:]

    /// How many paths have one. Each is another descriptor that the inbound worker waits for.
    static let limit = 4

    /// All sockets, in no order.
    var all: [PacketSocket] { self.uses.values.map(\.socket) }

    /// The socket for one more half that sends by `route`; nil if that goes by one of `shared`.
    mutating func join(_ route: TunnelRoute, _ shared: TunnelSockets) throws(IOFault) -> PacketSocket? {
        if let use = self.uses[route] {
            self.uses[route]?.count += 1
            return use.socket
        }
        guard route.kind == .udp, self.uses.count < Self.limit,
            let socket = shared.socket(.udp, route.source.family)
        else { return nil }
        let own = try PacketSocket(
            connecting: socket, from: route.source.endpoint, to: route.destination.endpoint)
        self.uses[route] = Use(socket: own, count: 1)
        return own
    }

    /// One half that `join` gave a socket sends by `route` no more; the socket if it was the last.
    mutating func leave(_ route: TunnelRoute) -> PacketSocket? {
        guard let use = self.uses[route] else { return nil }
        guard use.count == 1 else {
            self.uses[route] = Use(socket: use.socket, count: use.count - 1)
            return nil
        }
        self.uses[route] = nil
        return use.socket
    }
}
