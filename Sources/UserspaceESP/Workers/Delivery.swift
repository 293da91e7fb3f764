internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// Opened packets on their way into the TUN device, joined where they belong together.
struct Delivery: ~Copyable {
    private let surroundings: Surroundings
    private var coalescer: Coalescer
    private var trust = JoiningTrust()

    init(_ surroundings: Surroundings) {
        let offloads = surroundings.tun.offloads
        self.surroundings = surroundings
        self.coalescer = Coalescer(
            hasHeader: offloads.contains(.header), joinsTCP: offloads.contains(.tso),
            joinsUDP: offloads.contains(.uso))
    }

    /// Takes in a packet, which must stay where it is until `flush`.
    mutating func add(_ packet: InnerPacket, _ memory: inout MutableSpan<UInt8>) {
        var trust = self.trust
        let surroundings = self.surroundings
        self.coalescer.add(packet, in: &memory) { bytes, pieces in
            Self.write(bytes, pieces, surroundings, &trust)
        }
        self.accept(trust)
    }

    /// Writes what is held back.
    mutating func flush(_ memory: inout MutableSpan<UInt8>) {
        var trust = self.trust
        let surroundings = self.surroundings
        self.coalescer.flush(&memory) { bytes, pieces in
            Self.write(bytes, pieces, surroundings, &trust)
        }
        self.accept(trust)
    }

    private static func write(
        _ bytes: Span<UInt8>, _ pieces: Span<PacketPiece>, _ surroundings: Surroundings,
        _ trust: inout JoiningTrust
    ) {
        let result = surroundings.tun.write(bytes, pieces)
        if result < 0 { for _ in 0..<pieces.count { surroundings.drops.count(.notDelivered) } }
        guard pieces.count > 1, let header = OffloadHeader(bytes, at: Int(pieces[0].offset)) else { return }
        trust.note(header.segmentation, isRefused: result == -Int(Errno.invalid))
    }

    /// The device said that it takes joined packets, and then did not. Nothing is held back at this moment that was
    /// not written: a run is empty once it was given out.
    private mutating func accept(_ trust: JoiningTrust) {
        let before = self.trust
        self.trust = trust
        if before.joinsTCP, !trust.joinsTCP { self.say("TCP") }
        if before.joinsUDP, !trust.joinsUDP { self.say("UDP") }
        guard before.joinsTCP != trust.joinsTCP || before.joinsUDP != trust.joinsUDP else { return }
        self.coalescer.limit(joinsTCP: trust.joinsTCP, joinsUDP: trust.joinsUDP)
    }

    private func say(_ name: String) {
        self.surroundings.control.put(
            note:
                "the TUN device refused \(JoiningTrust.patience) joined \(name) packets, one after the other: they "
                + "are delivered one by one from now on")
    }
}
