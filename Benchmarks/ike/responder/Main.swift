internal import ArgumentParser
internal import Gateway
internal import Glibc
internal import LinuxIO
internal import Logging

/// culvertd, except that ESP goes nowhere.
struct IKEResponder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ike-responder", abstract: "culvertd with a data plane that does nothing.",
        discussion: """
            For measurements of IKE alone: sockets, control loop, engine and log are the daemon's own, and so are the \
            arguments. SPIs are handed out, and nothing is installed anywhere.
            """)

    @Option(help: "The configuration file.")
    var config: String

    @Option(help: "The control socket.")
    var socket: String

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func run() throws {
        guard let level = Logger.Level(rawValue: self.logLevel) else {
            throw ValidationError("'\(self.logLevel)' is no log level")
        }
        let isJournal = StandardError.isJournal
        let logger = Logger(label: "ike-responder") { _ in
            LineLogHandler(level: level, isJournal: isJournal)
        }
        // Beside the socket: a measurement leaves nothing on this host.
        let folder = self.socket.lastIndex(of: "/").map { String(self.socket[..<$0]) } ?? "."
        try Daemon(
            options: Daemon.Options(
                configurationPath: self.config, socketPath: self.socket, stateFolder: folder), logger: logger,
            makeDataPlane: { StubDataPlane() }
        ).run()
    }
}

@main
struct Main {
    /// Exit status 0 after an orderly stop, 1 with a sentence on standard error otherwise.
    static func main() {
        do {
            var command = try IKEResponder.parseAsRoot()
            try command.run()
        } catch {
            if IKEResponder.exitCode(for: error).isSuccess { IKEResponder.exit(withError: error) }
            StandardError.write("ike-responder: \(IKEResponder.message(for: error))\n")
            exit(1)
        }
    }
}
