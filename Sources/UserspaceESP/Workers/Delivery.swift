internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// Opened packets on their way into the TUN device, joined where they belong together.
struct Delivery: ~Copyable {
    /// Belief in the device, for TCP and UDP each.
    private struct Trusts {
        var tcp = JoiningTrust()
        var udp = JoiningTrust()
        /// True if TCP was suspended since the last look.
        var hasSuspendedTCP = false
        /// The same for UDP.
        var hasSuspendedUDP = false
    }

    private let surroundings: Surroundings
    private var coalescer: Coalescer
    private var trusts = Trusts()
    private var hasSaidSo: Set<String> = []

    init(_ surroundings: Surroundings) {
        let offloads = surroundings.tun.offloads
        self.surroundings = surroundings
        self.coalescer = Coalescer(
            hasHeader: offloads.contains(.header), joinsTCP: offloads.contains(.tso),
            joinsUDP: offloads.contains(.uso))
    }

    /// Takes in a packet, which must stay where it is until `flush`.
    mutating func add(_ packet: InnerPacket, _ memory: inout MutableSpan<UInt8>) {
        var trusts = self.trusts
        let surroundings = self.surroundings
        self.coalescer.add(packet, in: &memory) { bytes, pieces in
            Self.write(bytes, pieces, surroundings, &trusts)
        }
        self.accept(trusts)
    }

    /// Writes what is held back.
    mutating func flush(_ memory: inout MutableSpan<UInt8>) {
        var trusts = self.trusts
        let surroundings = self.surroundings
        self.coalescer.flush(&memory) { bytes, pieces in
            Self.write(bytes, pieces, surroundings, &trusts)
        }
        self.accept(trusts)
        self.restore()
    }

    private static func write(
        _ bytes: Span<UInt8>, _ pieces: Span<PacketPiece>, _ surroundings: Surroundings,
        _ trusts: inout Trusts
    ) {
        let result = surroundings.tun.write(bytes, pieces)
        if result < 0 { for _ in 0..<pieces.count { surroundings.drops.count(.notDelivered) } }
        guard pieces.count > 1, let header = OffloadHeader(bytes, at: Int(pieces[0].offset)) else { return }
        let isRefused = result == -Int(Errno.invalid)
        // The clock only matters for a refusal.
        let now = isRefused ? Host.now : .origin
        switch header.segmentation {
        case .tcp4, .tcp6:
            if trusts.tcp.note(isRefused: isRefused, now: now) { trusts.hasSuspendedTCP = true }
        case .udp:
            if trusts.udp.note(isRefused: isRefused, now: now) { trusts.hasSuspendedUDP = true }
        case .none, .unknown: break
        }
    }

    /// The device said that it takes joined packets, and then did not. What is held back already is still written
    /// joined.
    private mutating func accept(_ trusts: Trusts) {
        self.trusts = trusts
        guard trusts.hasSuspendedTCP || trusts.hasSuspendedUDP else { return }
        (self.trusts.hasSuspendedTCP, self.trusts.hasSuspendedUDP) = (false, false)
        self.limit()
        if trusts.hasSuspendedTCP { self.say("TCP") }
        if trusts.hasSuspendedUDP { self.say("UDP") }
    }

    private mutating func say(_ name: String) {
        guard self.hasSaidSo.insert(name).inserted else { return }
        self.surroundings.control.put(
            note:
                "the TUN device refused \(JoiningTrust.patience) joined \(name) packets, one after the other: they "
                + "are delivered one by one, for ten seconds whenever this happens")
    }

    private mutating func restore() {
        guard self.trusts.tcp.suspendedUntil != nil || self.trusts.udp.suspendedUntil != nil else { return }
        let now = Host.now
        let isTCP = self.trusts.tcp.isRestored(now: now)
        let isUDP = self.trusts.udp.isRestored(now: now)
        if isTCP || isUDP { self.limit() }
    }

    private mutating func limit() {
        let offloads = self.surroundings.tun.offloads
        self.coalescer.limit(
            joinsTCP: offloads.contains(.tso) && self.trusts.tcp.suspendedUntil == nil,
            joinsUDP: offloads.contains(.uso) && self.trusts.udp.suspendedUntil == nil)
    }
}
