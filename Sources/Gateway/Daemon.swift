internal import ControlProtocol
internal import LinuxIO
package import Logging
internal import NIOCore
internal import NIOPosix
internal import UnixSignals

/// The daemon: starts everything, waits for signals, stops everything.
package struct Daemon {
    /// What the command line says.
    package struct Options: Sendable {
        /// The configuration file.
        package var configurationPath: String
        /// The control socket.
        package var socketPath: String

        /// Options with these paths.
        package init(configurationPath: String, socketPath: String) {
            self.configurationPath = configurationPath
            self.socketPath = socketPath
        }
    }

    private let options: Options
    private let log: EventLog

    /// A daemon that logs through `logger`.
    package init(options: Options, logger: Logger) {
        self.options = options
        self.log = EventLog(logger)
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reloads the configuration.
    ///
    /// - Throws: `StartupError` if it cannot start.
    package func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
        let lock = try InstanceLock(socketPath: self.options.socketPath)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await self.run(on: group.next(), signals)
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
        withExtendedLifetime(lock) { self.log.notice("culvertd has stopped") }
    }

    private func run(on eventLoop: any EventLoop, _ signals: UnixSignalsSequence) async throws {
        let (path, log) = (self.options.configurationPath, self.log)
        // Everything that the control thread owns is made on it, and never leaves it.
        let gateway = try await eventLoop.submit {
            NIOLoopBound(
                try RunningGateway(configurationPath: path, eventLoop: eventLoop, log: log),
                eventLoop: eventLoop)
        }.get()
        let server: any Channel
        do {
            try await eventLoop.submit { try gateway.value.listen() }.get()
            server = try await self.startServer(eventLoop, gateway)
        } catch {
            try await eventLoop.submit { gateway.value.stop() }.get()
            throw error
        }
        log.notice("culvertd \(Release.version) is ready")
        try await self.serve(eventLoop, gateway, signals)
        try await server.close()
        try await self.sayGoodbye(eventLoop, gateway)
    }

    private func startServer(
        _ eventLoop: any EventLoop, _ gateway: NIOLoopBound<RunningGateway>
    ) async throws -> any Channel {
        do {
            return try await ControlServer.start(path: self.options.socketPath, eventLoop: eventLoop) {
                gateway.value.answers.line(for: $0)
            }
        } catch {
            throw StartupError("cannot listen on the control socket \(self.options.socketPath): \(error)")
        }
    }

    private func serve(
        _ eventLoop: any EventLoop, _ gateway: NIOLoopBound<RunningGateway>, _ signals: UnixSignalsSequence
    ) async throws {
        for await signal in signals {
            guard signal == .sighup else { return }
            try await eventLoop.submit { gateway.value.reload() }.get()
        }
    }

    /// Tells the peers, waits a moment for their answers, and takes everything down.
    private func sayGoodbye(
        _ eventLoop: any EventLoop, _ gateway: NIOLoopBound<RunningGateway>
    ) async throws {
        try await eventLoop.submit { gateway.value.beginShutdown() }.get()
        for _ in 0..<20 {
            if try await eventLoop.submit({ gateway.value.isIdle }).get() { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        try await eventLoop.submit { gateway.value.stop() }.get()
    }
}
