internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// From the peers to the TUN device: one thread that owns all receiving halves.
///
/// It runs to completion: a batch of datagrams is received, opened where it lies, joined and written before the next is
/// received. What is not ESP goes to the control thread by a queue of its own.
struct InboundWorker: ~Copyable {
    private let surroundings: Surroundings
    private let mailbox: TableMailbox<InboundTable>
    private var table = InboundTable()
    private var generation = UInt64.max
    private var delivery: Delivery
    /// The entry that the last packet belonged to: the next one's, most of the time.
    private var current: InboundEntry?
    /// Sockets of paths that are gone. Until they are closed datagrams come to them, which are still carried.
    private var leaving: [PacketSocket] = []

    /// How many large datagrams are received at once, and bytes of each.
    private static let slotCount = 8
    private static let slotBytes = 65_536
    /// How many batches one socket may have before the others are looked at.
    private static let longestTurn = 16
    /// The same for one that is about to be closed: more than its buffer can hold.
    private static let lastTurns = 16_384
    /// Between two looks at sockets that others have not let go of yet.
    private static let leavingMilliseconds: Int32 = 10
    /// Between two reports that an SA's peer is elsewhere: an attacker who sends a peer's own packets from two ports
    /// can make no more.
    private static let reportInterval: Duration = .milliseconds(100)
    /// Until then nothing is told of unknown SPIs.
    private var silentUntil = Instant.origin

    init(_ surroundings: Surroundings, _ mailbox: TableMailbox<InboundTable>) {
        self.surroundings = surroundings
        self.mailbox = mailbox
        self.delivery = Delivery(surroundings)
    }

    /// Runs until `isStopping` says so; it is asked whenever the worker was woken.
    mutating func run(until isStopping: () -> Bool) {
        var storage = [UInt8](repeating: 0, count: Self.slotCount * Self.slotBytes)
        var slotStorage = [ReceivedSlot](repeating: ReceivedSlot(), count: Self.slotCount)
        var memory = storage.mutableSpan
        var slots = slotStorage.mutableSpan
        while !isStopping() {
            self.refresh()
            self.drainLeaving(&memory, &slots)
            let ready = self.wait()
            if ready & 1 != 0 { self.mailbox.wake.clear() }
            // The table may be replaced meanwhile: the bits are those of the sockets that were waited for.
            let (shared, own) = (self.surroundings.sockets.all, self.table.sockets)
            for index in shared.indices where ready & (2 << index) != 0 {
                self.drain(shared[index], &memory, &slots)
            }
            for index in own.indices where ready & (2 << (shared.count + index)) != 0 {
                self.drain(own[index], &memory, &slots)
            }
        }
    }

    private mutating func refresh() {
        guard self.mailbox.hasNews(since: self.generation) else { return }
        self.current = nil
        self.mailbox.take(&self.table, known: &self.generation)
        self.leaving += self.surroundings.leaving.takeAll()
    }

    /// Waits for a packet or a new table: bit n + 1 of the result is set if the nth socket has something.
    private func wait() -> Int32 {
        // The wake signal, four sockets that are shared, and `PathSockets.limit` others.
        var descriptors = InlineArray<9, Int32>(repeating: -1)
        descriptors[0] = self.mailbox.wake.descriptor
        var count = 1
        let (shared, own) = (self.surroundings.sockets.all, self.table.sockets)
        for index in 0..<min(shared.count, descriptors.count - count) {
            descriptors[count] = shared[index].withDescriptor { $0 }
            count += 1
        }
        for index in 0..<min(own.count, descriptors.count - count) {
            descriptors[count] = own[index].withDescriptor { $0 }
            count += 1
        }
        let milliseconds = self.leaving.isEmpty ? -1 : Self.leavingMilliseconds
        return max(0, PacketPoll.wait(descriptors.span, milliseconds: milliseconds))
    }

    /// Carries what has come to sockets that leave, and closes those that nobody else has: last of all, so that as
    /// little as possible can come in between.
    private mutating func drainLeaving(
        _ memory: inout MutableSpan<UInt8>, _ slots: inout MutableSpan<ReceivedSlot>
    ) {
        for index in self.leaving.indices.reversed() {
            let isLast = isKnownUniquelyReferenced(&self.leaving[index])
            let socket = self.leaving[index]
            // Whatever comes in now comes to this socket: only when it is empty it may go.
            var turns = isLast ? Self.lastTurns : Self.longestTurn
            while turns > 0, self.receive(from: socket, &memory, &slots) != -Int(Errno.again) { turns -= 1 }
            if isLast { self.leaving.remove(at: index) }
        }
    }

    /// Carries what has come in by `socket`, but not without end: the others want their turn.
    private mutating func drain(
        _ socket: PacketSocket, _ memory: inout MutableSpan<UInt8>, _ slots: inout MutableSpan<ReceivedSlot>
    ) {
        for _ in 0..<Self.longestTurn {
            let count = self.receive(from: socket, &memory, &slots)
            // An ICMP error of an earlier packet comes before what waits behind it: a hint at best.
            if (0..<Self.slotCount).contains(count) || count == -Int(Errno.again) { return }
        }
    }

    /// Carries one batch; how many slots it had, or −errno.
    private mutating func receive(
        from socket: PacketSocket, _ memory: inout MutableSpan<UInt8>,
        _ slots: inout MutableSpan<ReceivedSlot>
    ) -> Int {
        let count = socket.receive(into: &memory, slotSize: Self.slotBytes, slots: &slots)
        guard count > 0 else { return count }
        // Received first, then a look for a new table: so a packet that comes after a change goes by the change.
        self.refresh()
        for index in 0..<count { self.take(slots[index], socket.kind, &memory) }
        self.delivery.flush(&memory)
        self.settle()
        return count
    }

