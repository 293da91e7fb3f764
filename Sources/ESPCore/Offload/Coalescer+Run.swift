internal import IPsecModel

/// A packet that may be joined with others of its flow.
struct Segment {
    /// The flags of TCP's header (RFC 9293 §3.1).
    private static let acknowledgment: UInt8 = 0x10
    private static let push: UInt8 = 0x08
    private static let udpHeaderLength = 8

    let packet: InnerPacket
    /// Where the transport header begins.
    let transport: Int
    /// What the packet carries behind all headers; not empty.
    let payload: Range<Int>
    /// TCP's sequence number; 0 for UDP.
    let sequence: UInt32
    /// True if nothing may be joined behind it.
    let isLast: Bool

    /// A TCP segment with data and no flags but ACK and PSH; nil for any other.
    init?(tcp packet: InnerPacket, _ memory: Span<UInt8>) {
        guard let transport = Self.plainTransport(packet, memory), packet.range.upperBound - transport >= 20
        else { return nil }
        let length = Int(memory[transport + 12] >> 4) * 4
        let flags = memory[transport + 13]
        guard length >= 20, packet.range.upperBound - transport > length,
            flags & ~Self.push == Self.acknowledgment
        else { return nil }
        self.packet = packet
        self.transport = transport
        self.payload = (transport + length)..<packet.range.upperBound
        self.sequence = memory.load32(transport + 4)
        self.isLast = flags & Self.push != 0
    }

    /// A UDP datagram with data and a checksum; nil for any other.
    init?(udp packet: InnerPacket, _ memory: Span<UInt8>) {
        guard let transport = Self.plainTransport(packet, memory),
            packet.range.upperBound - transport > Self.udpHeaderLength,
            Int(memory.load16(transport + 4)) == packet.range.upperBound - transport,
            memory.load16(transport + 6) != 0
        else { return nil }
        self.packet = packet
        self.transport = transport
        self.payload = (transport + Self.udpHeaderLength)..<packet.range.upperBound
        self.sequence = 0
        self.isLast = false
    }

    /// Where the transport header begins in a packet without IP options, extension headers and fragmentation.
    private static func plainTransport(_ packet: InnerPacket, _ memory: Span<UInt8>) -> Int? {
        guard !packet.isFragment, let transport = packet.transportOffset else { return nil }
        let header = packet.family == .v4 ? 20 : 40
        guard transport == packet.range.lowerBound + header else { return nil }
        return transport
    }

    /// Bytes of all headers.
    var headersLength: Int { self.payload.lowerBound - self.packet.range.lowerBound }

    /// True if the checksums of the IPv4 header and of the transport header are right.
    func hasGoodChecksums(_ memory: Span<UInt8>) -> Bool {
        if !self.packet.isIPv6 {
            let header = InternetChecksum.sum(memory, self.packet.range.lowerBound..<self.transport)
            guard InternetChecksum.fold(header) == 0xffff else { return false }
        }
        let range = self.transport..<self.packet.range.upperBound
        let sum = InternetChecksum.sum(memory, range, from: self.pseudoHeader(memory, length: range.count))
        return InternetChecksum.fold(sum) == 0xffff
    }

    /// The sum of the pseudo-header before `length` bytes of transport header and payload.
    func pseudoHeader(_ memory: Span<UInt8>, length: Int) -> UInt64 {
        InternetChecksum.pseudoHeader(
            memory, header: self.packet.range.lowerBound, family: self.packet.family,
            ipProtocol: self.packet.ipProtocol, length: length)
    }
}

/// Packets of one flow that become one.
struct Run {
    /// The first of them, in whose headers all will be said.
    let first: Segment
    /// How many there are.
    private(set) var count: Int
    /// Bytes of payload together.
    private(set) var bytes: Int
    /// TCP's next sequence number.
    private var nextSequence: UInt32
    /// Whether the first one's checksums were looked at, which is not done for a packet that stays alone.
    private var isFirstVerified = false
    private var isFirstGood = false

    /// Bytes of payload of each but the last.
    var segmentSize: Int { self.first.payload.count }

    /// Bytes of all together, headers included: the most that an IP packet can have. A sender's kernel makes its large
    /// packets as large as that, so a smaller number would cut each of them in two.
    private static let largest = 65_535

    /// A run of one.
    init(first: Segment) {
        self.first = first
        self.count = 1
        self.bytes = first.payload.count
        self.nextSequence = first.sequence &+ UInt32(truncatingIfNeeded: first.payload.count)
    }

    /// True if `packet` belongs to this run's flow.
    func isFlow(of packet: InnerPacket) -> Bool {
        let mine = self.first.packet
        return mine.ipProtocol == packet.ipProtocol && mine.sourcePort == packet.sourcePort
            && mine.destinationPort == packet.destinationPort && mine.family == packet.family
            && mine.source == packet.source && mine.destination == packet.destination
    }

