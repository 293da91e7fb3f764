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
    private let plane: ChosenDataPlane
    private let poller: DescriptorPoller
    private let log: EventLog

    /// Reads the configuration, probes the kernel, binds the sockets.
    init(configurationPath: String, eventLoop: any EventLoop, log: EventLog) throws(StartupError) {
        let now = ControlLoop.now()
        let file = try Self.load(configurationPath, now: now, log: log)
        let sockets = try SocketSet(log: log)
        self.plane = try DataPlaneChooser(log: log).choose(file.configuration.dataPlane)
        let engine = IKEEngine(configuration: file.configuration, crypto: OpenSSLProvider())
        self.loop = ControlLoop(
            engine: engine, dataPlane: self.plane.engine, sockets: sockets, eventLoop: eventLoop, log: log)
        self.session = Session(
            file: file, startedAt: now, dataPlaneReason: self.plane.reason, log: log)
        self.answers = ControlAnswers(loop: self.loop, session: self.session)
        self.log = log
        do throws(IOFault) {
            self.poller = try DescriptorPoller()
        } catch { throw StartupError("cannot watch sockets: \(error)") }
    }

    private static func load(
        _ path: String, now: Instant, log: EventLog
    ) throws(StartupError) -> LoadedConfiguration {
        do throws(ConfigurationRefusal) {
            let file = try LoadedConfiguration.load(path: path, now: now)
            for line in file.warningLines { log.warning(line) }
            return file
        } catch {
            throw StartupError(([error.sentence] + error.lines).joined(separator: "\n"))
        }
    }

    /// Lets packets and kernel events in.
    func listen() throws(StartupError) {
        let bound = NIOLoopBound(self, eventLoop: self.loop.eventLoop)
        do throws(IOFault) {
            for (index, socket) in self.loop.sockets.all.enumerated() {
                try socket.socket.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor) { bound.value.drainSocket(index) }
                }
            }
            if let events = self.plane.events {
                try events.withDescriptor { descriptor throws(IOFault) in
                    try self.watch(descriptor) { bound.value.drainEvents() }
                }
            }
        } catch {
            throw StartupError("cannot watch sockets: \(error)")
        }
    }

    /// Calls `drain` on the event loop whenever there is something to read.
    private func watch(_ descriptor: Int32, drain: @escaping @Sendable () -> Void) throws(IOFault) {
        let (eventLoop, poller, log) = (self.loop.eventLoop, self.poller, self.log)
        let registration = RegistrationBox()
        let added = try self.poller.add(descriptor) {
            eventLoop.execute {
                drain()
                guard let added = registration.value else { return }
                do throws(IOFault) {
                    try poller.arm(added)
                } catch { log.error("cannot watch a socket any more: \(error)") }
            }
        }
        registration.set(added)
    }

    private func drainSocket(_ index: Int) {
        self.loop.drain(self.loop.sockets.all[index])
    }

    private func drainEvents() {
        for event in self.plane.events?.drain() ?? [] {
            self.log.debug("kernel: \(event)")
            self.loop.handle(.dataPlaneEvent(event))
        }
    }

    /// Reads the configuration again.
    func reload() {
        _ = self.session.reload(self.loop)
    }

    /// Sends DELETE for all IKE_SAs.
    func beginShutdown() {
        _ = self.loop.command(.shutDown)
    }

    /// True if all peers answered, or none are left to.
    var isIdle: Bool { self.loop.engine.isIdle }

    /// Takes everything out of the data plane, and lets nothing in any more.
    func stop() {
        self.poller.stop()
        do throws(KernelFault) {
            try self.plane.engine.removeEverything()
        } catch {
            self.log.error("states or policies stay behind: \(error)")
        }
    }
}
