internal import ControlCodec
internal import ControlProtocol
internal import Foundation
internal import Testing

/// The replies' JSON is a contract with scripts: names and types of all fields.
struct ReplyTests {
    @Test func `a status report has the fields of the contract and no others`() throws {
        let line = ControlCodec.line(ControlReply.success(Samples.status))
        #expect(try object(line) == object(Array(try vector("status.json").utf8)))
    }

    @Test func `a status report is read from the contract's JSON`() throws {
        let line = Array(try vector("status.json").utf8)
        #expect(try ControlCodec.reply(StatusReport.self, line) == .success(Samples.status))
    }

    @Test func `a list of SAs has the fields of the contract`() throws {
        try self.check(SAReport(reportedAt: Samples.now, peers: []), "sa")
    }

    @Test func `an answer to terminate has the fields of the contract`() throws {
        let report = TerminateReport(terminated: [
            SAReference(name: "hq", id: 7),
            SAReference(name: "hq", id: 8, child: "net", inboundSPI: "c2a81f07"),
        ])
        try self.check(report, "terminate")
    }

    @Test func `an answer to reload has the fields of the contract`() throws {
        let warning = DiagnosticReport(
            severity: "warning", file: "/etc/culvert/culvert.conf", line: 55, column: 9, length: 6,
            message: "psk of 'branch-7' is 9 characters", sourceLine: "        secret = ...")
        let report = ReloadReport(
            config: Samples.config, connections: 5, added: ["branch-8"], changed: [], removed: ["branch-7"],
            warnings: [warning])
        try self.check(report, "reload")
    }

    @Test func `an answer to version has the fields of the contract`() throws {
        try self.check(VersionReport(version: "1.0.0"), "version")
    }

    @Test func `the outcome of check has the fields of the contract`() throws {
        let error = DiagnosticReport(
            severity: "error", file: "culvert.conf", line: 14, column: 5, length: 9,
            message: "unknown key 'dpd_dealy'", sourceLine: "    dpd_dealy = 30s")
        try self.check(
            CheckReport(file: "culvert.conf", errors: 1, warnings: 0, diagnostics: [error]), "check")
    }

    @Test func `a refusal has the fields of the contract`() throws {
        let refusal = ControlError(.notFound, "there is no connection 'hp'")
        let golden = try self.answer("error")
        let reply = ControlReply<VersionReport>.failure(refusal)
        #expect(try object(ControlCodec.line(reply)) == golden)
        let line = try JSONSerialization.data(withJSONObject: golden)
        #expect(try ControlCodec.reply(VersionReport.self, Array(line)) == reply)
    }

    @Test func `fields that a newer daemon adds are ignored`() throws {
        let line = Array(#"{"schema":1,"version":"2.0.0","colour":{"of":["the","sky"]}}"#.utf8)
        #expect(try ControlCodec.reply(VersionReport.self, line) == .success(VersionReport(version: "2.0.0")))
    }

    @Test func `a state that a newer daemon adds is kept`() throws {
        let line = Array(#"{"name":"hq","state":"relayed","children":[]}"#.utf8)
        let peer = try JSONDecoder().decode(PeerReport.self, from: Data(line))
        #expect(peer.state.rawValue == "relayed")
    }

    @Test func `a reply of another schema is refused by its number`() throws {
        let error = #expect(throws: ControlError.self) {
            try ControlCodec.reply(VersionReport.self, Array(#"{"schema":2,"edition":"x"}"#.utf8))
        }
        #expect(error?.code == .unsupportedSchema)
        #expect(error?.message.contains("schema 2") == true)
    }

    @Test(arguments: [
        (#"{"schema":1}"#, "the field 'version' is missing"),
        (#"{"schema":1,"version":5}"#, "the field 'version' has the wrong type"),
        (#"{"schema":1,"version":"1""#, "not valid JSON"),
        (#"[1]"#, "no JSON object"),
        ("", "not valid JSON"),
    ])
    func `a line that is no reply says what is wrong with it`(line: String, reason: String) {
        let error = #expect(throws: ControlError.self) {
            try ControlCodec.reply(VersionReport.self, Array(line.utf8))
        }
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func `equal values give equal bytes, in one line`() throws {
        let line = ControlCodec.line(ControlReply.success(Samples.status))
        #expect(line == ControlCodec.line(ControlReply.success(Samples.status)))
        #expect(line.firstIndex(of: 0x0a) == line.count - 1)
    }

    private func check<Body: Codable & Equatable & Sendable>(_ body: Body, _ name: String) throws {
        let golden = try self.answer(name)
        #expect(try object(ControlCodec.line(ControlReply.success(body))) == golden)
        let line = try JSONSerialization.data(withJSONObject: golden)
        #expect(try ControlCodec.reply(Body.self, Array(line)) == .success(body))
    }

    private func answer(_ name: String) throws -> NSDictionary {
        let all = try object(Array(try vector("answers.json").utf8))
        return try #require(all[name] as? NSDictionary)
    }
}

/// JSON as a value that does not know in which order its fields came.
private func object(_ json: [UInt8]) throws -> NSDictionary {
    try #require(try JSONSerialization.jsonObject(with: Data(json)) as? NSDictionary)
}
