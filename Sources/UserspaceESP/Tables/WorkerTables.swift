internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// The sending half of a CHILD_SA, with the way that its packets take. A new way is a new entry with the same SA.
///
/// SAFETY of `@unchecked Sendable`: the control thread makes an entry and never touches what can change in it
/// afterwards; the outbound worker alone does, from the moment that it takes over the table in which the entry is.
final class OutboundEntry: @unchecked Sendable {
    let reqid: UInt32
    let sa: OutboundSA
    let counters: SharedCounters
    let route: TunnelRoute
    /// The socket of this path alone; nil if it has none.
    let socket: PacketSocket?
    let mtu: TunnelMTU
    /// What the kernel would call it.
    var identifier: SAIdentifier {
        SAIdentifier(spi: self.sa.spi, destination: self.route.destination.address)
    }

    /// Until then packets are sent one by one, since the kernel has refused to cut them, which it said it could.
    var singlyUntil = Instant.origin

    init(
        reqid: UInt32, sa: OutboundSA, counters: SharedCounters, route: TunnelRoute, socket: PacketSocket?,
        mtu: TunnelMTU
    ) {
        self.reqid = reqid
        self.sa = sa
        self.counters = counters
        self.route = route
        self.socket = socket
        self.mtu = mtu
    }
}

/// The receiving half of a CHILD_SA, with the place where its peer was last seen. Another place is a new entry with the
/// same SA.
///
/// SAFETY of `@unchecked Sendable`: the control thread makes an entry and never touches what can change in it
/// afterwards; the inbound worker alone does, from the moment that it takes over the table in which the entry is.
final class InboundEntry: @unchecked Sendable {
    /// Our own address.
    let local: IPAddress
    let reqid: UInt32
    let sa: InboundSA
    let counters: InboundCounters
    /// Where the peer was last seen.
    let peer: PackedEndpoint
    let mtu: TunnelMTU
    /// What the kernel would call it.
    var identifier: SAIdentifier { SAIdentifier(spi: self.sa.spi, destination: self.local) }

    /// Before then the worker does not tell again that the peer is elsewhere.
    var silentUntil = Instant.origin

    init(
        reqid: UInt32, sa: InboundSA, counters: InboundCounters, path: Path, mtu: TunnelMTU
    ) {
        self.local = path.local.address
        self.reqid = reqid
        self.sa = sa
        self.counters = counters
        self.peer = PackedEndpoint(path.remote)
        self.mtu = mtu
    }
}

/// All that the outbound worker knows: which inner packets belong to which CHILD_SA, and the halves that send them.
struct OutboundTable: Sendable {
    var selectors = SelectorTable()
    var entries = ShardedMap<UInt32, OutboundEntry>()
}

/// All that the inbound worker knows: the halves that receive, by SPI, and the sockets of single paths.
struct InboundTable: Sendable {
    var sockets: [PacketSocket] = []
    var entries = ShardedMap<UInt32, InboundEntry>()
}
