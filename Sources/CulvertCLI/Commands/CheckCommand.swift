internal import ArgumentParser

/// `culvert check FILE`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a configuration file without a daemon.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The configuration file.", completion: .file())
    var file: String
}
