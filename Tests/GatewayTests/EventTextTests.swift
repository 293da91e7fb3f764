import IKECore
import IKEWire
import IPsecModel
import Logging
import Testing

@testable import Gateway

/// What the log says: one line for each event, whatever a peer calls itself.
@Suite struct EventTextTests {
    /// Identities that try to write lines of their own into the log, to colour it or to hide.
    static let hostile: [[UInt8]] = [
        Array("a.example.org\n2026-11-23T19:13:41Z notice IKE_SA established".utf8),
        Array("\u{1b}[2Ja.example.org\r".utf8), Array("a\u{0}b".utf8), Array("a\u{202e}gro.elpmaxe".utf8),
        Array("a\u{2028}b\u{85}c".utf8), [0xff, 0xfe, 0x00, 0x0a], [],
        [UInt8](repeating: 0x61, count: 60_000),
        [UInt8](repeating: 0x0a, count: 60_000),
    ]
    static let types: [IdentityType] = [
        .fqdn, .email, .keyID, .ipv4, .ipv6, .distinguishedName, IdentityType(rawValue: 201),
    ]

    /// One event of each kind, each with everything in it that a peer can choose.
    static func events(_ identity: Identity) -> [IKEEvent] {
        let mismatch = Mismatch(
            .identity, ours: ["site-a: remote id ID_FQDN a.example.org"], theirs: [identity.explanation],
            cure: "remote { id = \(identity) }")
        let endpoint = Endpoint(Values.peer, 500)
        let fault = KernelFault(operation: "NEWSA", object: "c0000001", errno: 17, text: "it exists")
        let successor = IKESALabel(connection: "site-a", uniqueID: 4)
        return [
            .ikeSAEstablished(Values.label, peer: identity, path: Values.path(), suite: Values.suite),
            .ikeSARekeyed(Values.label, successor: successor, suite: Values.suite),
            .ikeSAEnded(Values.label, .peerDead),
            .childSAInstalled(Values.label, child: "net", Values.child(), replacing: ESPSPI(0xc000_0009)),
            .childSAEnded(Values.label, child: "net", inboundSPI: ESPSPI(0xc000_0001), .expired),
            .pathChanged(Values.label, from: Values.path(), to: Values.path(remotePort: 40_000)),
            .mismatch(nil, peer: endpoint, exchange: .ikeAuth, .authenticationFailed, mismatch),
            .authenticationFailed(Values.label, peer: endpoint, identity: identity),
            .pfsDiffers(Values.label, child: "net", ours: [], theirs: .x25519),
            .pfsDiffers(Values.label, child: "net", ours: [.x25519], theirs: nil),
            .peerReported(Values.label, NotifyType(rawValue: 9_999)),
            .dataPlaneFailed(Values.label, fault), .cryptoFailed(nil, .invalidPublicValue(reason: "zero")),
            .retransmitted(Values.label, .informational, transmission: 2),
            .limitReached("an IKE_SA of \(identity) stands already", peer: endpoint),
            .defect(nil, "a test"),
        ]
    }

    @Test(arguments: hostile, types)
    func `every event is one line without control characters, whoever the peer says it is`(
        data: [UInt8], type: IdentityType
    ) {
        let log = RecordedLog()
        let events = Self.events(Identity(type: type, data: data))
        for event in events {
            log.log().log(event)
            // The log would spell control characters out; the texts have none in the first place.
            #expect(EventText.line(for: event).text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        }
        #expect(log.lines.count == events.count)
        for line in log.lines {
            #expect(line.hasSuffix("\n"))
            let text = line.dropLast()
            #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !$0.properties.isBidiControl })
            #expect(text.utf8.count <= LogLine.limit + 100)
        }
    }

    @Test(arguments: hostile, types)
    func `an identity's own text is printable ASCII of bounded length`(data: [UInt8], type: IdentityType) {
        let text = Identity(type: type, data: data).explanation
        #expect(text.unicodeScalars.allSatisfy { $0 == "…" || (0x20...0x7e).contains($0.value) })
        #expect(text.utf8.count < 700)
    }

    @Test func `an established IKE_SA's line names the peer, its endpoint, the algorithms and the NAT`() {
        let log = RecordedLog()
        log.log().log(Self.events(.fqdn("a.example.org"))[0])
        #expect(
            log.says(
                "notice   site-a[3] IKE_SA established with a.example.org at 198.51.100.10:31022 "
                    + "(aes128gcm16-prfsha256-x25519, the peer is behind a NAT)"))
    }

