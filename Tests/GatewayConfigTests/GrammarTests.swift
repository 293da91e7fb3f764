internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// The grammar of strongswan.conf(5). What the page leaves open was seen with swanctl 5.9.8.
struct GrammarTests {
    /// The settings tree of `text` as lines such as `a.b=c`, sections with a slash behind their name.
    private func tree(_ text: String, files: [String: String] = [:]) throws -> [String] {
        let report = Report()
        var parser = GrammarParser(report: report) { pattern, _ in
            files[pattern].map { .success([IncludedFile(name: pattern, text: $0)]) }
                ?? .failure(IncludeFault(reason: "no such file"))
        }
        try parser.read(IncludedFile(name: "t", text: text), into: SettingsTree.root)
        let inheritance = Inheritance(tree: parser.tree, report: report)
        try #require(report.errorCount == 0)
        return self.lines(of: inheritance.root, "", inheritance)
    }

    private func lines(of view: SectionView, _ path: String, _ inheritance: Inheritance) -> [String] {
        let settings = inheritance.settings(in: view).map { "\(path)\($0.key.string)=\($0.value.string)" }
        return settings
            + inheritance.sectionNames(in: view).flatMap { name -> [String] in
                guard let inner = inheritance.section(name, in: view) else { return ["missing"] }
                let lines = self.lines(of: inner, "\(path)\(name).", inheritance)
                return lines.isEmpty ? ["\(path)\(name)/"] : lines
            }
    }

    private func fault(_ text: String) -> String? {
        let report = Report()
        var parser = GrammarParser(report: report) { _, _ in .success([]) }
        do {
            try parser.read(IncludedFile(name: "t", text: text), into: SettingsTree.root)
            return nil
        } catch {
            return report.diagnostics().first.map { "\($0.line):\($0.column): \($0.message)" }
        }
    }

    @Test func `the manual page's example of nested sections`() throws {
        let text = """
            a = b
            section-one {
                somevalue = asdf
                subsection {
                    othervalue = xxx
                }
                # yei, a comment
                yetanother = zz
            }
            section-two {
                x = 12
            }
            """
        #expect(
            try self.tree(text) == [
                "a=b", "section-one.somevalue=asdf", "section-one.yetanother=zz",
                "section-one.subsection.othervalue=xxx", "section-two.x=12",
            ])
    }

    @Test func `the manual page's three files make the same settings as its one`() throws {
        let text = """
            a = b
            section-one {
                somevalue = before include
                include include.conf
            }
            include other.conf
            """
        let include = """
            somevalue = asdf
            subsection {
                othervalue = yyy
            }
            yetanother = zz
            """
        let other = """
            section-one {
                subsection {
                    othervalue = xxx
                }
            }
            section-two {
                x = 12
            }
            """
        #expect(
            try self.tree(text, files: ["include.conf": include, "other.conf": other]) == [
                "a=b", "section-one.somevalue=asdf", "section-one.yetanother=zz",
                "section-one.subsection.othervalue=xxx", "section-two.x=12",
            ])
    }

    @Test(arguments: [
        ("k = v", "k=v"), ("k=v", "k=v"), ("\tk\t=\tv\t", "k=v"), ("k = a  b\tc", "k=a b c"),
        ("k = v # comment", "k=v"), ("k = v#comment", "k=v"), ("k = a=b:c{d,e", "k=a=b:c{d,e"),
        ("k\n=\nl = v", "l=v"), ("k\n\n = v", "k=v"), ("k = \"a # b } c\"", "k=a # b } c"),
        ("k = \" v \"", "k= v "), ("k = \"a\\\"b\\\\c\"", "k=a\"b\\c"),
        ("k = \"a\\tb\\nc\\rd\"", "k=a\tb\nc\rd"),
        ("k = \"a\\qb\"", "k=aqb"), ("k = \"a\nb\"", "k=a\nb"), ("k = \"a\\\n   b\"", "k=a   b"),
        ("k = \"x\"y \"z\"", "k=x y z"), ("k = ab\"cd\"ef", "k=ab cd ef"), ("k = a\\b\\", "k=a\\b\\"),
        ("k = v\r\n", "k=v"), ("k = b c = d", "k=b c = d"), ("k = \"\" x", "k= x"),
        ("é-a_%/+*; = ü", "é-a_%/+*;=ü"),
        ("include = 1", "include=1"),
    ])
    func `a value ends with its line, a comment or its section`(_ text: String, _ line: String) throws {
        #expect(try self.tree(text) == [line])
    }

    @Test func `a section may stand in one line`() throws {
        #expect(try self.tree("a { b { k = v } } c {}d{}") == ["a.b.k=v", "c/", "d/"])
        #expect(try self.tree("a{k=v\n}b\n{\nl=w }") == ["a.k=v", "b.l=w"])
        #expect(try self.tree("include {k=v}") == ["include.k=v"])
    }

    @Test func `a section that is opened again is extended, and a later value wins`() throws {
        #expect(try self.tree("a { k = 1\n l = 2\n} a { k = 3\n b { } }") == ["a.k=3", "a.l=2", "a.b/"])
    }

    @Test func `a key and a section of one name live side by side`() throws {
        #expect(try self.tree("a { s { k = 1\n} s = 2\n}") == ["a.s=2", "a.s.k=1"])
    }

    @Test func `an empty value takes the key away`() throws {
        #expect(try self.tree("a { k = 1\n k =\n l = # nothing\n}") == ["a/"])
    }

    @Test(arguments: [
        ("k", "1:1: expected '=', ':' or '{' after 'k'"),
        ("k v = 1", "1:1: expected '=', ':' or '{' after 'k'"),
        ("a {\n  k = v", "1:1: section 'a' is never closed by '}'"),
        ("a { }\n  }", "2:3: this '}' closes no section"),
        ("a.b { }", "1:1: expected '=', ':' or '{' after 'a'"), (".a = 1", "1:1: names have no '.'"),
        ("\"a\" = 1", "1:1: keys and names of sections have no quotes"),
        ("k = \"v\nw", "1:5: this quote is never closed"),
        ("k += v", "1:3: '+=' does not exist here; a later '=' replaces an earlier one"),
        ("a : b\nk = 1", "2:1: expected '{' or ','"),
        ("a : { }", "1:5: expected the name of a section to inherit from"),
        ("a : b. { }", "1:7: expected the name of a section to inherit from"),
        ("= v", "1:1: expected a key or a section's name"),
        ("{ }", "1:1: expected a key or a section's name"),
        ("a = b\u{1}c", "1:6: a control character, which no value may hold"),
        ("a = \"b\\\u{1}c\"", "1:8: a control character, which no value may hold"),
        ("a\u{1b} = b", "1:1: expected '=', ':' or '{' after 'a'"), ("\u{7f}", "1:1: a control character"),
        ("include ", "1:9: expected the name of a file to include"),
        ("ü = \"x", "1:5: this quote is never closed"),
    ])
    func `text that makes no sense is shown at its place`(_ text: String, _ message: String) {
        #expect(self.fault(text) == message)
    }
}

