internal import IPsecModel

/// Turns the text of a configuration file into a checked `GatewayConfiguration`.
///
/// The grammar is that of strongswan.conf(5), the keys are those of swanctl.conf(5) and a few of Culvert's own
/// at the top of the file. Nothing is accepted silently: what is unknown, or known and not implemented, is in
/// the diagnostics. The work is bounded whatever the text is.
package enum ConfigurationParser {
    /// Connections in one configuration.
    static let connectionLimit = 20_000

    /// Reads `text`.
    ///
    /// - Parameters:
    ///   - name: The file's name for diagnostics; `include` patterns are relative to it.
    ///   - text: The file's text. The caller lets go of it, since it holds the keys in clear.
    ///   - loader: Finds the files of `include` statements. Without it there are none.
    /// - Returns: What was read and what is wrong with it; never a configuration with errors.
    package static func parse(
        name: String, text: String,
        loader: @escaping IncludeLoader = { _, _ in
            .failure(IncludeFault(reason: "no files can be read here"))
        }
    ) -> ConfigurationResult {
        let report = Report()
        var parser = GrammarParser(report: report, loader: loader)
        var configuration = GatewayConfiguration()
        do {
            try parser.read(IncludedFile(name: name, text: text), into: SettingsTree.root)
            let inheritance = Inheritance(tree: parser.tree, report: report)
            configuration = self.read(ReadingContext(inheritance: inheritance, report: report))
        } catch {
            // The report has the fault.
        }
        return ConfigurationResult(
            configuration: report.errorCount == 0 ? configuration : nil, diagnostics: report.diagnostics(),
            errorCount: report.errorCount, warningCount: report.warningCount, files: report.files.map(\.name))
    }

    private static func read(_ context: ReadingContext) -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        let top = SectionReader(context.inheritance.root, .top, owner: nil, context)
        TopReader.read(top, into: &configuration)
        let templates = context.inheritance.referencedNames
        let sections = top.sections(.top) { templates.contains($0) }
        let connections = self.connections(sections.filter { $0.rule == "connections" }, top)
        let secrets = self.secrets(sections.filter { $0.rule == "secrets" }, context)
        configuration.connections = connections.map(\.configuration)
        if let size = TopReader.fragmentSize(top) {
            for index in configuration.connections.indices {
                configuration.connections[index].fragmentSize = size
            }
        }
        configuration.secrets = secrets
        CrossChecks(connections: connections, secrets: secrets, report: context.report).run()
        return configuration
    }

    private static func connections(
        _ sections: [(rule: String, inner: SectionReader.Inner)], _ top: SectionReader
    ) -> [ReadConnection] {
        guard let section = sections.first?.inner else {
            top.warning(top.place, "there is no connections section: nobody can connect")
            return []
        }
        let reader = SectionReader(section.view, .named, owner: "section 'connections'", top.context)
        let connections = reader.allSections
        if connections.isEmpty { top.warning(section.place, "there are no connections: nobody can connect") }
        guard connections.count <= Self.connectionLimit else {
            top.error(section.place, "more than \(Self.connectionLimit) connections")
            return []
        }
        return connections.map { ConnectionReader.read($0, top.context) }
    }

    private static func secrets(
        _ sections: [(rule: String, inner: SectionReader.Inner)], _ context: ReadingContext
    ) -> [SharedSecret] {
        guard let section = sections.first?.inner else { return [] }
        let reader = SectionReader(section.view, .secrets, owner: "section 'secrets'", context)
        return reader.sections(.secrets).compactMap { SecretReader.read($0.inner, context) }
    }
}
