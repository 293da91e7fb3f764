internal import ArgumentParser
internal import ControlProtocol

/// `culvert status`.
struct StatusCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the gateway, its peers, and why some are not up.")
    // Neither "all up" nor "some down" is known then.
    static let statusOfRefusal = ExitStatus.unreachable

    @OptionGroup var options: GlobalOptions

    var request: ControlRequest { .status }

    func outcome(_ report: StatusReport, _ palette: Palette) -> Outcome {
        Outcome(
            output: StatusScreen(report: report, palette: palette).text,
            status: report.totals.isAllUp ? .good : .bad)
    }
}

/// `culvert sa list`.
struct SAListCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the CHILD_SAs of all peers.")

    @OptionGroup var options: GlobalOptions

    var request: ControlRequest { .listSAs }

    func outcome(_ report: SAReport, _ palette: Palette) -> Outcome {
        Outcome(output: SAListScreen(report: report, palette: palette).text)
    }
}

/// `culvert sa show NAME`.
struct SAShowCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows all that is known of a connection's IKE_SAs.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A connection's name, or NAME#ID for one of its IKE_SAs.")
    var name: SAName

    var request: ControlRequest { .showSA(self.name) }

    func outcome(_ report: SAReport, _ palette: Palette) -> Outcome {
        Outcome(output: SADetailScreen(report: report, palette: palette).text)
    }
}

/// `culvert version`.
struct VersionCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Prints the releases of culvert and of the running culvertd.")

    @OptionGroup var options: GlobalOptions

    var request: ControlRequest { .version }
    var introduction: String { "culvert \(Release.version)\n" }

    func outcome(_ report: VersionReport, _ palette: Palette) -> Outcome {
        Outcome(output: "culvertd \(report.version)\n")
    }
}

extension SAName: ExpressibleByArgument {
    init?(argument: String) {
        self.init(argument)
    }
}
