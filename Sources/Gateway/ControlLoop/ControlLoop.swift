internal import Dispatch
internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import NIOCore

/// Where datagrams leave.
protocol DatagramOutlet {
    /// The endpoints that datagrams come in by.
    var endpoints: [Endpoint] { get }

    /// Sends one datagram from one of our addresses.
    func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) throws(IOFault)
}

/// The control thread: owns the engine, and carries out what it asks for.
///
/// Confined to one event loop. Whatever comes from another thread hops here first.
final class ControlLoop {
    let engine: IKEEngine
    let dataPlane: any DataPlane
    let outlet: any DatagramOutlet
    let eventLoop: any EventLoop
    let log: EventLog
    private let keyExchange: KeyExchangeDriver
    /// What our packets are marked with; 0 for nothing.
    private let mark: UInt32
    /// Why connections are down.
    var failures = FailureMemory()

    private var timer: Scheduled<Void>?
    private var timerAt: Instant?
    /// When it last went off.
    private var lastTick: Instant?
    /// What followed at once from what the engine wanted.
    private var replies: [Input] = []
    private var answers: [UInt64: CommandAnswer] = [:]
    private var lastCommandID: UInt64 = 0
    private var isStopped = false
    /// At the same time, as a name server that does not answer is slow.
    private let searches = DispatchQueue(label: "culvert-resolve", attributes: .concurrent)

    /// A loop that runs on `eventLoop`.
    init(
        engine: IKEEngine, dataPlane: any DataPlane, outlet: any DatagramOutlet, eventLoop: any EventLoop,
        keyExchange: KeyExchangeDriver, mark: UInt32 = 0, log: EventLog
    ) {
        self.keyExchange = keyExchange
        self.mark = mark
        self.engine = engine
        self.dataPlane = dataPlane
        self.outlet = outlet
        self.eventLoop = eventLoop
        self.log = log
    }

    /// When the timer goes off for `deadline`. The timers of many IKE_SAs, whose spans are seconds, go off together, 20 times a
    /// second at most: to wake up for each costs more than what it does. Late, never early; and one by itself in time.
    static func tick(for deadline: Instant, after last: Instant?) -> Instant {
        guard let last else { return deadline }
        return max(deadline, last.advanced(by: .milliseconds(50)))
    }

    /// The engine's clock: monotonic, in nanoseconds since the machine started.
    static func now() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    /// A datagram came.
    func receive(_ datagram: ReceivedDatagram) {
        self.log.message(
            "from \(datagram.source)", datagram.bytes, hasMarker: datagram.socket == .natTraversal)
        self.handle(.datagram(datagram))
    }

    /// Something happened in the data plane.
    func receive(_ event: DataPlaneEvent) {
        self.log.debug("data plane: \(EventText.line(for: event))")
        self.handle(.dataPlaneEvent(event))
    }

    /// This host has these addresses now, or another way to somebody.
    func receive(addresses: [IPAddress]) {
        self.handle(.addressesChanged(addresses))
    }

    /// A new configuration is in force.
    func configure(_ configuration: GatewayConfiguration) {
        self.failures.keep(only: Set(configuration.connections.map(\.name)))
        self.handle(.configuration(configuration))
    }

    /// Carries an operator's command out.
    func command(_ command: OperatorCommand) -> CommandAnswer {
        self.lastCommandID &+= 1
        self.handle(.command(commandID: self.lastCommandID, command))
        return self.answers.removeValue(forKey: self.lastCommandID) ?? .refused("culvertd is stopping")
    }

    /// Nothing is taken in, and nothing is done, from now on.
    func stop() {
        self.isStopped = true
        self.timer?.cancel()
        self.timer = nil
    }

    /// Tells the engine what happened, and does what it wants until it wants nothing more.
    private func handle(_ input: Input) {
        self.eventLoop.assertInEventLoop()
        guard !self.isStopped else { return }
        let now = Self.now()
        var outbox = Outbox()
        self.engine.handle(input, now: now, into: &outbox)
        self.perform(&outbox, now)
        while !self.replies.isEmpty {
            self.engine.handle(self.replies.removeFirst(), now: Self.now(), into: &outbox)
            self.perform(&outbox, now)
        }
        self.schedule()
    }

    private func perform(_ outbox: inout Outbox, _ now: Instant) {
        for output in outbox.drain() {
            switch output {
            case .send(let bytes, let source, let destination):
                self.send(bytes, from: source, to: destination)
            case .dataPlane(let request):
                if let reply = DataPlaneDriver(dataPlane: self.dataPlane, log: self.log).perform(request) {
                    self.replies.append(.dataPlane(requestID: request.requestID, reply))
                }
            case .agreeOnKey(let request): self.agreeOnKey(request)
            case .event(let event):
                self.log.log(event)
                self.failures.note(event, at: now)
            case .answer(let commandID, let answer): self.answers[commandID] = answer
            case .findAddresses(let searchID, let local, let remote):
                self.find(searchID, local, remote)
            }
        }
    }

    private func agreeOnKey(_ request: KeyAgreementRequest) {
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let result = self.keyExchange.perform(request, eventLoop: self.eventLoop) { result in
            bound.value.handle(.keyAgreed(requestID: request.requestID, result))
        }
        if let result { self.replies.append(.keyAgreed(requestID: request.requestID, result)) }
    }

    /// Looks for addresses on another thread: a name server may take its time.
    private func find(_ searchID: UInt64, _ local: [AddressPattern], _ remote: [AddressPattern]) {
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let search = AddressSearch(local: local, remote: remote, mark: self.mark)
        let eventLoop = self.eventLoop
        guard search.asksNameServers else {
            eventLoop.execute {
                bound.value.handle(
                    .addresses(searchID: searchID, search.pairs(search.remoteAddresses())))
            }
            return
        }
        self.searches.async {
            let remotes = search.remoteAddresses()
            eventLoop.execute {
                bound.value.handle(.addresses(searchID: searchID, search.pairs(remotes)))
            }
        }
    }

    /// Packets can come and go.
    func start() { self.handle(.started) }

    private func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
        self.log.message("to \(destination)", bytes, hasMarker: source.port != IKEPort.ike)
        do throws(IOFault) {
            try self.outlet.send(bytes, from: source, to: destination)
        } catch {
            // Like a lost packet: retransmission is the cure.
            self.log.debug("send to \(destination): \(error.text)")
        }
    }

    private func schedule() {
        let next = self.engine.nextDeadline.map { Self.tick(for: $0, after: self.lastTick) }
        guard next != self.timerAt else { return }
        self.timer?.cancel()
        self.timer = nil
        self.timerAt = next
        guard let next else { return }
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(clamping: next.nanoseconds))
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timerAt = nil
            self.lastTick = Self.now()
            self.handle(.deadline)
        }
    }
}
