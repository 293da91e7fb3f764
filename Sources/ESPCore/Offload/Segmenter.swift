internal import IPsecModel

/// Cuts what the kernel gave us in one piece into the packets that it stands for, with their own headers and checksums.
///
/// The kernel leaves this to a device that says it can do it; so it walks through its layers once for dozens of packets.
package struct Segmenter {
    /// The packet as the kernel gave it: its addresses, protocol and ports are those of all.
    package let packet: InnerPacket

    private let kind: OffloadHeader.Segmentation
    /// Where a checksum lies that is only that of the pseudo-header so far.
    private let partialChecksum: (start: Int, field: Int)?
    /// Bytes of all headers.
    private let headersLength: Int
    private let segmentSize: Int
    private var next: Int
    private var index = 0

    /// What lies in `range` of `memory`; nil if it is no IP packet or the header does not fit it.
    package init?(_ memory: Span<UInt8>, _ range: Range<Int>, _ header: OffloadHeader) {
        guard let packet = InnerPacket(memory, range) else { return nil }
        self.packet = packet
        self.kind = header.segmentation
        self.next = packet.range.lowerBound
        switch header.segmentation {
        case .unknown: return nil
        case .none:
            self.headersLength = 0
            self.segmentSize = packet.range.count
            guard let start = header.checksumStart else {
                self.partialChecksum = nil
                return
            }
            // Both are below 65,536. Behind the IP header, so that the addresses stay those that were looked at.
            let field = start + header.checksumOffset
            guard start >= (packet.isIPv6 ? 40 : 20), field + 2 <= packet.range.count,
                header.checksumOffset % 2 == 0
            else { return nil }
            self.partialChecksum = (start, field)
        case .tcp4, .tcp6, .udp:
            guard let length = Self.headersLength(memory, packet, header.segmentation), header.segmentSize > 0
            else { return nil }
            self.headersLength = length
            self.segmentSize = header.segmentSize
            self.next += length
            self.partialChecksum = nil
        }
    }

    /// Bytes of IP and transport header; nil if the packet is not what the offload header says.
    private static func headersLength(
        _ memory: Span<UInt8>, _ packet: InnerPacket, _ kind: OffloadHeader.Segmentation
    ) -> Int? {
        guard let transport = packet.transportOffset, !packet.isFragment else { return nil }
        let rest = packet.range.upperBound - transport
        let before = transport - packet.range.lowerBound
        guard kind != .udp else {
            return packet.ipProtocol == IPProtocol.udp && rest > 8 ? before + 8 : nil
        }
        guard packet.ipProtocol == IPProtocol.tcp, rest >= 20, (kind == .tcp4) == (packet.family == .v4)
        else {
            return nil
        }
        let length = Int(memory[transport + 12] >> 4) * 4
        return length >= 20 && rest > length ? before + length : nil
    }

    /// True if the packet stands for several, or has a checksum to be completed: its own is not that of its bytes.
    package var isChecksumPartial: Bool { self.partialChecksum != nil || self.headersLength > 0 }

    /// Bytes of the next packet; nil when all are written.
    package var nextLength: Int? {
        guard self.next < self.packet.range.upperBound else { return nil }
        return self.headersLength + self.nextPayload.count
    }

    private var nextPayload: Range<Int> {
        self.next..<min(self.next + self.segmentSize, self.packet.range.upperBound)
    }

    /// Writes the next packet, of `nextLength` bytes, to `offset` of `memory`, where there must be room.
    package mutating func writeNext(
        of source: Span<UInt8>, to memory: inout MutableSpan<UInt8>, at offset: Int
    ) {
        let payload = self.nextPayload
        defer {
            self.next = payload.upperBound
            self.index += 1
        }
        switch self.kind {
        case .none, .unknown: self.writeWhole(payload, source, &memory, offset)
        case .tcp4, .tcp6: self.writeTCP(payload, source, &memory, offset)
        case .udp: self.writeUDP(payload, source, &memory, offset)
        }
    }

    private func writeWhole(
        _ payload: Range<Int>, _ source: Span<UInt8>, _ memory: inout MutableSpan<UInt8>, _ offset: Int
    ) {
        memory.copy(payload, of: source, to: offset)
        guard let (start, field) = self.partialChecksum else { return }
        let sum = InternetChecksum.sum(memory.span, (offset + start)..<(offset + payload.count))
        self.storeChecksum(~InternetChecksum.fold(sum), &memory, at: offset + field)
    }

    /// TCP (RFC 9293 §3.1): the sequence number goes on; FIN and PSH are the last one's, CWR is the first one's.
    private func writeTCP(
        _ payload: Range<Int>, _ source: Span<UInt8>, _ memory: inout MutableSpan<UInt8>, _ offset: Int
    ) {
        let transport = self.writeHeaders(payload, source, &memory, offset)
        let done = payload.lowerBound - self.packet.range.lowerBound - self.headersLength
        memory.store(memory.load32(transport + 4) &+ UInt32(truncatingIfNeeded: done), at: transport + 4)
        let (finish, push, windowReduced): (UInt8, UInt8, UInt8) = (0x01, 0x08, 0x80)
        if payload.upperBound < self.packet.range.upperBound { memory[transport + 13] &= ~(finish | push) }
        if self.index > 0 { memory[transport + 13] &= ~windowReduced }
        self.finishTransport(payload, source, &memory, offset, transport, field: transport + 16)
    }

    /// UDP (RFC 768): each datagram has its own length.
    private func writeUDP(
        _ payload: Range<Int>, _ source: Span<UInt8>, _ memory: inout MutableSpan<UInt8>, _ offset: Int
    ) {
        let transport = self.writeHeaders(payload, source, &memory, offset)
        memory.store(UInt16(truncatingIfNeeded: 8 + payload.count), at: transport + 4)
        self.finishTransport(payload, source, &memory, offset, transport, field: transport + 6)
    }

    /// Copies all headers, makes the IP header that of this packet, and says where the transport header begins.
    private func writeHeaders(
        _ payload: Range<Int>, _ source: Span<UInt8>, _ memory: inout MutableSpan<UInt8>, _ offset: Int
    ) -> Int {
        let start = self.packet.range.lowerBound
        memory.copy(start..<(start + self.headersLength), of: source, to: offset)
        let length = self.headersLength + payload.count
        let transport = offset + self.transportDistance
        switch self.packet.family {
        case .v4:
            memory.store(UInt16(truncatingIfNeeded: length), at: offset + 2)
            memory.store(memory.load16(offset + 4) &+ UInt16(truncatingIfNeeded: self.index), at: offset + 4)
            IPv4Header.storeChecksum(&memory, offset..<transport)
        case .v6: memory.store(UInt16(truncatingIfNeeded: length - 40), at: offset + 4)
        }
        return transport
    }

    private var transportDistance: Int {
        (self.packet.transportOffset ?? self.packet.range.lowerBound) - self.packet.range.lowerBound
    }

    /// Copies the payload and writes the checksum over it, the transport header and the pseudo-header.
    private func finishTransport(
        _ payload: Range<Int>, _ source: Span<UInt8>, _ memory: inout MutableSpan<UInt8>, _ offset: Int,
        _ transport: Int, field: Int
    ) {
        let start = offset + self.headersLength
        memory.copy(payload, of: source, to: start)
        memory.store(UInt16(0), at: field)
        let end = start + payload.count
        let pseudo = InternetChecksum.pseudoHeader(
            memory.span, header: offset, family: self.packet.family, ipProtocol: self.packet.ipProtocol,
            length: end - transport)
        let sum = InternetChecksum.sum(memory.span, transport..<end, from: pseudo)
        self.storeChecksum(~InternetChecksum.fold(sum), &memory, at: field)
    }

    private func storeChecksum(_ checksum: UInt16, _ memory: inout MutableSpan<UInt8>, at offset: Int) {
        // RFC 768: a UDP checksum that computes to zero is sent as ones, since zero means that there is none.
        let isZeroUDP = checksum == 0 && self.packet.ipProtocol == IPProtocol.udp
        memory.store(isZeroUDP ? UInt16.max : checksum, at: offset)
    }
}
