internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// How the ESP packets of a CHILD_SA leave, made ready for the system call.
struct TunnelRoute: Hashable, Sendable {
    /// Our address.
    let source: PackedEndpoint
    /// The peer's.
    let destination: PackedEndpoint
    /// UDP, or IP alone.
    let kind: PacketSocket.Kind

    /// The way of `path`.
    init(_ path: Path) {
        self.kind = path.usesUDPEncapsulation ? .udp : .rawESP
        self.source = PackedEndpoint(path.local)
        self.destination = PackedEndpoint(path.remote)
    }
}
