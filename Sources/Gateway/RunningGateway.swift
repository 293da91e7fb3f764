internal import CryptoOpenSSL
internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import NIOCore
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
    private var poller: DescriptorPoller?

    /// Wires up what was started.
    init(_ startup: Startup, eventLoop: any EventLoop, log: EventLog) {
        self.sockets = startup.sockets
        self.plane = startup.plane
        let engine = IKEEngine(configuration: startup.file.configuration, crypto: OpenSSLProvider())
        self.loop = ControlLoop(
            engine: engine, dataPlane: startup.plane.engine, outlet: startup.sockets, eventLoop: eventLoop,
            log: log)
        self.session = Session(
            file: startup.file, startedAt: startup.startedAt, dataPlaneReason: startup.plane.reason, log: log)
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
            for (index, socket) in self.sockets.all.enumerated() {
                try socket.socket.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor, by: poller) { bound.value.drainSocket(index) }
                }
            }
            if let events = self.plane.events {
                try events.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor, by: poller) { bound.value.drainEvents() }
                }
            }
        } catch {
            throw StartupError("cannot watch sockets: \(error)")
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

    private func drainSocket(_ index: Int) {
        let bound = self.sockets.all[index]
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
    }

    private func drainEvents() {
        for event in self.plane.events?.drain() ?? [] { self.loop.receive(event) }
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
        self.loop.stop()
        do throws(KernelFault) {
            try self.plane.engine.removeEverything()
        } catch {
            self.log.error("states or policies stay behind: \(error)")
        }
    }
}
