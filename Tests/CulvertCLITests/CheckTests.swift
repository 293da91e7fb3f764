internal import Foundation
internal import Testing

/// `culvert check`, which needs no daemon.
struct CheckTests {
    @Test func `a file with an error is shown with place, line and mark, and ends with 1`() throws {
        let file = try File("connections {\n    hq {\n        dpd_dealy = 30s\n    }\n}\n")
        let run = try Run(["check", file.path])
        #expect(run.status == 1)
        #expect(run.complaint == "")
        #expect(run.output.contains("\(file.path):3:9: error: "))
        #expect(run.output.contains("dpd_delay"))
        #expect(run.output.contains("\n    3 |         dpd_dealy = 30s\n      |         ^~~~~~~~~\n"))
        #expect(run.output.contains("error"))
    }

    @Test func `warnings alone end with 0`() throws {
        let file = try File("connections { }\n")
        let run = try Run(["check", file.path])
        #expect(run.status == 0)
        #expect(run.output.hasSuffix("\n1 warning\n"))
    }

    @Test func `JSON has the place of each diagnostic`() throws {
        let file = try File("connections {\n    hq {\n        dpd_dealy = 30s\n    }\n}\n")
        let run = try Run(["--json", "check", file.path])
        #expect(run.status == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(object["schema"] as? Int == 1)
        #expect(object["file"] as? String == file.path)
        #expect((object["errors"] as? Int ?? 0) >= 1)
        let diagnostics = try #require(object["diagnostics"] as? [[String: Any]])
        let unknown = try #require(diagnostics.first { $0["line"] as? Int == 3 })
        #expect(unknown["severity"] as? String == "error")
        #expect(unknown["column"] as? Int == 9)
        #expect(unknown["length"] as? Int == 9)
        #expect(unknown["source_line"] as? String == "        dpd_dealy = 30s")
    }

    @Test func `a file that cannot be read is one sentence`() throws {
        let run = try Run(["check", "/nonexistent/culvert.conf"])
        #expect(
            run == Run(1, "", "culvert: cannot read /nonexistent/culvert.conf: No such file or directory\n"))
    }
}

/// A file that goes with its owner.
private final class File {
    let path = FileManager.default.temporaryDirectory.path + "/culvert-\(UUID().uuidString).conf"

    init(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self.path))
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
