internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `include pattern`.
struct IncludeTests {
    @Test func `files are added to the section that the statement stands in`() throws {
        let files = ["conf.d/a.conf": "encap = yes\n", "conf.d/b.conf": "dpd_delay = 7s\n"]
        let text = site("include conf.d/*.conf")
        let connection = try #require(try configuration(text, files: files).connections.first)
        #expect(connection.forcesEncapsulation)
        #expect(connection.livenessDelay == .seconds(7))
        #expect(parse(text, files: files).files == ["t.conf", "conf.d/a.conf", "conf.d/b.conf"])
    }

    @Test(arguments: ["include x.conf }", "include \"x.conf\" # y", "include\tx.conf", "include x\\.conf"])
    func `the name ends at a blank, a brace or its quote`(_ statement: String) throws {
        let text = statement.hasSuffix("}") ? "t { \(statement)\n" : "t { \(statement)\n}\n"
        #expect(findings(text, files: ["x.conf": "k = v"]).count == 2)
        #expect(parse(text, files: ["x.conf": "k = v"]).errorCount == 0)
    }

    @Test func `the loader is told which file includes`() {
        var asked: [String] = []
        _ = ConfigurationParser.parse(name: "/etc/a.conf", text: "include b.conf\ninclude d.conf") {
            asked.append("\($0) in \($1)")
            return .success([IncludedFile(name: "/etc/\($0)", text: $0 == "b.conf" ? "include c.conf" : "")])
        }
        #expect(asked == ["b.conf in /etc/a.conf", "c.conf in /etc/b.conf", "d.conf in /etc/a.conf"])
    }

    @Test func `a diagnostic names the included file and its line`() throws {
        let result = parse(site("include x.conf"), files: ["x.conf": "\n  dpd_dealy = 1s\n"])
        let diagnostic = try #require(result.diagnostics.first)
        #expect(diagnostic.file == "x.conf")
        #expect(brief(diagnostic).hasPrefix("2:3: error: unknown key 'dpd_dealy'"))
        #expect(diagnostic.sourceLine == "  dpd_dealy = 1s")
    }

    @Test func `a value from another file replaces one without a warning`() {
        #expect(findings(site("encap = no\ninclude x.conf"), files: ["x.conf": "encap = yes"]).isEmpty)
    }

    @Test(arguments: [
        ("include nothing.conf", "2:9: error: cannot include: no such file"),
        ("include t.conf", "2:9: error: 't.conf' includes itself"),
        ("include more.conf many.conf", "2:19: error: expected '=', ':' or '{' after 'many'"),
    ])
    func `a file that cannot be had is an error at its name`(_ statement: String, _ message: String) {
        #expect(findings(site(statement), files: ["t.conf": "", "more.conf": ""]) == [message])
    }

    @Test func `wildcards may match nothing`() {
        #expect(findings(site("include conf.d/*.conf")).isEmpty)
    }

    @Test func `files that include one another end at a limit`() {
        var count = 0
        let result = ConfigurationParser.parse(name: "0", text: "include x") { _, _ in
            count += 1
            return .success([IncludedFile(name: String(count), text: "include x")])
        }
        #expect(result.diagnostics.map(\.message) == ["files include one another: 10 deep at most"])
        #expect(count == 9)
    }

    @Test func `the number of files has a limit`() {
        let result = ConfigurationParser.parse(name: "0", text: "include *") { _, _ in
            .success((1...2_000).map { IncludedFile(name: "f\($0)", text: "") })
        }
        #expect(result.diagnostics.map(\.message) == ["more than 1000 files"])
    }

    @Test func `an included file must close what it opens, and no more`() {
        #expect(
            findings(site("include x"), files: ["x": "a {"]) == [
                "1:1: error: section 'a' is never closed by '}'"
            ])
        #expect(findings(site("include x"), files: ["x": "}"]) == ["1:1: error: this '}' closes no section"])
    }
}
