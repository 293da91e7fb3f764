internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// One state as the kernel describes it: `struct xfrm_usersa_info` with what follows. Keys are not read.
struct StateSnapshot: Hashable {
    let identifier: SAIdentifier
    let ipProtocol: UInt8
    let source: IPAddress
    let reqid: UInt32
    var counters: LifetimeCounters
    let late: UInt32
    let replayed: UInt32
    let badICV: UInt32
    var replay: ReplayState
    let lastUsed: UInt64?

    /// Bytes of the structure: selector 56, identifier 24, source 16, limits 64, counters 32, statistics 12,
    /// then sequence, reqid, family, mode, window, flags and padding to 224.
    static let length = 224

    /// Reads the payload of a NEWSA message, or the content of XFRMA_SA with the attributes from `outside` it.
    init(
        _ bytes: ArraySlice<UInt8>, attributes outside: NetlinkAttributes? = nil
    ) throws(MalformedMessage) {
        var reader = KernelReader(bytes)
        _ = try reader.bytes(KernelSelector.length, "sel")
        let destination = try reader.address("id.daddr")
        let spi = try reader.spi("id.spi")
        self.ipProtocol = try reader.native("id.proto")
        _ = try reader.bytes(3, "id")
        let source = try reader.address("saddr")
        _ = try reader.bytes(64, "lft")
        self.counters = try LifetimeCounters(&reader)
        self.late = try reader.native("stats.replay_window")
        self.replayed = try reader.native("stats.replay")
        self.badICV = try reader.native("stats.integrity_failed")
        _ = try reader.bytes(4, "seq")
        self.reqid = try reader.native("reqid")
        guard let family = AddressFamily(systemNumber: try reader.native("family")) else {
            throw MalformedMessage(field: "family")
        }
        _ = try reader.bytes(10, "mode")
        self.identifier = SAIdentifier(
            spi: spi, destination: try IPAddress(destination, family: family, "daddr"))
        self.source = try IPAddress(source, family: family, "saddr")

        let attributes: NetlinkAttributes
        if let outside { attributes = outside } else { attributes = try NetlinkAttributes(reader.rest) }
        if let bytes = attributes[.replayBitmap] {
            self.replay = try ReplayState(long: bytes)
        } else if let bytes = attributes[.replay] {
            self.replay = try ReplayState(short: bytes)
        } else {
            self.replay = ReplayState(window: 0)
        }
        self.lastUsed = attributes[.lastUsed].flatMap { UInt64(nativeBytes: $0) }
    }

    /// Reads a DELSA notification: how far the state had come when it went.
    init(deletion payload: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(payload)
        _ = try reader.bytes(24, "usersa_id")
        let attributes = try NetlinkAttributes(reader.rest)
        guard let state = attributes[.state] else { throw MalformedMessage(field: "XFRMA_SA") }
        try self.init(state, attributes: attributes)
    }

    /// The counters as the rest of the gateway knows them.
    func statistics(ofInbound isInbound: Bool) -> SAStatistics {
        var statistics = SAStatistics()
        statistics.bytes = self.counters.bytes
        statistics.packets = self.counters.packets
        statistics.replayed = UInt64(self.replayed)
        statistics.late = UInt64(self.late)
        statistics.badICV = UInt64(self.badICV)
        statistics.sequenceNumber = isInbound ? self.replay.inbound : self.replay.outbound
        statistics.lastUse = self.lastUsed
        return statistics
    }
}
