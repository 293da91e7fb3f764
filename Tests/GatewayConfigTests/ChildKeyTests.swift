internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `connections.<conn>.children.<child>` key by key.
struct ChildKeyTests {
    @Test func `a child without keys has swanctl's defaults`() throws {
        let child = try child("")
        #expect(child.name == "net")
        #expect(child.proposals == DefaultProposals.esp)
        #expect(child.localSelectors == [.dynamic(ipProtocol: 0, ports: .any)])
        #expect(child.remoteSelectors == [.dynamic(ipProtocol: 0, ports: .any)])
        #expect(child.mode == .tunnel)
        #expect(
            child.lifetime == Lifetime(rekey: .seconds(3_600), hard: .seconds(3_960), jitter: .seconds(360)))
        #expect(child.bytes == .none)
        #expect(child.packets == .none)
        #expect(child.replayWindow == 1_024)
        #expect(child.reqid == nil)
    }

    @Test func `a child starts by itself, and then its peer must have an address to call`() throws {
        let networks = "local_ts = 10.1.0.0/24\nremote_ts = 10.2.0.0/24\n"
        let good = site("remote_addrs = 192.0.2.1, gw.example.org", child: networks + "start_action = start")
        #expect(findings(good).isEmpty)
        #expect(try configuration(good).connections[0].children[0].startAction == .start)
        let nowhere = findings(site(child: networks + "start_action = start"))
        #expect(nowhere.count == 1)
        #expect(nowhere[0].contains("remote_addrs names no address or name to call"))
    }

    @Test(
        arguments: [
            ("start_action = trap", ChildAction.trap, nil, nil),
            ("start_action = trap|start", .start, nil, nil), ("start_action = start|trap", .start, nil, nil),
            ("close_action = none", .none, ChildAction.none, nil), ("close_action = trap", .none, .trap, nil),
            ("close_action = start", .none, .start, nil),
            ("dpd_action = clear", .none, nil, ChildAction.none),
            ("dpd_action = none", .none, nil, ChildAction.none), ("dpd_action = trap", .none, nil, .trap),
            ("dpd_action = restart", .none, nil, .start), ("dpd_action = start", .none, nil, .start),
        ] as [(String, ChildAction, ChildAction?, ChildAction?)])
    func `what is done without a request of the peer is as swanctl says it`(
        line: String, start: ChildAction, close: ChildAction?, liveness: ChildAction?
    ) throws {
        let text = site(
            "remote_addrs = 192.0.2.1", child: "local_ts = 10.1.0.0/24\nremote_ts = 10.2.0.0/24\n" + line)
        #expect(findings(text).isEmpty)
        let child = try configuration(text).connections[0].children[0]
        #expect(child.startAction == start && child.closeAction == close && child.livenessAction == liveness)
    }

    @Test(arguments: ["start_action = trap", "close_action = start", "dpd_action = trap"])
    func `whatever calls the peer needs an address to call`(_ line: String) {
        let found = findings(site(child: "local_ts = 10.1.0.0/24\nremote_ts = 10.2.0.0/24\n" + line))
        #expect(found.count == 1)
        #expect(found.first?.contains("a child has \(line), but remote_addrs names no address") == true)
    }

    @Test(arguments: ["start_action = trap", "close_action = trap", "dpd_action = trap"])
    func `a trap must know its packets`(_ line: String) {
        let found = findings(site("remote_addrs = 192.0.2.1", child: "remote_ts = 10.2.0.0/24\n" + line))
        #expect(found.count == 1)
        #expect(found.first?.contains("error") == true)
        #expect(found.first?.contains("name the addresses of local_ts") == true)
    }

    @Test(arguments: [
        ("start_action = start", 16), ("close_action = start", 16), ("dpd_action = restart", 14),
    ])
    func `a child that starts without its addresses leaks until it stands, and that is said`(
        _ line: String, _ column: Int
    ) {
        let found = findings(site("remote_addrs = 192.0.2.1", child: "local_ts = 10.1.0.0/24\n" + line))
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("5:\(column): warning") == true)
        #expect(found.first?.contains("packets of this child leave in clear: remote_ts") == true)
    }

    @Test(arguments: [
        "mode = tunnel", "start_action = none", "close_action = none", "dpd_action = clear",
        "policies = yes", "policies_fwd_out = no", "ipcomp = no", "inactivity = 0", "reqid = 0",
        "priority = 0",
        "mark_in = 0", "mark_out = 0/0x00000000", "if_id_in = 0", "tfc_padding = 0", "hw_offload = no",
        "hw_offload = auto", "copy_df = yes", "copy_ecn = yes", "copy_dscp = out", "sha256_96 = no",
        "ah_proposals =", "hostaccess = no", "label_mode = system", "rand_bytes = 0",
    ])
    func `a key that says what we do anyway is taken without a word`(_ line: String) {
        #expect(findings(site(child: line)).isEmpty)
    }

    @Test(arguments: [
        (
            "start_action = stop", "4:16: error",
            "'stop' is none of none, trap, start, trap|start, start|trap"
        ),
        (
            "close_action = clear", "4:16: error",
            "'clear' is none of none, trap, start, trap|start, start|trap"
        ),
        (
            "dpd_action = hold", "4:14: error",
            "'hold' is none of none, trap, start, trap|start, start|trap, clear, restart"
        ),
        ("mode = transport", "4:1: error", "'mode' takes only tunnel; other modes are not implemented yet"),
        (
            "ah_proposals = sha256", "4:1: error",
            "'ah_proposals' is not implemented: AH does not pass a NAT; use esp_proposals"
        ),
        (
            "sha256_96 = yes", "4:1: error",
            "'sha256_96' is not implemented; the peer must truncate to 128 bits (RFC 4868)"
        ),
        ("updown = /bin/x", "4:1: error", "'updown' is not implemented: Culvert runs no scripts"),
        ("policies = no", "4:1: error", "'policies' is not implemented yet; policies are always installed"),
        ("ipcomp = yes", "4:1: warning", "'ipcomp' is not implemented; packets are not compressed"),
        ("inactivity = 5m", "4:1: error", "'inactivity' is not implemented yet"),
        (
            "mark_in = %unique", "4:1: error",
            "'mark_in' is about Netfilter marks, which are not implemented yet"
        ),
        (
            "mark_out = 0/0xff", "4:1: error",
            "'mark_out' is about Netfilter marks, which are not implemented yet"
        ),
        (
            "if_id_out = %unique", "4:1: error",
            "'if_id_out' is about XFRM interfaces, which are not implemented yet"
        ),
        ("hw_offload = yes", "4:1: error", "'hw_offload' is not implemented yet"),
        ("copy_df = no", "4:1: error", "'copy_df' is not implemented yet; the DF bit is always copied"),
        ("tfc_padding = mtu", "4:1: error", "'tfc_padding' is not implemented"),
        (
            "rekey_packets = 1000\nrand_packets = 1000", "5:16: error",
            "rand_packets is not less than rekey_packets: rekeying could begin at once"
        ),
        (
            "rekey_bytes = 10k\nrand_bytes = 1m", "5:14: error",
            "rand_bytes is not less than rekey_bytes: rekeying could begin at once"
        ),
        ("replay_window = 4097", "4:17: error", "'4097' is out of range: 0 to 4096"),
        ("reqid = 4294967296", "4:9: error", "'4294967296' is out of range: 0 to 4294967295"),
        ("life_bytes = 1t", "4:14: error", "'1t' is not a number of bytes such as 500m or 10g"),
        (
            "rekey_time = 1h\nlife_time = 1h", "5:13: warning",
            "life_time 1h is not longer than rekey_time 1h: the CHILD_SA ends before it is rekeyed"
        ),
        (
            "rekey_time = 1h\nrand_time = 2h", "5:13: error",
            "rand_time 2h is not shorter than rekey_time 1h: rekeying could begin at once"
        ),
        (
            "rekey_bytes = 2g\nlife_bytes = 1g", "5:14: warning",
            "life_bytes is not more than rekey_bytes: the CHILD_SA ends before it is rekeyed"
        ),
    ])
    func `what cannot be done is said at its place`(_ line: String, _ place: String, _ text: String) {
        #expect(findings(site(child: line)) == ["\(place): child 'net' of 'hq': \(text)"])
    }

    @Test(arguments: [
        ("rekey_time = 20m", 1_200, 1_320, 120), ("life_time = 1h", 3_240, 3_600, 360),
        ("rekey_time = 50m\nlife_time = 1h", 3_000, 3_600, 600), ("rand_time = 60", 3_600, 3_960, 60),
        ("rekey_time = 1h\nlife_time = 8h", 3_600, 28_800, 1_800), ("rand_time = 0", 3_600, 3_960, 0),
    ])
    func `a CHILD_SA's times follow from one another`(
        _ lines: String, _ rekey: Int, _ hard: Int, _ jitter: Int
    ) throws {
        let lifetime = try child(lines).lifetime
        #expect(lifetime == Lifetime(rekey: .seconds(rekey), hard: .seconds(hard), jitter: .seconds(jitter)))
    }

    @Test func `a CHILD_SA need not be rekeyed by time`() throws {
        #expect(try child("rekey_time = 0").lifetime == Lifetime(rekey: nil, hard: nil, jitter: .zero))
        let limited = try child("rekey_time = 0\nlife_time = 2h").lifetime
        #expect(limited == Lifetime(rekey: nil, hard: .seconds(7_200), jitter: .zero))
    }

    @Test(arguments: [
        (
            "rekey_bytes = 10g",
            VolumeLimit(rekey: 10_737_418_240, hard: 11_811_160_064, jitter: 1_073_741_824)
        ),
        ("life_bytes = 1000", VolumeLimit(rekey: 900, hard: 1_000, jitter: 100)),
        ("rekey_bytes = 1k\nlife_bytes = 2k", VolumeLimit(rekey: 1_024, hard: 2_048, jitter: 512)),
        (
            "rekey_bytes = 1k\nlife_bytes = 2k\nrand_bytes = 1000",
            VolumeLimit(rekey: 1_024, hard: 2_048, jitter: 1_000)
        ),
        ("rekey_bytes = 10k\nrand_bytes = 0", VolumeLimit(rekey: 10_240, hard: 11_264, jitter: 0)),
        ("rekey_bytes = 0\nlife_bytes = 2k", VolumeLimit(rekey: nil, hard: 2_048)),
        ("rekey_bytes = 18446744073709551615", VolumeLimit(rekey: .max, hard: .max)),
    ])
    func `volumes follow from one another`(_ lines: String, _ limit: VolumeLimit) throws {
        #expect(try child(lines).bytes == limit)
    }

    @Test func `packets are counted likewise`() throws {
        #expect(
            try child("rekey_packets = 1000000").packets
                == VolumeLimit(rekey: 1_000_000, hard: 1_100_000, jitter: 100_000))
        #expect(
            try child("life_packets = 1000000\nrand_packets = 7").packets
                == VolumeLimit(rekey: 900_000, hard: 1_000_000, jitter: 7))
    }

    @Test func `replay_window and reqid reach the child`() throws {
        let child = try child("replay_window = 0\nreqid = 0x10")
        #expect(child.replayWindow == 0)
        #expect(child.reqid == 16)
    }
}
