internal import CryptoOpenSSL
internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import NIOCore
internal import UserspaceESP
internal import XFRM

/// Everything that runs on the control thread, wired together.
///
/// Made, used and stopped on one event loop.
final class RunningGateway {
    let answers: ControlAnswers
    private let loop: ControlLoop
    private let session: Session
    private let sockets: SocketSet
    private let plane: ChosenDataPlane
    private let log: EventLog
    private let keyExchange: KeyExchangeDriver
    private var poller: DescriptorPoller?
    private var paths: PathWatch?

    /// Wires up what was started.
    init(_ startup: Startup, eventLoop: any EventLoop, log: EventLog) {
        self.sockets = startup.sockets
        self.plane = startup.plane
        self.session = Session(
            file: startup.file, startedAt: startup.startedAt, dataPlaneReason: startup.plane.reason,
            encapsulatesAll: startup.plane.requiresEncapsulation, log: log)
        // A control group may allow less of them than the scheduler does.
        let cores = min(System.coreCount, Host.allowedCores ?? System.coreCount)
        self.keyExchange = KeyExchangeDriver.suited(to: cores)
        let engine = IKEEngine(
            configuration: self.session.configuration, crypto: OpenSSLProvider(),
            qcdSecret: startup.crashSecret)
        self.loop = ControlLoop(
            engine: engine, dataPlane: startup.plane.plane, outlet: startup.sockets, eventLoop: eventLoop,
            keyExchange: self.keyExchange, mark: startup.plane.mark, log: log)
        self.answers = ControlAnswers(loop: self.loop, session: self.session)
        self.log = log
    }

    /// What the daemon works with, for the log.
    var summary: String {
        let endpoints = self.sockets.endpoints.map(\.description).joined(separator: " ")
        return "\(self.session.summary), listens on \(endpoints)"
    }

    /// Lets packets and kernel events in.
    func listen() throws(StartupError) {
        let bound = NIOLoopBound(self, eventLoop: self.loop.eventLoop)
        do throws(IOFault) {
            let poller = try DescriptorPoller()
            self.poller = poller
            for (index, socket) in self.sockets.all.enumerated() where self.isOurs(socket) {
                try socket.socket.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor, by: poller) { bound.value.drainSocket(index) }
                }
            }
            switch self.plane.engine {
            case .kernel(let plane):
                try plane.events.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor, by: poller) { bound.value.drainPlane() }
                }
            case .userspace(let plane):
                try plane.control.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor, by: poller) { bound.value.drainPlane() }
                }
                try plane.start()
            case .given: break
            }
            try self.watchPaths(by: poller)
        } catch {
            throw StartupError("cannot watch sockets: \(error)")
        }
    }

    /// Without it we work as long as our addresses stay.
    private func watchPaths(by poller: DescriptorPoller) throws(IOFault) {
        do throws(KernelFault) {
            self.paths = try PathWatch(self.loop)
        } catch {
            self.log.warning("changes of this host's addresses will not be noticed: \(error)")
        }
        let bound = NIOLoopBound(self, eventLoop: self.loop.eventLoop)
        try self.paths?.withDescriptor { descriptor throws(IOFault) in
            try self.watch(descriptor, by: poller) { bound.value.paths?.drain() }
        }
        self.paths?.tell()
    }

    /// Begins the connections that start by themselves, whose policies come first.
    func startConnections() {
        self.loop.start()
        do throws(KernelFault) {
            try self.plane.forgetPredecessor()
        } catch {
            self.log.error("policies of an earlier run stay behind: \(error)")
        }
    }

    /// Calls `drain` on the event loop whenever there is something to read.
    private func watch(
        _ descriptor: Int32, by poller: DescriptorPoller, drain: @escaping @Sendable () -> Void
    ) throws(IOFault) {
        let (eventLoop, log) = (self.loop.eventLoop, self.log)
        let registration = RegistrationBox()
        let added = try poller.add(descriptor) {
            eventLoop.execute {
                drain()
                // Known by now: this loop is where `watch` runs, and it was left before this began.
                guard let added = registration.value else { return }
                do throws(IOFault) {
                    try poller.arm(added)
                } catch { log.error("cannot watch a socket any more: \(error)") }
            }
        }
        registration.set(added)
    }

    /// Takes in what has come, and what comes meanwhile: in a crowd that saves a round by way of the poller for each batch. Not without
    /// end, as others have a right to the loop as well.
    private func drainSocket(_ index: Int) {
        for _ in 0..<Self.batchesAtOnce {
            guard self.takeBatch(of: self.sockets.all[index]) > 0 else { return }
        }
    }

    private static let batchesAtOnce = 4

    /// Takes in what has come; how many datagrams that were.
    private func takeBatch(of bound: BoundSocket) -> Int {
        var batch: [IKESocket.Datagram] = []
        do throws(IOFault) {
            try bound.socket.receive(into: &batch)
        } catch {
            // An ICMP error of an earlier packet comes up here: a hint at best, never a reason to stop.
            self.log.debug("receive on \(bound.socket.localEndpoint): \(error.text)")
        }
        for datagram in batch {
            self.loop.receive(
                ReceivedDatagram(
                    bytes: datagram.bytes, source: datagram.from, destination: datagram.to, socket: bound.kind
                ))
        }
        return batch.count
    }

    /// False for the sockets from which our own engine takes ESP: it passes IKE messages on.
    private func isOurs(_ socket: BoundSocket) -> Bool {
        switch self.plane.engine {
        case .kernel, .given: return true
        case .userspace: return socket.kind == .ike
        }
    }

    private func drainPlane() {
        switch self.plane.engine {
        case .kernel(let plane): for event in plane.events.drain() { self.loop.receive(event) }
        case .userspace(let plane): self.drainQueue(of: plane)
        case .given: return
        }
    }

    private func drainQueue(of plane: UserspaceDataPlane) {
        let content = plane.control.drain()
        for note in content.notes { self.log.warning(note) }
        for event in content.events { self.loop.receive(event) }
        for datagram in content.datagrams {
            self.loop.receive(
                ReceivedDatagram(
                    bytes: datagram.bytes, source: datagram.from, destination: datagram.to,
                    socket: .natTraversal))
        }
    }

    /// Reads the configuration again.
    func reload() {
        // The log has the outcome.
        _ = self.session.reload(self.loop)
    }

    /// Sends DELETE for all IKE_SAs.
    func beginShutdown() {
        // There is no way for it to be refused.
        _ = self.loop.command(.shutDown)
    }

    /// True if all peers answered, or none are left to.
    var isIdle: Bool { self.loop.engine.isIdle }

    /// Lets nothing in any more, and takes everything out of the data plane.
    func stop() {
        self.poller?.stop()
        self.paths?.stop()
        self.loop.stop()
        do {
            try self.keyExchange.stop()
        } catch {
            self.log.error("threads for key exchanges stay behind: \(error)")
        }
        do throws(KernelFault) {
            try self.plane.plane.removeEverything()
        } catch {
            self.log.error("states or policies stay behind: \(error)")
        }
        if case .userspace(let plane) = self.plane.engine { plane.stop() }
    }
}
