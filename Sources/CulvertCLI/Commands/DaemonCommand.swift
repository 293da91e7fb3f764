internal import ArgumentParser
internal import ControlCodec
internal import ControlProtocol
internal import FoundationEssentials
internal import Glibc

/// A command that asks the daemon one thing and shows the answer.
protocol DaemonCommand: ParsableCommand {
    /// What the daemon answers.
    associatedtype Body: Codable & Sendable

    /// Where the daemon is, and how to print.
    var options: GlobalOptions { get }

    /// What is asked.
    var request: ControlRequest { get }

    /// The exit status if the daemon refuses.
    static var statusOfRefusal: ExitStatus { get }

    /// What a person is shown even if the daemon cannot be reached.
    var introduction: String { get }

    /// What a person is shown after the introduction, and the exit status.
    func outcome(_ body: Body, _ palette: Palette) -> Outcome
}

extension DaemonCommand {
    static var statusOfRefusal: ExitStatus { .bad }
    var introduction: String { "" }

    func run() throws {
        try self.answer(by: ControlClient(socketPath: self.options.socket), .forStandardOutput).finish()
    }

    /// What the daemon's answer comes to.
    func answer(by client: ControlClient, _ palette: Palette) -> Outcome {
        do {
            return self.outcome(reply: try client.reply(to: self.request), palette)
        } catch {
            let output = self.options.json ? "" : self.introduction
            return Outcome(output: output, complaint: error.sentence, status: .unreachable)
        }
    }

    /// What a line from the daemon comes to. As JSON, the line itself is printed: a newer daemon may say more
    /// than we know.
    func outcome(reply line: [UInt8], _ palette: Palette) -> Outcome {
        let json = String(decoding: line, as: UTF8.self) + "\n"
        do {
            switch try ControlCodec.reply(Body.self, line) {
            case .success(let body):
                var outcome = self.outcome(body, palette)
                outcome.output = self.options.json ? json : self.introduction + outcome.output
                return outcome
            case .failure(let error):
                let screen = error.diagnostics.map { DiagnosticsScreen(diagnostics: $0).text } ?? ""
                return Outcome(
                    output: self.options.json ? json : screen, complaint: error.message,
                    status: Self.statusOfRefusal)
            }
        } catch {
            return Outcome(
                complaint: "culvertd at \(self.options.socket): \(error.message)", status: .unreachable)
        }
    }
}

extension Palette {
    /// Colours if standard output is a terminal that wants them.
    static var forStandardOutput: Palette {
        self.forOutput(
            isTerminal: isatty(STDOUT_FILENO) == 1, environment: ProcessInfo.processInfo.environment)
    }
}
