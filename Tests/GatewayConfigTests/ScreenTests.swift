internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// The screen of `culvert check`, against files written by hand from the design's mock-up.
struct ScreenTests {
    @Test(arguments: ["mistakes", "syntax", "good"])
    func `the screen is the one in the golden file`(_ name: String) throws {
        let text = try vector("check/\(name).conf")
        let result = ConfigurationParser.parse(name: "/etc/culvert/culvert.conf", text: text)
        #expect(try result.render() + "\n" == vector("check/\(name).expected"))
        #expect((result.configuration == nil) == (name != "good"))
    }

    private func diagnostic(
        line: Int = 7, column: Int = 1, length: Int = 1, _ source: String = "source"
    ) -> Diagnostic {
        Diagnostic(
            severity: .error, file: "f", line: line, column: column, length: length, message: "m",
            sourceLine: source)
    }

    @Test func `the number of the line is right-aligned`() {
        #expect(self.diagnostic().render() == "f:7:1: error: m\n    7 | source\n      | ^")
        #expect(
            self.diagnostic(line: 123_456).render() == "f:123456:1: error: m\n123456 | source\n       | ^")
    }

    @Test func `the underline does not pass the end of the line`() {
        #expect(self.diagnostic(column: 5, length: 50).render().hasSuffix("\n      |     ^~"))
        #expect(self.diagnostic(column: 7, length: 50).render().hasSuffix("\n      |       ^"))
    }

    @Test func `a place beyond the visible part has no underline`() {
        #expect(self.diagnostic(column: 300).render() == "f:7:300: error: m\n    7 | source")
    }

    @Test func `columns count characters, not bytes`() {
        #expect(findings("ä { ö = \"x\n") == ["1:9: error: this quote is never closed"])
    }

    @Test func `control characters of a file do not reach the terminal`() throws {
        let result = parse("connections { }\n# \u{1b}[2J\nx\u{9b} = 1 # \u{1b}[31m\u{202e}")
        let diagnostic = try #require(result.diagnostics.last)
        #expect(diagnostic.sourceLine == "x? = 1 # ?[31m?")
        #expect(diagnostic.message == "unknown key 'x?' at the top of the file")
    }

    @Test func `of a long line the beginning is shown`() throws {
        let diagnostic = try #require(parse("x = \(String(repeating: "y", count: 5_000))").diagnostics.first)
        #expect(diagnostic.sourceLine.count == 200)
        #expect(diagnostic.render().split(separator: "\n").count == 3)
    }

    @Test(arguments: [
        ("connections { }", "1 warning"), ("connections { }\na = 1\nb = 1", "2 errors, 1 warning"),
        ("x", "1 error"),
    ])
    func `the summary counts`(_ text: String, _ summary: String) {
        #expect(parse(text).summary == summary)
    }

    @Test func `of very many diagnostics the rest is counted`() {
        let result = parse("connections { }\n" + (0..<500).map { "key\($0) = 1\n" }.joined())
        #expect(result.diagnostics.count == 200)
        #expect(result.errorCount == 500)
        #expect(result.render().hasSuffix("\nand 301 more\n500 errors, 1 warning"))
    }

    @Test func `the example in conf is right without a remark`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("conf/culvert.conf"), encoding: .utf8)
        let result = ConfigurationParser.parse(name: "culvert.conf", text: text)
        #expect(result.render() == "no errors, no warnings")
        let connection = try #require(result.configuration?.connections.first)
        #expect(connection.name == "branch")
        #expect(connection.proposals == DefaultProposals.ike)
        #expect(connection.children.first?.localSelectors.map(\.description) == ["10.1.0.0/24"])
        #expect(connection.children.first?.remoteSelectors.map(\.description) == ["10.2.0.0/24"])
        #expect(result.configuration?.secrets.first?.owners == [.exact(.fqdn("branch.example.org"))])
    }

    @Test func `the defaults that the example shows are the defaults`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("conf/culvert.conf"), encoding: .utf8)
        let marker = try #require(text.range(of: "# data_plane"))
        let own = text[marker.lowerBound...].split(separator: "\n").map { String($0.dropFirst(2)) }
        #expect(own.count == Schema.top.keys.count)
        let result = try configuration(site(top: own.joined(separator: "\n")))
        let plain = try configuration(site())
        #expect(result.dataPlane == plain.dataPlane)
        #expect(result.keepaliveInterval == plain.keepaliveInterval)
        #expect(result.connections == plain.connections)
        var limits = result.limits
        #expect(limits.retransmission.map(\.wholeSeconds) == plain.limits.retransmission.map(\.wholeSeconds))
        limits.retransmission = plain.limits.retransmission
        #expect(limits == plain.limits)
        for proposal in DefaultProposals.ike.map(\.description) {
            #expect(
                text.contains(proposal.replacingOccurrences(of: "-prfsha256-prfsha384-prfsha512", with: "")))
        }
    }
}
