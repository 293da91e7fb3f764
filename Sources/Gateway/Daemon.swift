internal import ControlProtocol
internal import Dispatch
package import IPsecModel
internal import LinuxIO
package import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import UnixSignals

/// The daemon: starts everything, waits for signals, stops everything.
package struct Daemon: Sendable {
    /// What the command line says.
    package struct Options: Sendable {
        /// The configuration file.
        package var configurationPath: String
        /// The control socket.
        package var socketPath: String
        /// Where what must outlive the daemon is kept.
        package var stateFolder: String

        /// Options with these paths.
        package init(configurationPath: String, socketPath: String, stateFolder: String) {
            self.configurationPath = configurationPath
            self.socketPath = socketPath
            self.stateFolder = stateFolder
        }
    }

    private let options: Options
    private let makeDataPlane: (@Sendable () -> any DataPlane)?
    private let log: EventLog

    /// Peers have this long to answer our DELETE when we stop.
    private static let patience: Duration = .seconds(2)

    /// A daemon that logs through `logger`.
    ///
    /// `makeDataPlane` is called once, on the thread that becomes the control thread; without it the configuration
    /// chooses between the kernel and our own engine.
    package init(
        options: Options, logger: Logger, makeDataPlane: (@Sendable () -> any DataPlane)? = nil
    ) {
        self.options = options
        self.makeDataPlane = makeDataPlane
        self.log = EventLog(logger)
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reloads the configuration.
    ///
    /// For the main thread, which becomes the control thread, before there are others: see `Startup`.
    package func run() throws(StartupError) {
        try self.prepareProcess()
        let lock = try InstanceLock(socketPath: self.options.socketPath)
        let startup = try Startup(
            configurationPath: self.options.configurationPath, stateFolder: self.options.stateFolder,
            given: self.makeDataPlane?(), log: self.log)
        let outcome = Outcome()
        MultiThreadedEventLoopGroup.withCurrentThreadAsEventLoop { eventLoop in
            let gateway = NIOLoopBound(
                RunningGateway(startup, eventLoop: eventLoop, log: self.log), eventLoop: eventLoop)
            Task {
                outcome.set(await self.result { try await self.serve(gateway, eventLoop) })
                // Ends `withCurrentThreadAsEventLoop`; there is nothing left that could fail.
                eventLoop.shutdownGracefully(queue: .global()) { _ in }
            }
        }
        try outcome.get()
        withExtendedLifetime(lock) { self.log.notice("culvertd has stopped") }
    }

    private func prepareProcess() throws(StartupError) {
        Signals.ignoreBrokenPipesAndHangups()
        Signals.crashSilently()
        FileSystem.keepNewFilesPrivate()
        do throws(IOFault) {
            try Privileges.keepMemoryPrivate()
        } catch { throw StartupError("cannot keep keys out of core dumps: \(error)") }
    }

    /// How it all ended, handed from the task that knows to the thread that waits.
    private final class Outcome: Sendable {
        private let result = Mutex<Result<Void, StartupError>>(.success(()))

        func set(_ result: Result<Void, StartupError>) { self.result.withLock { $0 = result } }

        func get() throws(StartupError) { try self.result.withLock { $0 }.get() }
    }

    private func result(_ body: () async throws -> Void) async -> Result<Void, StartupError> {
        do {
            try await body()
            return .success(())
        } catch let error as StartupError {
            return .failure(error)
        } catch {
            return .failure(StartupError("\(error)"))
        }
    }

    /// From the first packet to the last; whatever happens, nothing stays in the kernel or the file system.
    private func serve(_ gateway: NIOLoopBound<RunningGateway>, _ eventLoop: any EventLoop) async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
        let result = await self.result {
            try await eventLoop.submit { try gateway.value.listen() }.get()
            let server = try await ControlServer.start(
                path: self.options.socketPath, eventLoop: eventLoop
            ) { gateway.value.answers.line(for: $0) }
            let summary = try await eventLoop.submit { gateway.value.summary }.get()
            self.log.notice("culvertd \(Release.version) is ready: \(summary)")
            try await eventLoop.submit { gateway.value.startConnections() }.get()
            try await self.hear(signals, gateway, eventLoop)
            try await self.sayGoodbye(gateway, eventLoop)
            // This removes its file as well.
            try await server.close()
        }
        try await eventLoop.submit { gateway.value.stop() }.get()
        try result.get()
    }

    /// Returns when it is time to stop.
    private func hear(
        _ signals: UnixSignalsSequence, _ gateway: NIOLoopBound<RunningGateway>, _ eventLoop: any EventLoop
    ) async throws {
        for await signal in signals {
            guard signal == .sighup else {
                self.log.notice("\(signal): stopping")
                return
            }
            try await eventLoop.submit { gateway.value.reload() }.get()
        }
    }

    /// Tells the peers, and waits a moment for their answers.
    private func sayGoodbye(_ gateway: NIOLoopBound<RunningGateway>, _ eventLoop: any EventLoop) async throws
    {
        try await eventLoop.submit { gateway.value.beginShutdown() }.get()
        let end = ContinuousClock.now.advanced(by: Self.patience)
        while ContinuousClock.now < end, try await !eventLoop.submit({ gateway.value.isIdle }).get() {
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
