internal import ArgumentParser
internal import ControlProtocol
internal import Gateway
internal import Glibc
internal import LinuxIO
internal import Logging

/// The command line of culvertd: the daemon, in the foreground.
struct Culvertd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "culvertd", abstract: "IPsec gateway for sites behind NATs.",
        discussion: "SIGHUP reloads the configuration; SIGTERM and SIGINT end the tunnels and stop.",
        version: "culvertd \(Release.version)")

    @Option(help: "The configuration file.")
    var config = "/etc/culvert/culvert.conf"

    @Option(help: "The control socket.")
    var socket = ControlSchema.defaultSocketPath

    @Option(
        help: "The directory for what outlives culvertd: the secret by which peers know that it has crashed.")
    var state = "/var/lib/culvert"

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("'\(text)' is none of \(levels)")
            }
            return level
        })
    var logLevel: Logger.Level = .info

    func run() throws {
        let isJournal = StandardError.isJournal
        let logger = Logger(label: "culvertd") { _ in
            LineLogHandler(level: self.logLevel, isJournal: isJournal)
        }
        try Daemon(
            options: Daemon.Options(
                configurationPath: self.config, socketPath: self.socket, stateFolder: self.state),
            logger: logger
        ).run()
    }
}

@main
struct Main {
    /// Exit status 0 after an orderly stop, 1 with a sentence on standard error otherwise.
    static func main() {
        do {
            var command = try Culvertd.parseAsRoot()
            try command.run()
        } catch {
            // `--help` and `--version` are errors of the parser, and no failures.
            if Culvertd.exitCode(for: error).isSuccess { Culvertd.exit(withError: error) }
            StandardError.write("culvertd: \(Culvertd.message(for: error))\n")
            exit(1)
        }
    }
}
