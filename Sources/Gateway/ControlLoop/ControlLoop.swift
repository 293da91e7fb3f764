internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import Logging
internal import NIOCore

/// The control thread: owns the engine, and carries out what it asks for.
///
/// Confined to one event loop. Whatever comes from another thread hops here first.
final class ControlLoop {
    let engine: IKEEngine
    let dataPlane: any DataPlane
    let sockets: SocketSet
    let eventLoop: any EventLoop
    let log: EventLog
    /// Why connections are down.
    var failures = FailureMemory()

    private var timer: Scheduled<Void>?
    private var timerAt: Instant?
    private var replies: [(requestID: UInt64, reply: DataPlaneReply)] = []
    private var answers: [UInt64: CommandAnswer] = [:]
    private var lastCommandID: UInt64 = 0

    /// A loop that runs on `eventLoop`.
    init(
        engine: IKEEngine, dataPlane: any DataPlane, sockets: SocketSet, eventLoop: any EventLoop,
        log: EventLog
    ) {
        self.engine = engine
        self.dataPlane = dataPlane
        self.sockets = sockets
        self.eventLoop = eventLoop
        self.log = log
    }

    /// The engine's clock: monotonic, in nanoseconds since the machine started.
    static func now() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    /// Tells the engine what happened, and does what it wants until it wants nothing more.
    func handle(_ input: Input) {
        self.eventLoop.assertInEventLoop()
        var outbox = Outbox()
        self.engine.handle(input, now: Self.now(), into: &outbox)
        self.perform(&outbox)
        while !self.replies.isEmpty {
            let (requestID, reply) = self.replies.removeFirst()
            self.engine.handle(.dataPlane(requestID: requestID, reply), now: Self.now(), into: &outbox)
            self.perform(&outbox)
        }
        self.schedule()
    }

    /// Carries an operator's command out.
    func command(_ command: OperatorCommand) -> CommandAnswer {
        self.lastCommandID &+= 1
        self.handle(.command(commandID: self.lastCommandID, command))
        return self.answers.removeValue(forKey: self.lastCommandID) ?? .refused("the engine gave no answer")
    }

    /// Takes what waits in `socket`, one batch; the poller comes again if there is more.
    func drain(_ socket: BoundSocket) {
        var batch: [IKESocket.Datagram] = []
        do throws(IOFault) {
            try socket.socket.receive(into: &batch)
        } catch {
            // An ICMP error of an earlier packet comes up here: a hint at best, never a reason to stop.
            self.log.debug("receive on \(socket.socket.localEndpoint): \(error)")
        }
        for datagram in batch {
            self.handle(
                .datagram(
                    ReceivedDatagram(
                        bytes: datagram.bytes, source: datagram.from, destination: datagram.to,
                        socket: socket.kind)))
        }
    }

    private func perform(_ outbox: inout Outbox) {
        for output in outbox.drain() {
            switch output {
            case .send(let bytes, let source, let destination):
                self.send(bytes, from: source, to: destination)
            case .dataPlane(let request):
                if let reply = DataPlaneDriver(dataPlane: self.dataPlane, log: self.log).perform(request) {
                    self.replies.append((request.requestID, reply))
                }
            case .event(let event):
                self.log.log(event)
                self.failures.note(event, at: Self.now())
            case .answer(let commandID, let answer): self.answers[commandID] = answer
            }
        }
    }

    private func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
        guard let socket = self.sockets.socket(for: source) else {
            self.log.debug("nothing is bound to \(source), so nothing went to \(destination)")
            return
        }
        do throws(IOFault) {
            try socket.send(bytes, from: source, to: destination)
        } catch {
            // Like a lost packet: retransmission is the cure.
            self.log.debug("send to \(destination): \(error)")
        }
    }

    private func schedule() {
        let next = self.engine.nextDeadline
        guard next != self.timerAt else { return }
        self.timer?.cancel()
        self.timer = nil
        self.timerAt = next
        guard let next else { return }
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(clamping: next.nanoseconds))
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timerAt = nil
            self.handle(.deadline)
        }
    }
}
