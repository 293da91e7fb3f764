internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// Parses `text` as the file `t.conf`; `files` are what `include` finds, by name.
func parse(_ text: String, files: [String: String] = [:]) -> ConfigurationResult {
    ConfigurationParser.parse(name: "t.conf", text: text) { pattern, _ in
        guard pattern.contains("*") else {
            guard let text = files[pattern] else { return .failure(IncludeFault(reason: "no such file")) }
            return .success([IncludedFile(name: pattern, text: text)])
        }
        let suffix = pattern.drop { $0 != "*" }.dropFirst()
        let names = files.keys.filter { $0.hasSuffix(suffix) }.sorted()
        return .success(names.compactMap { name in files[name].map { IncludedFile(name: name, text: $0) } })
    }
}

/// `line:column: severity: message` of each diagnostic.
func findings(_ text: String, files: [String: String] = [:]) -> [String] {
    parse(text, files: files).diagnostics.map(brief)
}

/// `line:column: severity: message`.
func brief(_ diagnostic: Diagnostic) -> String {
    "\(diagnostic.line):\(diagnostic.column): \(diagnostic.severity): \(diagnostic.message)"
}

/// A complete configuration with one connection `hq`.
///
/// `connection` begins at 2:1, and `child` at 4:1 if `connection` has no more than one line.
func site(
    _ connection: String = "", child: String = "local_ts = 10.1.0.0/24", local: String = "id = a.example.org",
    remote: String = "id = b.example.org", secrets: String = "", top: String = ""
) -> String {
    """
    connections { hq {
    \(connection)
    children { net {
    \(child)
    } } local { auth = psk
    \(local)
    } remote { auth = psk
    \(remote)
    } } }
    secrets { ike-hq { secret = "a key of twenty characters or more"
    }
    \(secrets)
    }
    \(top)
    """
}

/// The configuration that `text` means, which must be without errors.
func configuration(_ text: String, files: [String: String] = [:]) throws -> GatewayConfiguration {
    let result = parse(text, files: files)
    return try #require(result.configuration, "\(result.render())")
}

/// The connection of `site` with these lines.
func connection(
    _ lines: String = "", local: String = "id = a.example.org", remote: String = "id = b.example.org"
) throws -> ConnectionConfiguration {
    try #require(try configuration(site(lines, local: local, remote: remote)).connections.first)
}

/// The child of `site` with these lines.
func child(_ lines: String) throws -> ChildConfiguration {
    try #require(try configuration(site(child: lines)).connections.first?.children.first)
}

/// The text of a file in Vectors.
func vector(_ name: String) throws -> String {
    let folder = try #require(Bundle.module.resourceURL).appendingPathComponent("Vectors")
    return try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
}
