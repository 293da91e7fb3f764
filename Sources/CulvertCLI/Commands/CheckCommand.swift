internal import ArgumentParser
internal import ConfigurationFiles
internal import ControlCodec
internal import ControlProtocol
internal import GatewayConfig
internal import LinuxIO

/// `culvert check FILE`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a configuration file without a daemon.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The configuration file.", completion: .file())
    var file: String

    func run() throws {
        try self.outcome().finish()
    }

    /// What is wrong with the file; warnings alone are no reason to complain.
    func outcome() -> Outcome {
        let result: ConfigurationResult
        do throws(IOFault) {
            result = try ConfigurationOnDisk(path: self.file).result
        } catch {
            return Outcome(complaint: "cannot read \(self.file): \(error.text)", status: .bad)
        }
        let report = CheckReport(
            file: self.file, errors: result.errorCount, warnings: result.warningCount,
            diagnostics: result.diagnostics.map(DiagnosticReport.init))
        let json = String(decoding: ControlCodec.line(ControlReply.success(report)), as: UTF8.self)
        return Outcome(
            output: self.options.json ? json : result.render() + "\n",
            status: result.errorCount == 0 ? .good : .bad)
    }
}