/// `section : other, another { … }`.
struct InheritanceTests {
    private func base(_ connections: String, _ rest: String = "") -> String {
        """
        psk { local { auth = psk
        } remote { auth = psk
        } children { net { } } }
        connections { \(connections) }
        secrets { ike { secret = 0123456789012345678901
        } }
        \(rest)
        """
    }

    @Test func `settings and sections of another section are inherited`() throws {
        let text = self.base(
            "hq : psk { encap = yes\n} branch : connections.hq { dpd_delay = 9s\n}", "other { }")
        let connections = try configuration(text).connections
        #expect(connections.map(\.name) == ["hq", "branch"])
        #expect(connections.map(\.forcesEncapsulation) == [true, true])
        #expect(connections.map(\.livenessDelay) == [nil, .seconds(9)])
        #expect(connections.map { $0.children.map(\.name) } == [["net"], ["net"]])
    }

    @Test
    func
        `a value of the section's own goes before an inherited one, and the first reference before the next`()
        throws
    {
        let text = self.base(
            "c : psk, one, two { encap = no\n}",
            "one { encap = yes\n dpd_delay = 1s\n}\ntwo { dpd_delay = 2s\n unique = keep\n}")
        let connection = try #require(try configuration(text).connections.first)
        #expect(!connection.forcesEncapsulation)
        #expect(connection.livenessDelay == .seconds(1))
        #expect(connection.uniqueness == .keep)
    }

    @Test func `an empty value clears what is inherited`() throws {
        let text = self.base("c : psk, one { dpd_delay = \n}", "one { dpd_delay = 1s\n}")
        #expect(try configuration(text).connections.first?.livenessDelay == nil)
    }

    @Test func `sections within are merged with inherited ones`() throws {
        let text = self.base("c : psk { children { net { reqid = 7\n } other { } } }", "")
        let children = try #require(try configuration(text).connections.first?.children)
        #expect(children.map(\.name) == ["net", "other"])
        #expect(children.map(\.reqid) == [7, nil])
    }

    @Test func `what two connections inherit is reported once`() {
        let text = self.base("c : psk, t { } d : psk, t { }", "t { dpd_dealy = 1s\n mobike = yes\n }")
        #expect(
            findings(text) == [
                "7:5: error: unknown key 'dpd_dealy' in connection 'c' (did you mean 'dpd_delay'?)",
                "8:2: warning: connection 'c': 'mobike' is not implemented yet; a peer's new address is followed as "
                    + "RFC 7296 §2.23 says",
            ])
    }

    @Test(arguments: [
        ("c : nope { }", "4:19: error: there is no section 'nope'"),
        ("c : psk.nope { }", "4:19: error: there is no section 'psk.nope'"),
        (
            "c : connections.c { }",
            "4:19: error: a section cannot inherit from itself or from one that it is in"
        ),
        (
            "c : connections { }",
            "4:19: error: a section cannot inherit from itself or from one that it is in"
        ),
        (
            "c : connections.d { } d : connections.c { }",
            "4:41: error: a section cannot inherit from itself or from one that it is in"
        ),
    ])
    func `a reference that leads nowhere or back is an error`(_ connections: String, _ message: String) {
        #expect(findings(self.base(connections)).contains(message))
    }

    @Test func `references may be long but not endless`() {
        let chain = (0..<100).map { "t\($0) : t\($0 + 1) { }\n" }.joined()
        #expect(
            findings(self.base("c : t0 { }", chain + "t100 { }")).contains {
                $0.hasSuffix("sections inherit from one another too deeply")
            })
    }
}

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
