internal import ArgumentParser
internal import ControlCodec
internal import ControlProtocol
internal import Testing

@testable internal import CulvertCLI

/// What each command makes of the daemon's reply: output, complaint and exit status.
struct ReplyOutcomeTests {
    @Test func `status is 1 while a peer or a child is not up, and 0 when all are`() throws {
        let command = try parse(StatusCommand.self, ["status"])
        #expect(command.outcome(reply: try line("site.json"), .plain).status == .bad)
        var report = try site()
        report.peers.removeLast(2)
        report.totals = TotalsReport(report.peers)
        let reply = Array(ControlCodec.line(ControlReply.success(report)).dropLast())
        #expect(command.outcome(reply: reply, .plain).status == .good)
    }

    @Test(arguments: [["--json", "status"], ["status", "--json"]])
    func `JSON is the daemon's own line, with the same exit status`(arguments: [String]) throws {
        let command = try parse(StatusCommand.self, arguments)
        let reply = try line("site.json")
        let outcome = command.outcome(reply: reply, Palette(isColored: true))
        #expect(outcome.output == String(decoding: reply, as: UTF8.self) + "\n")
        #expect(outcome.status == .bad)
    }

    @Test func `a refusal is a complaint and the exit status 1`() throws {
        let command = try parse(SAShowCommand.self, ["sa", "show", "hp"])
        let refusal = ControlError(.notFound, "there is no connection 'hp'")
        let reply = Array(ControlCodec.line(ControlReply<SAReport>.failure(refusal)).dropLast())
        #expect(
            command.outcome(reply: reply, .plain)
                == Outcome(complaint: "there is no connection 'hp'", status: .bad))
        let json = try parse(SAShowCommand.self, ["sa", "show", "hp", "--json"]).outcome(reply: reply, .plain)
        #expect(json.output == String(decoding: reply, as: UTF8.self) + "\n")
        #expect(json.status == .bad)
    }

    @Test func `a refused status tells nothing about the peers`() throws {
        let command = try parse(StatusCommand.self, ["status"])
        let reply = Array(#"{"schema":1,"error":{"code":"failed","message":"no memory"}}"#.utf8)
        #expect(
            command.outcome(reply: reply, .plain) == Outcome(complaint: "no memory", status: .unreachable))
    }

    @Test func `a reply that is not understood is as bad as none`() throws {
        let command = try parse(ReloadCommand.self, ["reload", "--socket", "/run/c.sock"])
        let outcome = command.outcome(reply: Array("hello".utf8), .plain)
        #expect(outcome.status == .unreachable)
        #expect(
            outcome.complaint
                == "culvertd at /run/c.sock: the reply is not understood: it is not valid JSON")
    }

    @Test func `what is ended is named`() throws {
        let report = TerminateReport(terminated: [
            SAReference(name: "hq", id: 7),
            SAReference(name: "hq", id: 8, child: "net", inboundSPI: "c2a81f07"),
        ])
        let command = try parse(TerminateCommand.self, ["terminate", "hq"])
        #expect(
            command.outcome(report, .plain).output == """
                hq#7: IKE_SA is being deleted
                hq#8: CHILD_SA net (SPI in c2a81f07) is being deleted

                """)
    }

    @Test func `what is being rekeyed is named`() throws {
        let command = try parse(RekeyCommand.self, ["rekey", "hq#7", "--child", "net"])
        #expect(command.request == .rekey(SAName(connection: "hq", id: 7), child: "net"))
        let report = RekeyReport(rekeying: [
            SAReference(name: "hq", id: 7),
            SAReference(name: "hq", id: 8, child: "net", inboundSPI: "c2a81f07"),
        ])
        #expect(
            command.outcome(report, .plain).output == """
                hq#7: IKE_SA is being rekeyed
                hq#8: CHILD_SA net (SPI in c2a81f07) is being rekeyed

                """)
    }

    @Test func `what is being begun is named, and so is an attempt that is ended`() throws {
        let begin = try parse(InitiateCommand.self, ["initiate", "hq", "--child", "net"])
        #expect(begin.request == .initiate(connection: "hq", child: "net"))
        #expect(
            begin.outcome(InitiateReport(initiating: "hq"), .plain).output
                == "hq is being begun; culvert status says what becomes of it\n")
        let end = try parse(TerminateCommand.self, ["terminate", "hq"])
        #expect(
            end.outcome(TerminateReport(terminated: []), .plain).output
                == "hq: what was being begun is ended\n")
    }

    @Test func `a reload says what it changed`() throws {
        let config = ConfigReport(
            path: "/etc/c.conf", loadedAt: Timestamp(secondsSince1970: 0), changedOnDisk: false)
        var report = ReloadReport(
            config: config, connections: 5, added: ["a", "b"], changed: [], removed: ["c"], warnings: [])
        let command = try parse(ReloadCommand.self, ["reload"])
        #expect(
            command.outcome(report, .plain).output
                == "/etc/c.conf loaded: 5 connections, added a, b; removed c\n")
        report.added = []
        report.removed = []
        report.connections = 1
        #expect(
            command.outcome(report, .plain).output == "/etc/c.conf loaded: 1 connection, nothing changed\n")
    }

    @Test func `a refused configuration is shown as culvert check would show it`() throws {
        let diagnostic = DiagnosticReport(
            severity: "error", file: "/etc/c.conf", line: 14, column: 5, length: 9,
            message: "unknown key 'dpd_dealy'", sourceLine: "    dpd_dealy = 30s")
        let refusal = ControlError(
            .badConfiguration, "/etc/c.conf has 1 error; the configuration in force stays",
            diagnostics: [diagnostic])
        let reply = Array(ControlCodec.line(ControlReply<ReloadReport>.failure(refusal)).dropLast())
        let outcome = try parse(ReloadCommand.self, ["reload"]).outcome(reply: reply, .plain)
        #expect(outcome.status == .bad)
        #expect(outcome.complaint == refusal.message)
        #expect(
            outcome.output == """
                /etc/c.conf:14:5: error: unknown key 'dpd_dealy'
                   14 |     dpd_dealy = 30s
                      |     ^~~~~~~~~

                """)
    }

    @Test func `a diagnostic with impossible numbers is shown, not obeyed`() {
        let diagnostic = DiagnosticReport(
            severity: "?", file: "f", line: .min, column: .min, length: .min, message: "m", sourceLine: "x")
        #expect(
            DiagnosticsScreen(diagnostics: [diagnostic]).text == "f:1:1: error: m\n    1 | x\n      | ^\n")
    }

    @Test func `commands ask what they are named for`() throws {
        #expect(try parse(StatusCommand.self, ["status"]).request == .status)
        #expect(try parse(SAListCommand.self, ["sa", "list"]).request == .listSAs)
        #expect(
            try parse(SAShowCommand.self, ["sa", "show", "hq#3"]).request
                == .showSA(SAName(connection: "hq", id: 3)))
        #expect(
            try parse(TerminateCommand.self, ["terminate", "hq", "--child", "net"]).request
                == .terminate(SAName(connection: "hq"), child: "net"))
        #expect(try parse(ReloadCommand.self, ["reload"]).request == .reload)
        #expect(try parse(VersionCommand.self, ["version"]).request == .version)
    }

    @Test(arguments: [
        ["--socket", "/a", "sa", "list"], ["sa", "--socket", "/a", "list"], ["sa", "list", "--socket", "/a"],
    ])
    func `the socket is named before or after the command`(arguments: [String]) throws {
        #expect(try parse(SAListCommand.self, arguments).options.socket == "/a")
    }

    private func parse<Command>(_ type: Command.Type, _ arguments: [String]) throws -> Command {
        try #require(try CulvertCommand.parseAsRoot(arguments) as? Command)
    }
}