    @Test func `a path's line says whose end moved`() {
        let old = Values.path()
        let line = { (to: Path) in EventText.line(for: .pathChanged(Values.label, from: old, to: to)).text }
        #expect(
            line(Values.path(remotePort: 40_000)).hasSuffix(
                "peer moved from \(old.remote) to \(Endpoint(Values.peer, 40_000)) (seen in IKE)"))
        var ours = old
        ours.local.port = 4_501
        #expect(line(ours).hasSuffix("we moved from \(old.local) to \(ours.local)"))
        var both = ours
        both.remote.port = 40_000
        #expect(
            line(both).hasSuffix(
                "path moved from \(old.local) and \(old.remote) to \(both.local) and \(both.remote)"))
        var form = old
        form.usesUDPEncapsulation = false
        form.isRemoteBehindNAT = false
        #expect(line(form).hasSuffix("ESP travels bare from now on (no NAT)"))
    }

    @Test func `a mismatch's line has both offers and the cure`() {
        let mismatch = Mismatch(
            .ikeProposal, ours: ["aes256-sha256-modp2048"], theirs: ["aes128-sha1-modp1024"],
            cure: "proposals = aes128-sha1-modp1024")
        let line = EventText.line(
            for: .mismatch(
                nil, peer: Endpoint(Values.peer, 500), exchange: .ikeSAInit, .noProposalChosen, mismatch))
        #expect(line.level == .warning)
        #expect(
            line.text
                == "IKE_SA_INIT from 198.51.100.10:500 refused with NO_PROPOSAL_CHOSEN: no IKE proposal in "
                + "common; we have aes256-sha256-modp2048; the peer has aes128-sha1-modp1024; "
                + "cure: proposals = aes128-sha1-modp1024")
    }

    @Test(arguments: [
        (false, false, "no NAT"), (true, false, "we are behind a NAT"),
        (false, true, "the peer is behind a NAT"),
        (true, true, "both behind NATs"),
    ])
    func `the line says which side is behind a NAT`(local: Bool, remote: Bool, words: String) {
        let path = Values.path(localNAT: local, remoteNAT: remote)
        let line = EventText.line(
            for: .ikeSAEstablished(Values.label, peer: .fqdn("a"), path: path, suite: Values.suite))
        #expect(line.text.hasSuffix(", \(words))"))
    }

    @Test func `messages are named by their header at debug level, keepalives at trace level`() {
        let log = RecordedLog()
        let request: [UInt8] =
            [0, 0, 0, 0] + [UInt8](repeating: 1, count: 16) + [46, 0x20, 35, 0x08, 0, 0, 0, 1, 0, 0, 0, 28]
        log.log(.debug).message("from x", request, hasMarker: true)
        log.log(.debug).message("from x", [0xff], hasMarker: true)
        log.log(.info).message("from x", request, hasMarker: true)
        #expect(log.lines.count == 1)
        #expect(log.says("debug    IKE_AUTH request 1 from x, 32 bytes"))
        log.log(.trace).message("from x", [0xff], hasMarker: true)
        #expect(log.says("trace    NAT keepalive from x, 1 bytes"))
        log.log(.debug).message("from x", [1, 2, 3], hasMarker: false)
        #expect(log.says("no IKE message"))
    }
}

/// The last door before the log.
@Suite struct LogLineTests {
    @Test(arguments: [
        ("plain", "plain"), ("Grüße €", "Grüße €"), ("a\nb", "a\\u{a}b"), ("\u{1b}[0m", "\\u{1b}[0m"),
        ("a\u{7f}", "a\\u{7f}"), ("\u{9b}x", "\\u{9b}x"), ("\u{202e}x", "\\u{202e}x"), ("", ""),
    ])
    func `control and direction characters are spelled out`(text: String, line: String) {
        #expect(LogLine.clean(text) == line)
    }

    @Test func `a line has an end`() {
        let line = LogLine.clean(String(repeating: "x", count: 100_000))
        #expect(line.utf8.count < LogLine.limit + 40)
        #expect(line.hasSuffix("… (100000 bytes)"))
    }

    @Test func `under journald a line begins with its priority and has no time`() {
        let log = RecordedLog()
        let journal = log.log(isJournal: true)
        journal.error("e")
        journal.warning("w")
        journal.notice("n")
        journal.debug("d")
        #expect(log.lines == ["<3>e\n", "<4>w\n", "<5>n\n", "<7>d\n"])
    }

    @Test func `what is below the level is not written, nor made`() {
        let log = RecordedLog()
        let info = log.log(.info)
        info.debug(Self.unwanted())
        info.notice("wanted")
        #expect(log.lines.count == 1)
    }

    private static func unwanted() -> String {
        Issue.record("a debug text was made at level info")
        return ""
    }
}
