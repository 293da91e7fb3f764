internal import IPsecModel
package import LinuxIO
internal import Synchronization

/// What both workers share: devices, counters, and the way to the control thread.
final class Surroundings: Sendable {
    let tun: TunDevice
    let sockets: TunnelSockets
    let control: ControlQueue
    let drops: DropCounters
    /// Sockets on their way from the control thread to the inbound worker, which closes them.
    let leaving = LeavingSockets()

    init(tun: TunDevice, sockets: TunnelSockets, control: ControlQueue, drops: DropCounters) {
        self.tun = tun
        self.sockets = sockets
        self.control = control
        self.drops = drops
    }
}

/// Sockets whose paths are gone. The inbound worker alone lets go of them, when it has read what is in them.
final class LeavingSockets: Sendable {
    private let sockets = Mutex<[PacketSocket]>([])

    /// The worker will see it with the next table.
    func add(_ socket: PacketSocket) { self.sockets.withLock { $0.append(socket) } }

    /// All that were added since the last call.
    func takeAll() -> [PacketSocket] {
        self.sockets.withLock { sockets in
            defer { sockets = [] }
            return sockets
        }
    }
}

/// The sockets that carry ESP: in UDP, and bare where this host allows it.
package struct TunnelSockets: Sendable {
    /// All of them; at most one of each kind and family.
    package let all: [PacketSocket]

    /// These sockets.
    package init(_ all: [PacketSocket]) {
        self.all = all
    }

    /// The socket for packets of `kind` between addresses of `family`.
    func socket(_ kind: PacketSocket.Kind, _ family: AddressFamily) -> PacketSocket? {
        // Four at most: quicker than any table.
        for index in self.all.indices {
            let socket = self.all[index]
            if socket.kind == kind, socket.family == family { return socket }
        }
        return nil
    }

    /// True if there is a socket for bare ESP.
    package var hasBareESP: Bool { self.all.contains { $0.kind == .rawESP } }
}
