internal import ArgumentParser
internal import ControlProtocol
internal import Foundation
internal import Gateway
internal import LinuxIO
internal import Logging

/// culvertd: the daemon, in the foreground.
@main
struct Culvertd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "culvertd", abstract: "IPsec gateway for sites behind NATs.",
        version: Release.version)

    @Option(help: "The configuration file.")
    var config = "/etc/culvert/culvert.conf"

    @Option(help: "The control socket.")
    var socket = ControlSchema.defaultSocketPath

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                throw ValidationError("'\(text)' is no log level")
            }
            return level
        })
    var logLevel: Logger.Level = .info

    func run() async throws {
        LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
        var logger = Logger(label: "culvertd")
        logger.logLevel = self.logLevel
        let options = Daemon.Options(configurationPath: self.config, socketPath: self.socket)
        do {
            try await Daemon(options: options, logger: logger).run()
        } catch let error as StartupError {
            StandardError.write("culvertd: \(error.description)\n")
            throw ExitCode(1)
        }
    }
}
