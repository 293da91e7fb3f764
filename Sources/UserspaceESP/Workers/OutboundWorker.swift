internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// From the TUN device to the peers: one thread that owns all sending halves.
///
/// It runs to completion: a packet is read, cut, sealed and handed to the kernel before the next is read.
struct OutboundWorker: ~Copyable {
    let surroundings: Surroundings
    private let mailbox: TableMailbox<OutboundTable>
    private var table = OutboundTable()
    private var generation = UInt64.max
    var batch: SendBatch
    /// For the errors that inner hosts get, whose packets are too big.
    var errors = ErrorBudget(perSecond: 100, burst: 50)
    private var calls = CallBook()
    let headerBytes: Int

    /// Packets that came alone, one after the other.
    private var singles = 0
    /// How many more packets may be waited for in the read itself; 0 while the worker polls.
    private var blockingReads = 0

    /// False once the device is gone: nothing can come from it any more.
    private var hasDevice = true

    /// How many packets of the device are carried before the worker looks whether it is to end.
    private static let longestTurn = 256
    /// After so many packets that came alone the next is likely to, and is waited for in the read. Then it costs a seventh
    /// less; but in a burst each leaves by itself, so now and then the worker looks whether there is one.
    private static let calm = 4
    private static let longestCalm = 64
    /// One packet of the largest kind, with its offload header.
    static let inputBytes = 66_000

    init(_ surroundings: Surroundings, _ mailbox: TableMailbox<OutboundTable>) {
        self.surroundings = surroundings
        self.mailbox = mailbox
        self.batch = SendBatch(surroundings)
        self.headerBytes = surroundings.tun.offloads.headerBytes
    }

    /// Runs until `isStopping` says so; it is asked whenever the worker was woken.
    mutating func run(until isStopping: () -> Bool) {
        var inputStorage = [UInt8](repeating: 0, count: Self.inputBytes)
        var outputStorage = [UInt8](repeating: 0, count: SendBatch.memoryBytes)
        var input = inputStorage.mutableSpan
        var output = outputStorage.mutableSpan
        while !isStopping() {
            self.refresh(output.span)
            if self.blockingReads > 0 {
                self.carryNext(&input, &output)
            } else {
                self.carryTurn(&input, &output)
            }
        }
        if self.blockingReads > 0 { self.poll() }
    }

    /// Carries what is there, but not without end, and waits if there is no more.
    private mutating func carryTurn(
        _ input: inout MutableSpan<UInt8>, _ output: inout MutableSpan<UInt8>
    ) {
        for count in 0..<Self.longestTurn where !self.carryOne(&input, &output) {
            self.batch.flush(output.span)
            self.singles = count == 1 ? self.singles + 1 : count == 0 ? self.singles : 0
            if self.singles >= Self.calm, self.hasDevice { self.block() } else { self.wait() }
            return
        }
    }

    /// Waits for one packet in the read itself, and carries it.
    private mutating func carryNext(
        _ input: inout MutableSpan<UInt8>, _ output: inout MutableSpan<UInt8>
    ) {
        let isCarried = self.carryOne(&input, &output)
        self.batch.flush(output.span)
        self.blockingReads -= 1
        // Somebody wants the worker to look up, or it is time to look for a burst.
        if !isCarried || self.blockingReads == 0 { self.poll() }
    }

    private mutating func block() {
        self.blockingReads = Self.longestCalm
        self.mailbox.wake.beginBlockingReads(of: self.surroundings.tun)
    }

    private mutating func poll() {
        self.blockingReads = 0
        self.singles = Self.calm - 1
        self.mailbox.wake.endBlockingReads(of: self.surroundings.tun)
    }

    /// Takes over a new table. What was sealed by the old one leaves first.
    private mutating func refresh(_ output: Span<UInt8>) {
        guard self.mailbox.hasNews(since: self.generation) else { return }
        self.batch.flush(output)
        self.mailbox.take(&self.table, known: &self.generation)
    }

    private func wait() {
        var descriptors = InlineArray<2, Int32>(repeating: -1)
        descriptors[0] = self.mailbox.wake.descriptor
        // A device that is gone is always ready, and has nothing.
        if self.hasDevice { descriptors[1] = self.surroundings.tun.withDescriptor { $0 } }
        let ready = PacketPoll.wait(descriptors.span, milliseconds: -1)
        if ready > 0, ready & 1 != 0 { self.mailbox.wake.clear() }
    }

