package import IKECore
package import IPsecModel

/// Is told what happens to a gateway, which then keeps nothing of it.
package protocol HostObserver: AnyObject {
    /// The engine told something.
    func noted(_ event: IKEEvent, by host: EngineHost)
    /// A text came out of an ESP packet.
    func heard(_ text: String, by host: EngineHost)
}

/// A gateway: an engine with a kernel, driven as the daemon drives it.
package final class EngineHost: SimHost {
    /// Its addresses: `change(addresses:on:)` gives it others.
    package private(set) var addresses: [IPAddress]
    /// The engine.
    package let engine: IKEEngine
    /// Its data plane.
    package let kernel: FakeKernel
    /// Its algorithms and random bytes.
    package let crypto: SeededCrypto
    /// What it told, in order.
    package private(set) var events: [IKEEvent] = []
    /// Answers to commands.
    package private(set) var answers: [UInt64: CommandAnswer] = [:]
    /// Texts that came out of ESP packets.
    package private(set) var heard: [String] = []
    /// Who is told instead; a run of a month must not collect.
    package weak var observer: (any HostObserver)?
    /// How late the kernel answers; zero means at once.
    package var kernelDelay: Duration = .zero
    /// How long a key exchange for an IKE_SA_INIT response takes; zero means that it is done at once.
    package var keyExchangeDelay: Duration = .zero
    /// False for a kernel that tells nobody of new mappings.
    package var reportsMappings = true
    /// True for a data plane that tells of ESP with an unknown SPI, as our own engine does and Linux does not.
    package var reportsUnknownSPIs = false

    /// Packets that were to leave from an address which the host does not have.
    package private(set) var homeless = 0
    /// How often the engine looked for addresses.
    package private(set) var searches = 0
    /// What names stand for.
    package var names: [String: [IPAddress]] = [:]

    private var inputs: [Input] = []
    private var isBusy = false

    /// A gateway at `addresses`. What starts anew at the same addresses has the same secret for its QCD tokens.
    package init(
        addresses: [IPAddress], configuration: GatewayConfiguration, seed: UInt64 = 2,
        firstSPI: UInt32 = 0xc000_0001
    ) {
        self.addresses = addresses
        self.kernel = FakeKernel(firstSPI: firstSPI)
        self.crypto = SeededCrypto(seed: seed)
        self.engine = IKEEngine(
            configuration: configuration, crypto: self.crypto,
            qcdSecret: SecretBytes(copying: Array("QCD".utf8) + addresses.flatMap(\.bytes)))
    }

    package var nextDeadline: Instant? { self.engine.nextDeadline }

    package func deadlineReached(on net: SimNet) { self.feed(.deadline, on: net) }

    package func receive(_ datagram: Datagram, on net: SimNet) {
        if datagram.kind == .udp, datagram.isIKE {
            let socket: IKESocketKind =
                datagram.destination.port == IKEPort.ike ? .ike : .natTraversal
            self.feed(
                .datagram(
                    ReceivedDatagram(
                        bytes: datagram.bytes, source: datagram.source, destination: datagram.destination,
                        socket: socket)), on: net)
            return
        }
        self.kernel.now = net.now
        // As with UDP_ENCAP, ESP and keepalives stay in the kernel.
        guard !datagram.isKeepalive else { return }
        guard let received = self.kernel.receive(datagram, crypto: self.crypto) else {
            self.reportUnknownSPI(datagram, on: net)
            return
        }
        if let observer { observer.heard(received.text, by: self) } else { self.heard.append(received.text) }
        if let event = received.event, self.reportsMappings { self.feed(.dataPlaneEvent(event), on: net) }
        guard received.text.hasPrefix("ping") else { return }
        self.say("pong" + received.text.dropFirst(4), reqid: received.reqid, on: net)
    }

    private func reportUnknownSPI(_ datagram: Datagram, on net: SimNet) {
        guard self.reportsUnknownSPIs, let packet = ESPPacket(datagram.bytes),
            self.kernel.inbound[packet.spi] == nil
        else { return }
        let event = DataPlaneEvent.unknownSPI(
            packet.spi, from: datagram.source, to: datagram.destination)
        self.feed(.dataPlaneEvent(event), on: net)
    }

    /// The host has these addresses from now on, and its engine learns of it.
    package func change(addresses: [IPAddress], on net: SimNet) {
        self.addresses = addresses
        self.feed(.addressesChanged(addresses), on: net)
    }

    /// Sends a packet, unless its source is no address of this host.
    private func send(_ datagram: Datagram, on net: SimNet) {
        guard self.addresses.contains(datagram.source.address) else {
            self.homeless += 1
            return
        }
        net.send(datagram, from: self)
    }

    /// Sends an inner packet through the CHILD_SA of `reqid`.
    package func say(_ text: String, reqid: UInt32, on net: SimNet) {
        self.kernel.now = net.now
        guard let datagram = self.kernel.send(text, reqid: reqid, crypto: self.crypto) else { return }
        self.send(datagram, on: net)
    }

    /// An inner packet between these comes to the kernel, and no CHILD_SA has it: true if a trap holds it back, and tells.
    @discardableResult package func meetTrap(
        from local: TrafficSelector, to remote: TrafficSelector, on net: SimNet
    ) -> Bool {
        let trap = self.kernel.traps.values.first { trap in
            trap.localSelectors.contains { $0.contains(local) }
                && trap.remoteSelectors.contains { $0.contains(remote) }
        }
        guard let trap else { return false }
        self.feed(.dataPlaneEvent(.acquire(reqid: trap.reqid, local: local, remote: remote)), on: net)
        return true
    }

    /// Gives the engine an input and does all that follows from it.
    package func feed(_ input: Input, on net: SimNet) {
        self.inputs.append(input)
        guard !self.isBusy else { return }
        self.isBusy = true
        defer { self.isBusy = false }
        while !self.inputs.isEmpty {
            var outbox = Outbox()
            self.engine.handle(self.inputs.removeFirst(), now: net.now, into: &outbox)
            for output in outbox.drain() { self.perform(output, on: net) }
        }
    }

    /// Each address of a peer's with the first of ours that has its family.
    private func pairs(_ remote: [AddressPattern]) -> [AddressPair] {
        remote.flatMap { pattern -> [IPAddress] in
            switch pattern {
            case .any: return []
            case .name(let name): return self.names[name] ?? []
            case .range(let range): return range.first == range.last ? [range.first] : []
            }
        }.compactMap { remote in
            self.addresses.first { $0.family == remote.family }.map { AddressPair(local: $0, remote: remote) }
        }
    }

    private func perform(_ output: Output, on net: SimNet) {
        switch output {
        case .send(let bytes, let source, let destination):
            self.send(Datagram(source: source, destination: destination, bytes: bytes), on: net)
        case .event(let event):
            if let observer { observer.noted(event, by: self) } else { self.events.append(event) }
        case .answer(let commandID, let answer): self.answers[commandID] = answer
        case .findAddresses(let searchID, _, let remote):
            self.searches += 1
            self.inputs.append(.addresses(searchID: searchID, self.pairs(remote)))
        case .agreeOnKey(let request):
            let input = Input.keyAgreed(requestID: request.requestID, request.perform(self.crypto))
            self.feed(input, after: self.keyExchangeDelay, on: net)
        case .dataPlane(let request):
            self.kernel.now = net.now
            guard let reply = self.kernel.handle(request.operation) else { return }
            let input = Input.dataPlane(requestID: request.requestID, reply)
            self.feed(input, after: self.kernelDelay, on: net)
        }
    }

    /// What follows from an output comes in again: at once, or later.
    private func feed(_ input: Input, after delay: Duration, on net: SimNet) {
        guard delay > .zero else {
            self.inputs.append(input)
            return
        }
        net.after(delay) { [weak self] net in self?.feed(input, on: net) }
    }
}
