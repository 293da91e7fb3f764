internal import ESPCore
internal import IPsecModel
internal import LinuxIO

// Packets that do not fit the tunnel. The kernel knows the routes' MTU and asks for this rarely: when a path has just
// become narrower, or for what was routed here by hand.
extension OutboundWorker {
    /// Cuts the next packet into fragments that fit (RFC 791 §3.2), or tells its sender how long a packet may be
    /// (RFC 1191, RFC 8201). False if there is no use in going on: the rest of what the sender gave us is as long.
    mutating func handleTooBig(
        _ segmenter: inout Segmenter, _ entry: OutboundEntry, _ input: Span<UInt8>,
        _ output: inout MutableSpan<UInt8>
    ) -> Bool {
        // Rare enough for memory of its own.
        var storage = [UInt8](repeating: 0, count: Self.inputBytes)
        var whole = storage.mutableSpan
        let length = segmenter.nextLength ?? 0
        guard length <= whole.count else { return false }
        segmenter.writeNext(of: input, to: &whole, at: 0)
        guard let packet = InnerPacket(whole.span, 0..<length) else { return false }
        let limit = entry.mtu.limit(packet.family)
        if var fragmentation = InnerFragmentation(whole.span, packet, mtu: limit) {
            return self.seal(&fragmentation, packet, entry, whole.span, &output)
        }
        self.surroundings.drops.count(.tooBig)
        self.tellSender(of: packet, limit, whole.span, &output)
        return false
    }

    private mutating func seal(
        _ fragmentation: inout InnerFragmentation, _ packet: InnerPacket, _ entry: OutboundEntry,
        _ whole: Span<UInt8>, _ output: inout MutableSpan<UInt8>
    ) -> Bool {
        let longest = entry.sa.sealedLength(of: entry.mtu.limit(packet.family))
        while true {
            let offset = self.batch.place(
                longest, entry, ECN.encapsulated(packet.trafficClass), output.span)
            let fragment = fragmentation.next(whole, into: &output, at: offset + entry.sa.headerLength)
            guard let fragment else { return true }
            guard self.seal(at: offset, fragment.count, entry, packet.family, &output) else { return false }
        }
    }

    /// The error goes back by the device that the packet came from. It comes from the packet's destination, as a
    /// gateway need not have an address that hosts behind it know.
    private mutating func tellSender(
        of packet: InnerPacket, _ limit: Int, _ whole: Span<UInt8>, _ output: inout MutableSpan<UInt8>
    ) {
        guard ICMPError.isAllowed(whole, packet), self.errors.spend(now: Host.now) else { return }
        // What is behind the sealed packets is free.
        let start = self.batch.used
        let message = ICMPError.packetTooBig(
            whole, packet, mtu: limit, source: packet.destination, into: &output, at: start + self.headerBytes
        )
        guard let message else { return }
        if self.headerBytes > 0 { OffloadHeader().write(to: &output, at: start) }
        let piece = CollectionOfOne(PacketPiece(start..<message.upperBound))
        if self.surroundings.tun.write(output.span, piece.span) < 0 {
            self.surroundings.drops.count(.notDelivered)
        }
    }
}
