internal import ArgumentParser
internal import CAllocationCount
internal import IPsecModel
internal import LinuxIO
internal import UserspaceESP

/// What the engine costs by itself: memory, allocations, and time for a packet with one CHILD_SA and with many.
///
/// Prints one `key=value` a line, for `Benchmarks/compare`.
struct SelfBench {
    private let provider: any ESPTransformProvider
    private let template: ChildSASpec

    /// How many CHILD_SAs are many.
    private static let many = 10_000
    /// Packets of one CHILD_SA that follow each other: what one super-packet of the kernel's holds.
    private static let burst = 64
    private static let innerLength = 1_378
    private static let slot = 2_048
    /// Bursts of one measurement, and how many measurements there are: the fastest counts.
    private static let bursts = 200
    private static let rounds = 15
    /// A bench with this cipher library, for CHILD_SAs like `template`.
    init(_ provider: any ESPTransformProvider, _ template: ChildSASpec) {
        self.provider = provider
        self.template = template
    }

    func run() throws {
        let engine = try EngineBench(self.provider, self.template).measure(Self.many)
        Self.say("child_sas_installed", Double(Self.many))
        Self.say("install_microseconds", engine.seconds * 1e6)
        Self.say("bytes_per_child_sa", engine.bytes)
        let (single, crowd) = (try self.tables(1), try self.tables(Self.many))
        try self.countAllocations(single)
        try self.compareCosts(single, crowd)
    }

    private static func say(_ key: String, _ value: Double) {
        StandardOutput.write(line: "\(key)=\((value * 1_000).rounded() / 1_000)")
    }

    // MARK: CHILD_SAs

    private func tables(_ count: Int) throws -> DetachedTables {
        let tables = try DetachedTables()
        for number in 0..<count { try tables.install(try self.child(number), self.provider) }
        tables.refresh()
        return tables
    }

    private func child(_ number: Int) throws -> ChildSASpec {
        var child = self.template
        let number = UInt32(truncatingIfNeeded: number)
        child.reqid = ReqID.range.lowerBound + number
        child.inboundSPI = ESPSPI(0xc000_0000 + number)
        // Peers choose theirs at random.
        child.outboundSPI = ESPSPI(number &* 0x9e37_79b1 | 0x100)
        child.localSelectors = [try Self.host(0x0a01_0001)]
        child.remoteSelectors = [try Self.host(0x0a80_0000 + number)]
        return child
    }

    private static func host(_ number: UInt32) throws -> TrafficSelector {
        guard let prefix = IPPrefix(.v4(IPv4Address(bits: number)), length: 32) else {
            throw ValidationError("an address has 32 bits")
        }
        return TrafficSelector(prefix)
    }

    /// A UDP datagram of the CHILD_SA, in IPv4; nobody looks at its checksums.
    private static func packet() -> [UInt8] {
        var packet = [UInt8](repeating: 0, count: Self.innerLength)
        var span = packet.mutableSpan
        span.store(0x4500 as UInt16, at: 0)
        span.store(UInt16(Self.innerLength), at: 2)
        span.store(0x4011 as UInt16, at: 8)
        span.store(0x0a01_0001 as UInt32, at: 12)
        return packet
    }

    // MARK: Measurements

    private func countAllocations(_ tables: DetachedTables) throws {
        var bench = Bursts(tables, Self.packet(), burst: Self.burst, slot: Self.slot)
        bench.seal(child: 0)
        bench.open()
        var (sealing, opening, refusing): (UInt64, UInt64, UInt64) = (0, 0, 0)
        for _ in 0..<Self.bursts {
            let begin = allocations_of_thread()
            bench.seal(child: 0)
            let sealed = allocations_of_thread()
            bench.open()
            let opened = allocations_of_thread()
            // The same again: all of them are replayed now.
            bench.open()
            sealing += sealed - begin
            opening += opened - sealed
            refusing += allocations_of_thread() - opened
        }
        let packets = Double(Self.bursts * Self.burst)
        Self.say("seal_allocations_per_packet", Double(sealing) / packets)
        Self.say("open_allocations_per_packet", Double(opening) / packets)
        Self.say("refuse_allocations_per_packet", Double(refusing) / packets)
    }

