internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// Opened packets on their way into the TUN device, joined where they belong together.
struct Delivery: ~Copyable {
    private let surroundings: Surroundings
    private var coalescer: Coalescer
    private var joinsUDP: Bool
    private var joinsTCP: Bool

    init(_ surroundings: Surroundings) {
        let offloads = surroundings.tun.offloads
        self.surroundings = surroundings
        self.joinsTCP = offloads.contains(.tso)
        self.joinsUDP = offloads.contains(.uso)
        self.coalescer = Coalescer(
            hasHeader: offloads.contains(.header), joinsTCP: self.joinsTCP, joinsUDP: self.joinsUDP)
    }

    /// Takes in a packet, which must stay where it is until `flush`.
    mutating func add(_ packet: InnerPacket, _ memory: inout MutableSpan<UInt8>) {
        var refused = 0
        let surroundings = self.surroundings
        self.coalescer.add(packet, in: &memory) { bytes, pieces in
            refused = min(refused, Self.write(bytes, pieces, surroundings))
        }
        if refused < 0 { self.giveUpJoining(-refused) }
    }

    /// Writes what is held back.
    mutating func flush(_ memory: inout MutableSpan<UInt8>) {
        var refused = 0
        let surroundings = self.surroundings
        self.coalescer.flush(&memory) { bytes, pieces in
            refused = min(refused, Self.write(bytes, pieces, surroundings))
        }
        if refused < 0 { self.giveUpJoining(-refused) }
    }

    /// 0, or −errno if the device refused a joined packet, which it said it takes.
    private static func write(
        _ bytes: Span<UInt8>, _ pieces: Span<PacketPiece>, _ surroundings: Surroundings
    ) -> Int {
        let result = surroundings.tun.write(bytes, pieces)
        guard result < 0 else { return 0 }
        for _ in 0..<pieces.count { surroundings.drops.count(.notDelivered) }
        return pieces.count > 1 && result == -Int(Errno.invalid) ? result : 0
    }

    /// The device said that it takes joined packets, and then did not. Nothing is held back at this moment that was
    /// not written: a run is empty once it was given out.
    private mutating func giveUpJoining(_ errno: Int) {
        guard self.joinsTCP || self.joinsUDP else { return }
        let name = self.joinsUDP ? "UDP" : "TCP"
        self.surroundings.control.put(
            note: "the TUN device refused joined \(name) packets (\(errorText(Int32(clamping: errno)))): "
                + "they are delivered one by one from now on")
        if self.joinsUDP { self.joinsUDP = false } else { self.joinsTCP = false }
        self.coalescer.limit(joinsTCP: self.joinsTCP, joinsUDP: self.joinsUDP)
    }
}