    /// True if `segment`, which is of the same flow, goes on where the run ends and differs in nothing else.
    mutating func takes(_ segment: Segment, _ memory: Span<UInt8>) -> Bool {
        guard segment.headersLength == self.first.headersLength, segment.payload.count <= self.segmentSize,
            self.first.headersLength + self.bytes + segment.payload.count <= Self.largest,
            segment.sequence == self.expectedSequence, self.hasSameHeaders(segment, memory),
            segment.hasGoodChecksums(memory)
        else { return false }
        if !self.isFirstVerified {
            self.isFirstVerified = true
            self.isFirstGood = self.first.hasGoodChecksums(memory)
        }
        return self.isFirstGood
    }

    private var expectedSequence: UInt32 {
        self.first.packet.ipProtocol == IPProtocol.tcp ? self.nextSequence : 0
    }

    /// Everything but lengths, checksums, TCP's sequence number and PSH. The identification of IPv4 must count up, as it
    /// will when the packet is cut again; with DF it means nothing (RFC 6864 §4.1), and many senders leave it zero.
    private func hasSameHeaders(_ segment: Segment, _ memory: Span<UInt8>) -> Bool {
        let (a, b) = (self.first.packet.range.lowerBound, segment.packet.range.lowerBound)
        switch segment.packet.family {
        case .v4:
            // Type of service; flags; time to live.
            guard memory[a + 1] == memory[b + 1], memory[a + 6] == memory[b + 6],
                memory[a + 8] == memory[b + 8]
            else { return false }
            let expected = memory.load16(a + 4) &+ UInt16(truncatingIfNeeded: self.count)
            guard memory[a + 6] & 0x40 != 0 || memory.load16(b + 4) == expected else { return false }
        case .v6:
            // Traffic class and flow label; hop limit.
            guard memory.load32(a) == memory.load32(b), memory[a + 7] == memory[b + 7] else { return false }
        }
        guard segment.packet.ipProtocol == IPProtocol.tcp else { return true }
        let (s, t) = (self.first.transport, segment.transport)
        // Acknowledgment; reserved bits with AE (RFC 9768 §3.1); window; urgent pointer.
        guard memory.load32(s + 8) == memory.load32(t + 8), memory[s + 12] == memory[t + 12],
            memory.load16(s + 14) == memory.load16(t + 14), memory.load16(s + 18) == memory.load16(t + 18)
        else { return false }
        // Options: whole words of four bytes.
        var option = 20
        while t + option < segment.payload.lowerBound {
            guard memory.load32(s + option) == memory.load32(t + option) else { return false }
            option += 4
        }
        return true
    }

    /// `takes` said yes.
    mutating func append(_ segment: Segment) {
        self.count += 1
        self.bytes += segment.payload.count
        self.nextSequence = segment.sequence &+ UInt32(truncatingIfNeeded: segment.payload.count)
        self.endsWithPush = segment.isLast
    }

    private var endsWithPush = false

    /// Makes the headers of the first packet those of all together, with the offload header before them.
    func writeHeaders(_ memory: inout MutableSpan<UInt8>) {
        let start = self.first.packet.range.lowerBound
        let isTCP = self.first.packet.ipProtocol == IPProtocol.tcp
        let transportLength = self.first.payload.lowerBound - self.first.transport + self.bytes
        var header = OffloadHeader()
        header.segmentSize = self.segmentSize
        header.headerLength = self.first.headersLength
        header.checksumStart = self.first.transport - start
        header.checksumOffset = isTCP ? 16 : 6
        switch self.first.packet.family {
        case .v4:
            header.segmentation = isTCP ? .tcp4 : .udp
            memory.store(UInt16(truncatingIfNeeded: 20 + transportLength), at: start + 2)
            IPv4Header.storeChecksum(&memory, start..<(start + 20))
        case .v6:
            header.segmentation = isTCP ? .tcp6 : .udp
            memory.store(UInt16(truncatingIfNeeded: transportLength), at: start + 4)
        }
        if isTCP {
            if self.endsWithPush { memory[self.first.transport + 13] |= 0x08 }
        } else {
            memory.store(UInt16(truncatingIfNeeded: transportLength), at: self.first.transport + 4)
        }
        // Whoever cuts the packet adds the rest and takes the complement.
        memory.store(
            InternetChecksum.fold(self.first.pseudoHeader(memory.span, length: transportLength)),
            at: self.first.transport + header.checksumOffset)
        header.write(to: &memory, at: start - OffloadHeader.length)
    }
}