    private func compareCosts(_ single: DetachedTables, _ crowd: DetachedTables) throws {
        var one = Bursts(single, Self.packet(), burst: Self.burst, slot: Self.slot)
        var many = Bursts(crowd, Self.packet(), burst: Self.burst, slot: Self.slot)
        var (alone, among, across) = (Cost(), Cost(), Cost())
        // In turn, so that a machine that is slow for a while is slow for both.
        for round in 0..<Self.rounds {
            alone.take(one.measure(Self.bursts) { _ in 0 })
            among.take(many.measure(Self.bursts) { _ in 4_711 })
            across.take(many.measure(Self.bursts) { (round * Self.bursts + $0) * 7_919 % Self.many })
        }
        guard one.failures == 0, many.failures == 0 else {
            throw ValidationError("\(one.failures + many.failures) packets were not carried")
        }
        Self.say("ns_per_packet_outbound_1", alone.sealing)
        Self.say("ns_per_packet_outbound_10000", among.sealing)
        Self.say("ns_per_packet_inbound_1", alone.opening)
        Self.say("ns_per_packet_inbound_10000", among.opening)
        // Each burst is another CHILD_SA's, whose keys and numbers are in no cache of the processor.
        Self.say("ns_per_packet_outbound_across_10000", across.sealing)
        Self.say("ns_per_packet_inbound_across_10000", across.opening)
        Self.say("packet_nanoseconds_with_1", alone.sealing + alone.opening)
        Self.say("packet_nanoseconds_with_10000", among.sealing + among.opening)
    }
}

/// Nanoseconds per packet: the least that was measured, since only the least is undisturbed.
private struct Cost {
    var sealing = Double.infinity
    var opening = Double.infinity

    mutating func take(_ other: Cost) {
        self.sealing = min(self.sealing, other.sealing)
        self.opening = min(self.opening, other.opening)
    }
}

/// Seals bursts of packets of one CHILD_SA, and opens them.
private struct Bursts {
    /// Packets that were not sealed, or not opened.
    private(set) var failures = 0
    private let tables: DetachedTables
    private var packet: [UInt8]
    private var memory: [UInt8]
    private var lengths: [Int]
    private let slot: Int

    init(_ tables: DetachedTables, _ packet: [UInt8], burst: Int, slot: Int) {
        self.tables = tables
        self.packet = packet
        self.memory = [UInt8](repeating: 0, count: burst * slot)
        self.lengths = [Int](repeating: 0, count: burst)
        self.slot = slot
    }

    mutating func seal(child: Int) {
        self.failures += Self.seal(self.tables, child, &self.packet, &self.memory, &self.lengths, self.slot)
    }

    private static func seal(
        _ tables: DetachedTables, _ child: Int, _ packet: inout [UInt8], _ memory: inout [UInt8],
        _ lengths: inout [Int], _ slot: Int
    ) -> Int {
        var packetSpan = packet.mutableSpan
        packetSpan.store(0x0a80_0000 + UInt32(truncatingIfNeeded: child), at: 16)
        var memorySpan = memory.mutableSpan
        var failures = 0
        for index in lengths.indices {
            let length = tables.seal(packetSpan.span, into: &memorySpan, at: index * slot)
            if length == nil { failures += 1 }
            lengths[index] = length ?? 0
        }
        return failures
    }

    /// How many were good.
    @discardableResult mutating func open() -> Int {
        Self.open(self.tables, &self.memory, self.lengths, self.slot)
    }

    private static func open(
        _ tables: DetachedTables, _ memory: inout [UInt8], _ lengths: [Int], _ slot: Int
    ) -> Int {
        var span = memory.mutableSpan
        var good = 0
        for index in lengths.indices {
            let start = index * slot
            if tables.open(&span, start..<(start + lengths[index])) { good += 1 }
        }
        return good
    }

    mutating func measure(_ bursts: Int, child: (Int) -> Int) -> Cost {
        var (sealing, opening): (Int64, Int64) = (0, 0)
        for burst in 0..<bursts {
            let begin = Host.now
            self.seal(child: child(burst))
            let middle = Host.now
            let good = self.open()
            let end = Host.now
            self.failures += self.lengths.count - good
            sealing += middle.since(begin).wholeNanoseconds
            opening += end.since(middle).wholeNanoseconds
        }
        let packets = Double(bursts * self.lengths.count)
        return Cost(sealing: Double(sealing) / packets, opening: Double(opening) / packets)
    }
}
