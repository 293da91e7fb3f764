internal import ArgumentParser
internal import ControlProtocol

/// `culvert`: the operator's command line.
struct CulvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "culvert",
        abstract: "Shows and steers the IPsec gateway culvertd.",
        discussion: """
            Exit status: 0 done, 1 refused, 2 if culvertd cannot be reached, 64 for a wrong command line. \
            For status: 0 if all is up, 1 if a peer or a child is not.
            """,
        version: "culvert \(Release.version)",
        subcommands: [
            StatusCommand.self, SACommand.self, CheckCommand.self, InitiateCommand.self,
            RekeyCommand.self, TerminateCommand.self, ReloadCommand.self,
            VersionCommand.self,
        ])

    @OptionGroup var options: GlobalOptions
}

/// Runs `culvert` with the process's arguments, and ends the process.
package func runCulvert() -> Never {
    CulvertCommand.main()
    CulvertCommand.exit()
}

/// The options that stand before or after any command's name.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The path of culvertd's socket.")
    var socket = ControlSchema.defaultSocketPath

    @Flag(help: "Print JSON for programs instead of a screen.")
    var json = false
}

/// `culvert sa`: the commands about SAs.
struct SACommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sa", abstract: "Shows IKE_SAs and CHILD_SAs.",
        subcommands: [SAListCommand.self, SAShowCommand.self])
}
