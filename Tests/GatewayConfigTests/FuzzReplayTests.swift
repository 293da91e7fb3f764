internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// The fuzz target's laws over its corpus, its findings, and texts that are made to be costly.
struct FuzzReplayTests {
    @Test(arguments: ["Corpus", "Regressions"])
    func `the laws hold for every input that the fuzzer kept`(_ folder: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let inputs = root.appendingPathComponent("Fuzz/\(folder)/Configuration")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: inputs.path)) ?? []
        #expect(folder != "Corpus" || names.count >= 9)
        for name in names {
            let octets = Array(try Data(contentsOf: inputs.appendingPathComponent(name)))
            #expect(configurationViolation(octets) == nil, "\(name)")
        }
    }

    @Test func `the laws hold for each beginning of a file`() throws {
        let octets = Array(try vector("recipes/roadwarriors.conf").utf8)
        for count in stride(from: 0, through: octets.count, by: 7) {
            #expect(configurationViolation(Array(octets.prefix(count))) == nil, "\(count)")
        }
    }

    @Test(arguments: [
        String(repeating: "a {", count: 50_000),
        String(repeating: "a { ", count: 17) + String(repeating: "}", count: 17),
        String(repeating: "}", count: 50_000), "a = " + String(repeating: "x", count: 20_000),
        String(repeating: "n", count: 300) + " = 1",
        "a : " + String(repeating: "b.", count: 20_000) + "b { }",
        "a = \"" + String(repeating: "\\\n", count: 50_000), String(repeating: "\0", count: 1_000),
    ])
    func `deep, long and endless text is an error`(_ text: String) {
        #expect(parse(text).errorCount == 1)
        #expect(configurationViolation(Array(text.utf8)) == nil)
    }

    @Test func `too much text is an error`() {
        let text = String(repeating: "# 34567890123456789012345678901\n", count: 300_000)
        #expect(findings(text) == ["1:1: error: the configuration is longer than 8 MiB"])
    }

    @Test func `what is read by inheritance is counted each time`() throws {
        let report = Report()
        var parser = GrammarParser(report: report) { _, _ in .success([]) }
        let text = "t { a = 1\nb = 2\nc = 3\n}\nx : t { }\ny : t { }\nz : t { }"
        try parser.read(IncludedFile(name: "t", text: text), into: SettingsTree.root)
        let inheritance = Inheritance(tree: parser.tree, report: report, parts: 8)
        let counts = ["x", "y", "z"].map { name in
            inheritance.section(name, in: inheritance.root).map { inheritance.settings(in: $0).count }
        }
        #expect(counts == [3, 3, 0])
        #expect(report.diagnostics().map(\.message) == ["sections inherit more than can be read"])
    }

    @Test func `sections that inherit from many are bounded`() {
        let wide = (0..<300).map { "s\($0) { }" }.joined(separator: "\n")
        let names = (0..<300).map { "s\($0)" }.joined(separator: ", ")
        #expect(
            parse("connections { c : \(names) { } }\n\(wide)").diagnostics.contains {
                $0.message == "'c' inherits from too many sections"
            })
    }

    @Test func `references that double at each step cost nothing`() {
        let steps = (0..<30).map { "s\($0) : s\($0 + 1), s\($0 + 1) { }\n" }.joined()
        #expect(parse("connections { c : s0 { } }\n\(steps)s30 { mobike = no\n}").errorCount > 0)
    }
}
