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
