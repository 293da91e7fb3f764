import ESPCore
import IPsecModel

/// Packets in memory as they lie after they were opened, each with room before it, and what is written of them.
final class Joining {
    /// What lies between packets: the header of the next, and the trailer and ICV of the one before.
    private static let room = 24

    private var coalescer: Coalescer
    private var memory: [UInt8]
    private var ranges: [Range<Int>] = []
    /// What was written so far, each with its offload header.
    private(set) var written: [[UInt8]] = []
    /// The pieces of each.
    private(set) var pieces: [[Range<Int>]] = []

    init(_ packets: [[UInt8]], hasHeader: Bool = true, joinsTCP: Bool = true, joinsUDP: Bool = true) {
        self.coalescer = Coalescer(hasHeader: hasHeader, joinsTCP: joinsTCP, joinsUDP: joinsUDP)
        self.memory = []
        for packet in packets {
            self.memory += [UInt8](repeating: 0xee, count: Self.room)
            self.ranges.append(self.memory.count..<(self.memory.count + packet.count))
            self.memory += packet
        }
        self.memory += [UInt8](repeating: 0xee, count: Self.room)
    }

    /// Adds the packet `index`; false if it is none.
    func add(_ index: Int) -> Bool {
        guard let packet = InnerPacket(self.memory.span, self.ranges[index]) else { return false }
        self.lend { coalescer, memory, write in coalescer.add(packet, in: &memory, write: write) }
        return true
    }

    func flush() {
        self.lend { coalescer, memory, write in coalescer.flush(&memory, write: write) }
    }

    func limit(joinsTCP: Bool, joinsUDP: Bool) {
        self.coalescer.limit(joinsTCP: joinsTCP, joinsUDP: joinsUDP)
    }

    private func lend(_ body: (inout Coalescer, inout MutableSpan<UInt8>, Coalescer.Writer) -> Void) {
        var memory: [UInt8] = []
        swap(&memory, &self.memory)
        var span = memory.mutableSpan
        body(&self.coalescer, &span) { bytes, pieces in
            let ranges = pieces.indices.map { pieces[$0].range }
            self.written.append(ranges.flatMap { range in range.map { bytes[$0] } })
            self.pieces.append(ranges)
        }
        swap(&memory, &self.memory)
    }
}

/// What is written of `packets`, which are added in order and flushed at the end; nil if one of them is none.
func joined(
    _ packets: [[UInt8]], hasHeader: Bool = true, joinsTCP: Bool = true, joinsUDP: Bool = true
) -> [[UInt8]]? {
    let joining = Joining(packets, hasHeader: hasHeader, joinsTCP: joinsTCP, joinsUDP: joinsUDP)
    for index in packets.indices where !joining.add(index) { return nil }
    joining.flush()
    return joining.written
}

extension [UInt8] {
    /// A packet behind the offload header of one that is whole.
    var alone: [UInt8] { [UInt8](repeating: 0, count: 10) + self }
}