    /// Carries one packet of the TUN device; false if there is none.
    private mutating func carryOne(
        _ input: inout MutableSpan<UInt8>, _ output: inout MutableSpan<UInt8>
    ) -> Bool {
        let count = self.surroundings.tun.read(into: &input, 0..<input.count)
        guard count > 0 else {
            self.noteFailure(-count)
            return false
        }
        // Read first, then look for a new table: so a packet that comes after a change goes by the change.
        self.refresh(output.span)
        guard count > self.headerBytes else { return true }
        let header =
            self.headerBytes == 0 ? OffloadHeader() : OffloadHeader(input.span, at: 0)
        guard let header, var segmenter = Segmenter(input.span, self.headerBytes..<count, header) else {
            self.surroundings.drops.count(.badInnerPacket)
            return true
        }
        self.carry(&segmenter, input.span, &output)
        return true
    }

    /// Nothing there, or it could not be read.
    private mutating func noteFailure(_ errno: Int) {
        guard errno == Int(Errno.badDescriptorState), self.hasDevice else { return }
        self.hasDevice = false
        self.surroundings.control.put(
            note:
                "the TUN device \(self.surroundings.tun.name) is gone: nothing is carried until the daemon is restarted"
        )
    }

    private mutating func carry(
        _ segmenter: inout Segmenter, _ input: Span<UInt8>, _ output: inout MutableSpan<UInt8>
    ) {
        guard let reqid = self.table.selectors.find(segmenter.packet) else {
            self.surroundings.drops.count(.noPolicy)
            return
        }
        guard let entry = self.table.entries[reqid] else {
            self.surroundings.drops.count(.noSA)
            if let event = self.calls.call(reqid, for: segmenter.packet, now: Host.now) {
                self.surroundings.control.put(event)
            }
            return
        }
        while let length = segmenter.nextLength {
            guard length <= entry.mtu.limit(segmenter.packet.family) else {
                guard self.handleTooBig(&segmenter, entry, input, &output) else { break }
                continue
            }
            guard self.seal(&segmenter, length, entry, input, &output) else { break }
        }
        self.settle(entry)
    }

    /// Seals the next packet; false if there is no use in going on.
    private mutating func seal(
        _ segmenter: inout Segmenter, _ length: Int, _ entry: OutboundEntry, _ input: Span<UInt8>,
        _ output: inout MutableSpan<UInt8>
    ) -> Bool {
        let sa = entry.sa
        let packet = segmenter.packet
        let offset = self.batch.place(
            sa.sealedLength(of: length), entry, ECN.encapsulated(packet.trafficClass), output.span)
        let inner = offset + sa.headerLength
        segmenter.writeNext(of: input, to: &output, at: inner)
        if TCPMSS.mayAnnounce(input, packet), let copy = InnerPacket(output.span, inner..<(inner + length)) {
            TCPMSS.clamp(&output, copy, to: entry.mtu.maximumSegmentSize(packet.family))
        }
        return self.seal(at: offset, length, entry, packet.family, &output)
    }

    /// Seals the inner packet that lies behind the room for an ESP header at `offset`.
    mutating func seal(
        at offset: Int, _ length: Int, _ entry: OutboundEntry, _ family: AddressFamily,
        _ output: inout MutableSpan<UInt8>
    ) -> Bool {
        let outcome = entry.sa.seal(
            &output, at: offset, innerCount: length, nextHeader: ESPTrailer.NextHeader.of(family))
        switch outcome {
        case .sealed(let count):
            self.batch.commit(count)
            return true
        case .exhausted: self.surroundings.drops.count(.spentSA)
        case .noRoom: self.surroundings.drops.count(.badInnerPacket)
        case .failed: self.surroundings.drops.count(.cipherFailed)
        }
        return false
    }

    /// Tells the control thread what it should know of an SA that was just used.
    private func settle(_ entry: OutboundEntry) {
        entry.counters.publish(entry.sa.counters, now: Host.wallClockSeconds)
        guard let due = entry.sa.takeDue() else { return }
        if due == .hard { entry.counters.markSpent() }
        self.surroundings.control.put(
            .expired(entry.identifier, reqid: entry.reqid, isHard: due == .hard))
    }
}
