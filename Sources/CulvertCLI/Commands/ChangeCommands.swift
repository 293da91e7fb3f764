internal import ArgumentParser
internal import ControlProtocol

/// `culvert terminate NAME`.
struct TerminateCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "terminate", abstract: "Ends IKE_SAs, or CHILD_SAs of them.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A connection's name, or NAME#ID for one of its IKE_SAs.")
    var name: SAName

    @Option(help: "End only the CHILD_SAs of this name.")
    var child: String?

    var request: ControlRequest { .terminate(self.name, child: self.child) }

    func outcome(_ report: TerminateReport, _ palette: Palette) -> Outcome {
        guard !report.terminated.isEmpty else {
            return Outcome(output: "\(self.name): what was being begun is ended\n")
        }
        return Outcome(output: report.terminated.map { "\($0.words) is being deleted\n" }.joined())
    }
}

/// `culvert rekey NAME`.
struct RekeyCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey", abstract: "Renews the keys of IKE_SAs, or of CHILD_SAs of them.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A connection's name, or NAME#ID for one of its IKE_SAs.")
    var name: SAName

    @Option(help: "Rekey the CHILD_SAs of this name instead of the IKE_SA.")
    var child: String?

    var request: ControlRequest { .rekey(self.name, child: self.child) }

    func outcome(_ report: RekeyReport, _ palette: Palette) -> Outcome {
        Outcome(output: report.rekeying.map { "\($0.words) is being rekeyed\n" }.joined())
    }
}

extension SAReference {
    /// The beginning of a line about it.
    fileprivate var words: String {
        let ikeSA = "\(self.name)#\(self.id)"
        guard let child = self.child else { return "\(ikeSA): IKE_SA" }
        let spi = self.inboundSPI.map { " (SPI in \($0))" } ?? ""
        return "\(ikeSA): CHILD_SA \(child)\(spi)"
    }
}

/// `culvert initiate NAME`.
struct InitiateCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "initiate", abstract: "Begins a connection: an IKE_SA with a CHILD_SA.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The connection's name.")
    var name: String

    @Option(help: "The CHILD_SA to begin with; the connection's first if it is not given.")
    var child: String?

    var request: ControlRequest { .initiate(connection: self.name, child: self.child) }

    func outcome(_ report: InitiateReport, _ palette: Palette) -> Outcome {
        Outcome(output: "\(report.initiating) is being begun; culvert status says what becomes of it\n")
    }
}

/// `culvert reload`.
struct ReloadCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Makes culvertd read its configuration again, all or nothing.")

    @OptionGroup var options: GlobalOptions

    var request: ControlRequest { .reload }

    func outcome(_ report: ReloadReport, _ palette: Palette) -> Outcome {
        let changes = [
            ("added", report.added), ("changed", report.changed), ("removed", report.removed),
        ]
        let lines = changes.filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1.joined(separator: ", "))" }
        let summary = lines.isEmpty ? "nothing changed" : lines.joined(separator: "; ")
        let connections = Units.count(report.connections, "connection")
        return Outcome(
            output: DiagnosticsScreen(diagnostics: report.warnings).text
                + "\(report.config.path) loaded: \(connections), \(summary)\n")
    }
}
