package import IPsecModel

/// Joins packets of one flow that came out of a tunnel into large ones, as a network card's receive offload does: the
/// kernel then walks through its layers once for dozens of packets.
///
/// Packets stay where they were opened. A run of them becomes one packet by a header before the first and a list of the
/// pieces, which the device gathers. Nothing is joined whose checksum is wrong: the kernel would make a new, right one.
///
/// A run must be written before the memory of its packets is used again: `flush` after each batch.
package struct Coalescer: ~Copyable {
    /// Takes what is to be written: all pieces together are one packet with its offload header.
    package typealias Writer = (Span<UInt8>, Span<PacketPiece>) -> Void

    /// Flows that are joined at the same time.
    private static let width = 8
    /// Packets of one run: what the kernel takes for one large datagram.
    private static let longest = 64

    private var runs = [Run?](repeating: nil, count: Self.width)
    private var pieces = [PacketPiece](repeating: PacketPiece(0..<0), count: Self.width * Self.longest)
    private var openRuns = 0
    /// The run that gives way when all are open.
    private var next = 0
    private let hasHeader: Bool
    private var joinsTCP: Bool
    private var joinsUDP: Bool

    /// Joins TCP and UDP if the device takes such packets; without an offload header it takes packets as they are.
    package init(hasHeader: Bool, joinsTCP: Bool, joinsUDP: Bool) {
        self.hasHeader = hasHeader
        self.joinsTCP = hasHeader && joinsTCP
        self.joinsUDP = hasHeader && joinsUDP
    }

    /// Joins these from now on, if there is an offload header; what is held back already is still written joined.
    package mutating func limit(joinsTCP: Bool, joinsUDP: Bool) {
        self.joinsTCP = self.hasHeader && joinsTCP
        self.joinsUDP = self.hasHeader && joinsUDP
    }

    /// Takes in a packet that lies in `memory`, with room for an offload header before it. What is complete is written.
    package mutating func add(
        _ packet: InnerPacket, in memory: inout MutableSpan<UInt8>, write: Writer
    ) {
        guard let segment = self.segment(packet, memory.span) else {
            // Whatever of its flow came before goes out before it.
            if self.openRuns > 0, let index = self.run(of: packet) { self.finish(index, &memory, write) }
            self.writeAlone(packet, &memory, write)
            return
        }
        if self.openRuns > 0, let index = self.run(of: packet) {
            if self.runs[index]?.takes(segment, memory.span) == true {
                self.append(segment, to: index, &memory, write)
                return
            }
            self.finish(index, &memory, write)
        }
        self.open(segment, &memory, write)
    }

    /// Writes everything that is still held back.
    package mutating func flush(_ memory: inout MutableSpan<UInt8>, write: Writer) {
        guard self.openRuns > 0 else { return }
        for index in 0..<Self.width { self.finish(index, &memory, write) }
    }

    private func segment(_ packet: InnerPacket, _ memory: Span<UInt8>) -> Segment? {
        switch packet.ipProtocol {
        case IPProtocol.tcp: return self.joinsTCP ? Segment(tcp: packet, memory) : nil
        case IPProtocol.udp: return self.joinsUDP ? Segment(udp: packet, memory) : nil
        default: return nil
        }
    }

    private func run(of packet: InnerPacket) -> Int? {
        for index in 0..<Self.width where self.runs[index]?.isFlow(of: packet) == true { return index }
        return nil
    }

    private mutating func open(_ segment: Segment, _ memory: inout MutableSpan<UInt8>, _ write: Writer) {
        guard !segment.isLast else {
            self.writeAlone(segment.packet, &memory, write)
            return
        }
        let index = self.freeRun(&memory, write)
        self.runs[index] = Run(first: segment)
        self.openRuns += 1
        self.pieces[index * Self.longest] = PacketPiece(segment.packet.range)
    }

    private mutating func freeRun(_ memory: inout MutableSpan<UInt8>, _ write: Writer) -> Int {
        if self.openRuns < Self.width {
            for index in 0..<Self.width where self.runs[index] == nil { return index }
        }
        let index = self.next
        self.next = (index + 1) % Self.width
        self.finish(index, &memory, write)
        return index
    }

    private mutating func append(
        _ segment: Segment, to index: Int, _ memory: inout MutableSpan<UInt8>, _ write: Writer
    ) {
        let count = self.runs[index]?.count ?? 0
        self.pieces[index * Self.longest + count] = PacketPiece(segment.payload)
        self.runs[index]?.append(segment)
        let isShort = self.runs[index].map { segment.payload.count < $0.segmentSize } ?? true
        if segment.isLast || count + 1 == Self.longest || isShort {
            self.finish(index, &memory, write)
        }
    }

    private mutating func finish(_ index: Int, _ memory: inout MutableSpan<UInt8>, _ write: Writer) {
        guard let run = self.runs[index] else { return }
        self.runs[index] = nil
        self.openRuns -= 1
        guard run.count > 1 else {
            self.writeAlone(run.first.packet, &memory, write)
            return
        }
        run.writeHeaders(&memory)
        let start = index * Self.longest
        let first = run.first.packet.range
        self.pieces[start] = PacketPiece((first.lowerBound - OffloadHeader.length)..<first.upperBound)
        write(memory.span, self.pieces.span.extracting(start..<(start + run.count)))
    }

    private mutating func writeAlone(
        _ packet: InnerPacket, _ memory: inout MutableSpan<UInt8>, _ write: Writer
    ) {
        var piece = PacketPiece(packet.range)
        if self.hasHeader {
            // Behind an ESP header there is always room.
            guard packet.range.lowerBound >= OffloadHeader.length else { return }
            let start = packet.range.lowerBound - OffloadHeader.length
            OffloadHeader().write(to: &memory, at: start)
            piece = PacketPiece(start..<packet.range.upperBound)
        }
        let alone = CollectionOfOne(piece)
        write(memory.span, alone.span)
    }
}
