internal import CryptoOpenSSL
internal import ESPCore
internal import IPsecModel
internal import LinuxIO

/// The far end of a CHILD_SA without an engine: it shows what comes, and sends whatever a test likes.
final class Peer {
    /// A packet as it was on the wire.
    struct Arrival: Hashable {
        let bytes: [UInt8]
        let from: Endpoint
        let to: Endpoint

        var spi: UInt32 { bytes.span.load32(0) }
        var sequenceNumber: UInt32 { bytes.span.load32(4) }
    }

    /// Takes what comes to a socket, packet by packet.
    final class Listener {
        private let socket: PacketSocket
        private var waiting: [Arrival] = []

        init(_ socket: PacketSocket) {
            self.socket = socket
        }

        /// The next packet, or nil if none comes for as long as it should take.
        func receive(milliseconds: Int = 10_000) -> Arrival? {
            for _ in 0..<milliseconds {
                if !self.waiting.isEmpty { return self.waiting.removeFirst() }
                self.waiting = self.poll()
                if self.waiting.isEmpty { rest() }
            }
            return nil
        }

        private func poll() -> [Arrival] {
            var memory = [UInt8](repeating: 0, count: 65_536 * 4)
            var slots = [ReceivedSlot](repeating: ReceivedSlot(), count: 4)
            var span = memory.mutableSpan
            var slotSpan = slots.mutableSpan
            let count = self.socket.receive(into: &span, slotSize: 65_536, slots: &slotSpan)
            return slots.prefix(max(0, count)).map {
                Arrival(
                    bytes: Array(memory[$0.offset..<($0.offset + $0.count)]), from: $0.source.endpoint,
                    to: $0.destination.endpoint)
            }
        }
    }

    private let host: Namespace
    let socket: PacketSocket
    private let bound: IKESocket?
    private let inbound: InboundSA
    private let outbound: OutboundSA
    private let listener: Listener
    private var others: [Endpoint: IKESocket] = [:]

    /// The far end of `child`, which the near host has.
    init(_ host: Namespace, of child: ChildSASpec, _ transport: Child.Transport = .udp4) throws {
        self.host = host
        let family: AddressFamily = transport.isIPv4 ? .v4 : .v6
        (self.bound, self.socket) = try host.run {
            guard transport.isUDP else { return (nil, try PacketSocket(rawESP: family)) }
            let bound = try IKESocket(bindingTo: Endpoint(family.unspecified, Child.port), role: [])
            return (bound, try PacketSocket(sharing: bound, allowing: []))
        }
        self.listener = Listener(self.socket)
        let mirror = child.reversed
        let provider = OpenSSLProvider()
        self.inbound = InboundSA(
            mirror, transform: try provider.transform(mirror.suite, keys: mirror.inboundKeys, .inbound))
        self.outbound = OutboundSA(
            mirror, transform: try provider.transform(mirror.suite, keys: mirror.outboundKeys, .outbound))
    }

    /// The next ESP packet of the peer's, with `inner` in it.
    func seal(_ inner: [UInt8]) -> [UInt8] {
        var memory = [UInt8](repeating: 0, count: self.outbound.sealedLength(of: inner.count))
        memory.replaceSubrange(
            self.outbound.headerLength..<(self.outbound.headerLength + inner.count), with: inner)
        var span = memory.mutableSpan
        let nextHeader: UInt8 = inner[0] >> 4 == 4 ? 4 : 41
        _ = self.outbound.seal(&span, at: 0, innerCount: inner.count, nextHeader: nextHeader)
        return memory
    }

    /// Sends bytes as they are; the source is the peer's first address if none is given.
    func send(_ bytes: [UInt8], to path: Path, from source: IPAddress? = nil) {
        let from = PackedEndpoint(Endpoint(source ?? path.remote.address, 0))
        _ = self.socket.send(
            bytes.span, 0..<bytes.count, segmentSize: bytes.count, from: from,
            to: PackedEndpoint(path.local), trafficClass: 0)
    }

    /// Sends bytes from another port.
    func send(_ bytes: [UInt8], to path: Path, fromPort port: UInt16) throws {
        // Kept: a port that was closed may still be busy, in a child that another test is about to start.
        let local = Endpoint(path.remote.address, port)
        let other =
            try self.others[local] ?? self.host.run { try IKESocket(bindingTo: local, role: []) }
        self.others[local] = other
        try other.send(bytes, from: other.localEndpoint, to: path.local)
    }

    /// The next packet, or nil if none comes for as long as it should take.
    func receive(milliseconds: Int = 10_000) -> Arrival? { self.listener.receive(milliseconds: milliseconds) }

    /// The inner packet of one of this SA's; nil if it is none.
    func open(_ arrival: Arrival) -> [UInt8]? {
        var memory = arrival.bytes
        var span = memory.mutableSpan
        do throws(InboundSA.Refusal) {
            let opened = try self.inbound.open(&span, 0..<arrival.bytes.count, outerClass: 0)
            return opened.packet.map { Array(memory[$0.range]) }
        } catch { return nil }
    }
}
