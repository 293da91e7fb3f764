internal import ControlProtocol
internal import Testing

@testable internal import CulvertCLI

/// The screens against pages that were written by hand after the mock-ups.
struct ScreenTests {
    @Test func `the status of a site is one screen`() throws {
        let screen = StatusScreen(report: try site(), palette: .plain).text
        #expect(screen == (try vector("site-status.txt")))
    }

    @Test func `the list of SAs has a line for each CHILD_SA`() throws {
        let screen = SAListScreen(report: SAReport(try site()), palette: .plain).text
        #expect(screen == (try vector("site-sa-list.txt")))
    }

    @Test(arguments: ["hq", "aws-eu-1a", "branch-7", "warehouse"])
    func `all of a peer is shown`(name: String) throws {
        let screen = SADetailScreen(report: SAReport(try site(), only: name), palette: .plain).text
        #expect(screen == (try vector("site-sa-show-\(name).txt")))
    }

    @Test func `two IKE_SAs of one connection are told apart by their IDs, and both are shown`() throws {
        var report = try site()
        report.peers[1].name = "hq"
        let sas = SAReport(report, only: "hq")
        let detail = SADetailScreen(report: sas, palette: .plain).text
        #expect(detail.contains("hq#7: ESTABLISHED  IKEv2 #7"))
        #expect(detail.contains("\n\nhq#8: ESTABLISHED  IKEv2 #8"))
        let list = SAListScreen(report: sas, palette: .plain).text
        #expect(list.contains("hq#7  net "))
        #expect(list.contains("hq#8  net "))
        let status = StatusScreen(report: report, palette: .plain).text
        #expect(status.contains("\nhq#8       established"))
    }

