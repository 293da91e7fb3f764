internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// Packets that had no SA, of which the control thread is told: one in a while for each policy, since inner hosts go on
/// sending.
struct CallBook {
    private var silentUntil: [UInt32: Instant] = [:]

    private static let interval: Duration = .seconds(1)
    /// Policies that are remembered at a time; what is beyond that has to wait.
    private static let limit = 256

    /// What to tell of this packet; nil if it was told of lately.
    mutating func call(_ reqid: UInt32, for packet: InnerPacket, now: Instant) -> DataPlaneEvent? {
        if let until = self.silentUntil[reqid], now < until { return nil }
        if self.silentUntil.count >= Self.limit {
            self.silentUntil = self.silentUntil.filter { $0.value > now }
        }
        guard self.silentUntil.count < Self.limit,
            let local = Self.selector(packet, packet.source, packet.sourcePort),
            let remote = Self.selector(packet, packet.destination, packet.destinationPort)
        else { return nil }
        self.silentUntil[reqid] = now.advanced(by: Self.interval)
        return .acquire(reqid: reqid, local: local, remote: remote)
    }

    private static func selector(
        _ packet: InnerPacket, _ end: PackedAddress, _ port: UInt16?
    ) -> TrafficSelector? {
        let address = end.address(packet.family)
        return AddressRange(address, address).map {
            TrafficSelector(
                ipProtocol: packet.ipProtocol, ports: port.map { .range($0...$0) } ?? .any, addresses: $0)
        }
    }
}
