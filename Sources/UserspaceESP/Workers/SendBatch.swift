internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// ESP packets on their way out: those that follow each other to the same place and have the same size leave as one
/// large datagram, which the kernel, or the network card, cuts (UDP GSO).
///
/// Packets are sealed in a memory that is only theirs, one behind the other, so nothing is copied for this.
struct SendBatch: ~Copyable {
    /// What all packets of the batch have in common.
    private struct Head {
        /// Whose packets they are.
        let entry: OutboundEntry
        let trafficClass: UInt8
    }

    /// Where the memory is free.
    private(set) var used = 0
    private var count = 0
    private var segmentSize = 0
    private var head: Head?
    /// True after a packet that is shorter than the others, which must be the last.
    private var isClosed = false
    private let surroundings: Surroundings
    private var hasSaidSo = false

    /// Bytes of the memory that packets are sealed in: a batch, and a packet that might not fit.
    static let memoryBytes = 2 * Self.largest
    /// Bytes of a batch: with the headers of UDP and IP it must fit into one packet.
    private static let largest = 65_000
    /// How long packets are sent one by one after the kernel has refused to cut. Not for ever: it may have been one path,
    /// that was narrow for a while.
    private static let singlyFor: Duration = .seconds(10)
    /// How long to wait for room in the kernel before a packet is dropped.
    private static let patienceMilliseconds: Int32 = 20

    init(_ surroundings: Surroundings) {
        self.surroundings = surroundings
    }

    /// Where the next packet is to be sealed, which will have `length` bytes; what cannot leave together with it leaves
    /// first.
    mutating func place(
        _ length: Int, _ entry: OutboundEntry, _ trafficClass: UInt8, _ memory: Span<UInt8>
    ) -> Int {
        if self.count > 0 {
            let fits =
                !self.isClosed && length <= self.segmentSize && self.head?.entry === entry
                && self.head?.trafficClass == trafficClass
                && self.used + length <= Self.largest && self.count < PacketSocket.maximumSegments
            if !fits { self.flush(memory) }
        }
        if self.count == 0 {
            self.head = Head(entry: entry, trafficClass: trafficClass)
        }
        return self.used
    }

    /// The packet at the place that `place` gave is sealed and has `length` bytes, at most as many as were said there.
    mutating func commit(_ length: Int) {
        if self.count == 0 { self.segmentSize = length }
        self.used += length
        self.count += 1
        self.isClosed = length < self.segmentSize
    }

    /// Sends what there is.
    mutating func flush(_ memory: Span<UInt8>) {
        guard self.count > 0, let head = self.head else { return }
        defer {
            self.head = nil
            self.used = 0
            self.count = 0
            self.isClosed = false
        }
        let route = head.entry.route
        let shared = self.surroundings.sockets.socket(route.kind, route.source.family)
        guard let socket = head.entry.socket ?? shared else {
            self.drop(self.count)
            return
        }
        var start = 0
        var waits = 0
        var mayBeStale = socket.isConnected
        var refusal: SendResult?
        var cuts = socket.offloads.contains(.gso) && self.count > 1 && Host.now >= head.entry.singlyUntil
        while start < self.used {
            let result = self.send(memory, start..<self.used, by: socket, head, cuts: cuts)
            start = min(self.used, start + result.datagrams * self.segmentSize)
            // Only if what was refused as a whole went singly it was the cutting that was refused.
            if let refused = refusal, result.datagrams > 0 {
                self.stopCutting(for: head.entry, refused)
                refusal = nil
            }
            guard start < self.used else { return }
            if result.wouldBlock, waits < 3 {
                waits += 1
                self.waitForRoom(socket)
            } else if result.isRefusedSegmentation, cuts {
                cuts = false
                refusal = result
            } else if mayBeStale {
                // An ICMP error for an earlier packet, which anybody may have sent: it says nothing of this one.
                mayBeStale = false
            } else {
                // This one cannot be sent, whatever the reason; the next may be.
                self.drop(1)
                start += self.segmentSize
            }
        }
    }

    private func send(
        _ memory: Span<UInt8>, _ range: Range<Int>, by socket: PacketSocket, _ head: Head, cuts: Bool
    ) -> SendResult {
        let route = head.entry.route
        guard cuts || range.count <= self.segmentSize else {
            return socket.sendSingly(
                memory, range, segmentSize: self.segmentSize, from: route.source,
                to: route.destination, trafficClass: head.trafficClass)
        }
        return socket.send(
            memory, range, segmentSize: self.segmentSize, from: route.source, to: route.destination,
            trafficClass: head.trafficClass)
    }

    private func waitForRoom(_ socket: PacketSocket) {
        socket.withDescriptor { descriptor in
            let descriptors = CollectionOfOne(descriptor)
            _ = PacketPoll.wait(
                descriptors.span, writable: 1, milliseconds: Self.patienceMilliseconds)
        }
    }

    /// The kernel said that it cuts, and then did not: a device without checksums, or packets beyond the path's MTU.
    private mutating func stopCutting(for entry: OutboundEntry, _ result: SendResult) {
        entry.singlyUntil = Host.now.advanced(by: Self.singlyFor)
        guard !self.hasSaidSo else { return }
        self.hasSaidSo = true
        self.surroundings.control.put(
            note:
                "UDP GSO was refused (\(errorText(result.errno))): each datagram is sent by itself, for ten seconds "
                + "whenever this happens")
    }

    private func drop(_ packets: Int) {
        for _ in 0..<packets { self.surroundings.drops.count(.notSent) }
    }
}