    /// Takes the datagrams of one slot apart: the kernel may have joined several.
    private mutating func take(
        _ slot: ReceivedSlot, _ kind: PacketSocket.Kind, _ memory: inout MutableSpan<UInt8>
    ) {
        var range = slot.datagram(at: slot.offset)
        while !range.isEmpty {
            switch (EncapsulatedDatagram(memory.span, range), kind) {
            case (.esp(let spi), .udp), (.esp(let spi), .rawESP):
                range = slot.datagram(at: self.openRun(range, spi, slot, &memory))
                continue
            case (.ike, .udp): self.passOn(range, slot, memory.span)
            case (.keepalive, .udp): break
            // RFC 4303 §2.1: zero is no SPI on the wire. Bare ESP has no ports, so nobody sends IKE this way.
            case (.ike, .rawESP): self.surroundings.drops.count(.unknownSPI)
            case (.runt, .udp), (.runt, .rawESP), (.keepalive, .rawESP): self.surroundings.drops.count(.runt)
            }
            range = slot.datagram(at: range.upperBound)
        }
        if slot.isTruncated { self.surroundings.drops.count(.truncated) }
    }

    /// Opens the ESP packet `first` and those behind it that are for the same SA, which is looked up once; returns where
    /// they end.
    private mutating func openRun(
        _ first: Range<Int>, _ spi: ESPSPI, _ slot: ReceivedSlot, _ memory: inout MutableSpan<UInt8>
    ) -> Int {
        guard let entry = self.entry(spi) else {
            self.surroundings.drops.count(.unknownSPI)
            self.report(spi, slot)
            return first.upperBound
        }
        var range = first
        var end = first.upperBound
        while range.count >= 4, memory.load32(range.lowerBound) == spi.number {
            self.open(range, entry, slot, &memory)
            end = range.upperBound
            range = slot.datagram(at: end)
        }
        return end
    }

    private func passOn(_ range: Range<Int>, _ slot: ReceivedSlot, _ memory: Span<UInt8>) {
        let datagram = IKESocket.Datagram(
            bytes: range.map { memory[$0] }, from: slot.source.endpoint, to: slot.destination.endpoint)
        if !self.surroundings.control.put(datagram) { self.surroundings.drops.count(.ikeQueueFull) }
    }

    private mutating func open(
        _ range: Range<Int>, _ entry: InboundEntry, _ slot: ReceivedSlot, _ memory: inout MutableSpan<UInt8>
    ) {
        do throws(InboundSA.Refusal) {
            let opened = try entry.sa.open(&memory, range, outerClass: slot.trafficClass)
            if opened.isNewest, slot.source.port != 0, slot.source != entry.peer { self.report(slot, entry) }
            guard let packet = opened.packet else { return }
            TCPMSS.clamp(&memory, packet, to: entry.mtu.maximumSegmentSize(packet.family))
            self.delivery.add(packet, &memory)
        } catch {
            self.surroundings.drops.count(DropReason(error))
        }
    }

    /// The SA of `spi`; when it is another than before, the one before is settled.
    private mutating func entry(_ spi: ESPSPI) -> InboundEntry? {
        if let current = self.current, current.sa.spi == spi { return current }
        guard let entry = self.table.entries[spi.number] else { return nil }
        self.settle()
        self.current = entry
        return entry
    }

    /// The newest packet of an SA came from elsewhere than the one before: the peer's NAT has a new mapping
    /// (RFC 7296 §2.23). A packet of bare ESP has no port, and so nothing to tell of.
    private func report(_ slot: ReceivedSlot, _ entry: InboundEntry) {
        let now = Host.now
        guard now >= entry.silentUntil else { return }
        entry.silentUntil = now.advanced(by: Self.reportInterval)
        self.surroundings.control.put(
            .mappingChanged(
                entry.identifier, reqid: entry.reqid, from: entry.peer.endpoint, to: slot.source.endpoint))
    }

    /// ESP of an SPI that we do not have: whoever sends it may not know yet that we started anew.
    private mutating func report(_ spi: ESPSPI, _ slot: ReceivedSlot) {
        let now = Host.now
        guard now >= self.silentUntil else { return }
        self.silentUntil = now.advanced(by: Self.reportInterval)
        self.surroundings.control.put(
            .unknownSPI(spi, from: slot.source.endpoint, to: slot.destination.endpoint))
    }

    /// Tells the control thread what it should know of the SA that was just used.
    private func settle() {
        guard let entry = self.current else { return }
        entry.counters.publish(entry.sa.counters, now: Host.wallClockSeconds)
        guard let due = entry.sa.takeDue() else { return }
        if due == .hard { entry.counters.markSpent() }
        self.surroundings.control.put(
            .expired(entry.identifier, reqid: entry.reqid, isHard: due == .hard))
    }
}

extension ReceivedSlot {
    /// The datagram that begins at `start`, or nothing behind the last. One that was cut off is none.
    fileprivate func datagram(at start: Int) -> Range<Int> {
        let end = self.offset + self.count
        let next = min(end, start + max(1, self.segmentSize))
        return start < end && !(self.isTruncated && next == end) ? start..<next : start..<start
    }
}