    @Test func `a data plane with a long name has a line of its own`() throws {
        var report = try site()
        report.dataPlane.name =
            "userspace-esp (culvert0, intel-ipsec-mb 1.3.0 (vaes_avx512), else OpenSSL 3.0.19)"
        report.dataPlane.reason = "the kernel has no ESP"
        let lines = StatusScreen(report: report, palette: .plain).text.split(separator: "\n")
        #expect(lines[1].hasPrefix("listen  ") && lines[1].hasSuffix("(udp)"))
        #expect(
            lines[2]
                == "        data plane userspace-esp (culvert0, intel-ipsec-mb 1.3.0 (vaes_avx512), "
                + "else OpenSSL 3.0.19), the kernel has no ESP")
    }

    @Test func `a changed file says which command reads it`() throws {
        var report = try site()
        report.config.changedOnDisk = true
        let screen = StatusScreen(report: report, palette: .plain).text
        #expect(screen.contains("CHANGED ON DISK since; run: culvert reload)\n"))
    }

    @Test func `thrown away packets and strangers are shown when there are some`() throws {
        var report = try site()
        report.dropped = ["malformed": 7, "unknown SPI": 12_000, "no cookie": 0, "bad ICV": 7]
        report.halfOpen = 1
        var failure = FailureReport(
            at: report.reportedAt.advanced(bySeconds: -90), stage: "IKE_AUTH",
            reason: "no connection expects ID_FQDN stranger.example")
        failure.remote = "198.51.100.9:4500"
        report.unmatchedFailures = [failure]
        let screen = StatusScreen(report: report, palette: .plain).text
        #expect(screen.contains("\ndropped unknown SPI 12 000, bad ICV 7, malformed 7\n"))
        #expect(screen.contains("\nhalf-open 1 IKE_SA: peers about to authenticate, or just refused\n"))
        #expect(
            screen.contains(
                "  unknown peer 198.51.100.9:4500: no connection expects ID_FQDN stranger.example "
                    + "(IKE_AUTH, 1m 30s ago)\n"))
    }

    @Test func `a child that the peer never asked for is missed`() throws {
        var report = try site()
        report.peers[0].children.removeLast()
        let status = StatusScreen(report: report, palette: .plain).text
        #expect(status.contains("  1/2  "))
        #expect(
            status.contains("  hq: child voice is not up, the peer has not asked for it. Run: culvert sa"))
        let detail = SADetailScreen(report: SAReport(report, only: "hq"), palette: .plain).text
        #expect(detail.hasSuffix("\n\n  child voice   NOT UP   the peer has not asked for it\n"))
    }

    @Test func `an old failure of a peer that is up is still told by sa show only`() throws {
        var report = try site()
        report.peers[0].lastFailure = report.peers[4].lastFailure
        let detail = SADetailScreen(report: SAReport(report, only: "hq"), palette: .plain).text
        #expect(
            detail.contains("\n  failed  45 s ago in IKE_SA_INIT with 192.0.2.80:500: NO_PROPOSAL_CHOSEN"))
        #expect(!StatusScreen(report: report, palette: .plain).text.contains("  hq: "))
    }

    @Test func `an IKE_SA without children is listed`() throws {
        var report = try site()
        report.peers[0].children = []
        let screen = SAListScreen(report: SAReport(report, only: "hq"), palette: .plain).text
        #expect(screen.split(separator: "\n").last == "hq    -      no child")
    }

    @Test func `no SAs at all send the reader on`() throws {
        let report = SAReport(try site(), only: "warehouse")
        #expect(SAListScreen(report: report, palette: .plain).text == "no SAs. Run: culvert status\n")
    }

    @Test func `an empty configuration is told from one whose peers are down`() throws {
        var report = try site()
        report.peers = []
        report.totals = TotalsReport([])
        let screen = StatusScreen(report: report, palette: .plain).text
        let end =
            "\n\nno connections are configured in /etc/culvert/culvert.conf\n0 peers    0 of 0 children up\n"
        #expect(screen.hasSuffix(end))
    }

    @Test(
        arguments: [
            (PeerState.waiting, nil, "it must begin"), (.waiting, "trap", "waits for a packet"),
            (.waiting, "start", "is being called"), (.down, nil, "it must begin anew"),
            (.down, "trap", "the next packet brings it up again"),
            (.down, "start", "culvert initiate branch-7 begins it again"),
        ] as [(PeerState, String?, String)])
    func `why a peer is not up depends on who is to begin`(
        state: PeerState, action: String?, sentence: String
    ) throws {
        var report = try site()
        let index = try #require(report.peers.firstIndex { $0.name == "branch-7" })
        report.peers[index].state = state
        report.peers[index].configured?.startAction = action
        #expect(StatusScreen(report: report, palette: .plain).text.contains(sentence))
        let detail = SADetailScreen(report: SAReport(report, only: "branch-7"), palette: .plain).text
        #expect(detail.contains(sentence))
        #expect(detail.contains("let the peer begin") == (action == nil))
    }

    @Test func `a state that a newer daemon reports is shown as it is`() throws {
        var report = try site()
        report.peers[0].state = PeerState(rawValue: "relayed")
        report.totals = TotalsReport(report.peers)
        let screen = StatusScreen(report: report, palette: .plain).text
        #expect(screen.contains("\nhq         RELAYED "))
        #expect(
            screen.contains("  hq: 'relayed' is a state that this culvert does not know. Run: "))
        #expect(screen.contains("5 peers: 2 up, 1 waiting, 1 failed, 1 relayed    2 of 6 children up\n"))
    }

    @Test func `a silent peer's unanswered questions are counted`() throws {
        var report = try site()
        report.peers[0].liveness?.unanswered = 2
        let detail = SADetailScreen(report: SAReport(report, only: "hq"), palette: .plain).text
        #expect(detail.contains("last packet 1 s ago, 2 questions unanswered     mobike no"))
    }

    @Test func `an older daemon does not tell of MOBIKE, and nothing is made up`() throws {
        var report = try site()
        report.peers[0].ike?.mobike = nil
        let detail = SADetailScreen(report: SAReport(report, only: "hq"), palette: .plain).text
        #expect(detail.contains("last packet 1 s ago     fragmentation yes (1280)"))
        #expect(!detail.contains("mobike"))
    }

    @Test func `a terminal sees the same words in colours`() throws {
        let report = try site()
        let colored = StatusScreen(report: report, palette: Palette(isColored: true)).text
        #expect(colored.contains("\u{1b}[31mFAILED\u{1b}[0m"))
        #expect(colored.contains("\u{1b}[32mestablished\u{1b}[0m"))
        let plain = colored.replacing(/\u{1b}\[[0-9]+m/, with: "")
        #expect(plain == StatusScreen(report: report, palette: .plain).text)
    }
}
