package import IPsecModel

/// The traffic selectors of one CHILD_SA, for the check of each inner packet in both directions (RFC 4301 §5.1, §5.2).
///
/// A packet belongs to the CHILD_SA if one selector takes in its local end and one its remote end. Protocol 0 is any
/// protocol; a range of ports needs a packet that has ports, OPAQUE one that has none. ICMP's type and code stand at
/// both ends (RFC 7296 §3.13.1).
package struct PacketFilter: Sendable {
    // Nearly every CHILD_SA has one selector at each end, so the first ones are not behind a pointer.
    private let firstLocal: SelectorMatch?
    private let firstRemote: SelectorMatch?
    private let otherLocals: [SelectorMatch]?
    private let otherRemotes: [SelectorMatch]?

    /// The filter for packets between `local`, our side, and `remote`, the peer's. With no selector at one of them it
    /// admits nothing.
    package init(local: [TrafficSelector], remote: [TrafficSelector]) {
        self.firstLocal = local.first.map(SelectorMatch.init)
        self.firstRemote = remote.first.map(SelectorMatch.init)
        self.otherLocals = local.count > 1 ? local.dropFirst().map(SelectorMatch.init) : nil
        self.otherRemotes = remote.count > 1 ? remote.dropFirst().map(SelectorMatch.init) : nil
    }

    /// True if this packet may go to the peer: its source is local, its destination remote.
    @inline(__always) package func admitsOutbound(_ packet: InnerPacket) -> Bool {
        Self.anySource(packet, self.firstLocal, self.otherLocals)
            && Self.anyDestination(packet, self.firstRemote, self.otherRemotes)
    }

    /// True if this packet may come from the peer: its source is remote, its destination local.
    @inline(__always) package func admitsInbound(_ packet: InnerPacket) -> Bool {
        Self.anySource(packet, self.firstRemote, self.otherRemotes)
            && Self.anyDestination(packet, self.firstLocal, self.otherLocals)
    }

    @inline(__always) private static func anySource(
        _ packet: InnerPacket, _ first: SelectorMatch?, _ others: [SelectorMatch]?
    ) -> Bool {
        if let first, first.admitsSource(packet) { return true }
        guard let others = others?.span else { return false }
        for index in others.indices where others[index].admitsSource(packet) { return true }
        return false
    }

    @inline(__always) private static func anyDestination(
        _ packet: InnerPacket, _ first: SelectorMatch?, _ others: [SelectorMatch]?
    ) -> Bool {
        if let first, first.admitsDestination(packet) { return true }
        guard let others = others?.span else { return false }
        for index in others.indices where others[index].admitsDestination(packet) { return true }
        return false
    }
}
