internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `connections.<conn>` key by key.
struct ConnectionKeyTests {
    @Test func `a connection without keys has swanctl's defaults`() throws {
        let connection = try connection()
        #expect(connection.name == "hq")
        #expect(connection.localAddresses == [.any])
        #expect(connection.remoteAddresses == [.any])
        #expect(connection.proposals == DefaultProposals.ike)
        #expect(!connection.forcesEncapsulation)
        #expect(connection.livenessDelay == nil)
        #expect(connection.uniqueness == .no)
        #expect(connection.fragmentation)
        #expect(connection.fragmentSize == 1_280)
        #expect(
            connection.lifetime
                == Lifetime(rekey: .seconds(14_400), hard: .seconds(15_840), jitter: .seconds(1_440)))
    }

    @Test(arguments: [
        "version = 0", "version = 2", "mobike = yes", "reauth_time = 0", "reauth_time = 0s",
        "aggressive = no",
        "pull = yes", "dscp = 000000", "childless = never", "send_cert = never", "send_certreq = no",
        "ppk_required = no", "if_id_in = 0", "if_id_out = 0x0", "mediation = false", "keyingtries = 1",
        "keyingtries = 0",
        "dpd_timeout = 0", "local_port = 500", "remote_port = 4500", "vips =", "fragmentation = yes",
    ])
    func `a key that says what we do anyway is taken without a word`(_ line: String) {
        #expect(findings(site(line)).isEmpty)
    }

    @Test(
        arguments: [
            ("reauth_time = 24h", nil, (86_400, 95_040, 8_640)),
            ("reauth_time = 24h\nrekey_time = 4h", (14_400, 23_040, 7_200), (86_400, 95_040, 8_640)),
            ("reauth_time = 1h\nover_time = 10m\nrand_time = 1m", nil, (3_600, 4_200, 60)),
            ("rekey_time = 1h\nreauth_time = 0", (3_600, 3_960, 360), nil),
        ] as [(String, (Int, Int, Int)?, (Int, Int, Int)?)])
    func `reauth_time has its own time and end, and leaves rekeying to rekey_time`(
        text: String, rekeying: (Int, Int, Int)?, reauthentication: (Int, Int, Int)?
    ) throws {
        let lifetime = { (times: (Int, Int, Int)?) in
            guard let times else { return Lifetime(rekey: nil, hard: nil, jitter: .zero) }
            return Lifetime(rekey: .seconds(times.0), hard: .seconds(times.1), jitter: .seconds(times.2))
        }
        let connection = try connection(text)
        #expect(connection.lifetime == lifetime(rekeying))
        #expect(connection.reauthentication == lifetime(reauthentication))
    }

    @Test(arguments: [
        ("version = 1", "2:11: error", "Culvert does not speak IKEv1; write version = 2"),
        ("version = 3", "2:11: error", "'3' is out of range: 0 to 2"),
        (
            "local_port = 501", "2:14: error",
            "local_port takes only 500 and 4500; other ports are not implemented yet"
        ),
        (
            "remote_port = 0", "2:15: error",
            "remote_port takes only 500 and 4500; other ports are not implemented yet"
        ),
        ("remote_port = 70000", "2:15: error", "'70000' is out of range: 0 to 65535"),
        ("mobike = maybe", "2:10: error", "'maybe' is neither yes nor no"),
        (
            "reauth_time = 3h\nrand_time = 3h", "3:13: error",
            "rand_time 3h is not shorter than reauth_time 3h: reauthentication could begin at once"
        ),
        ("aggressive = yes", "2:1: error", "'aggressive' is about IKEv1, which Culvert does not speak"),
        ("pull = no", "2:1: error", "'pull' is about IKEv1, which Culvert does not speak"),
        ("vips = 0.0.0.0", "2:1: error", "'vips' is about virtual addresses, which are not implemented yet"),
        ("pools = a", "2:1: error", "'pools' is about virtual addresses, which are not implemented yet"),
        ("dscp = 101110", "2:1: error", "'dscp' is not implemented yet; IKE packets carry no DSCP"),
        ("if_id_in = 42", "2:1: error", "'if_id_in' is about XFRM interfaces, which are not implemented yet"),
        ("ppk_id = x", "2:1: error", "'ppk_id' is not implemented yet (RFC 8784)"),
        ("mediated_by = x", "2:1: error", "'mediated_by' is about mediation, which is not implemented yet"),
        (
            "send_cert = always", "2:1: warning",
            "'send_cert' has no effect: certificates are not implemented yet"
        ),
        (
            "dpd_timeout = 150s", "2:15: warning",
            "dpd_timeout has no effect with IKEv2; the retransmit_… keys decide"
        ),
        (
            "keyingtries = 3", "2:15: warning",
            "keyingtries has no effect: what starts by itself is tried again until it stands"
        ),
        ("fragmentation = force", "2:17: warning", "force is for IKEv1; for IKEv2 it is the same as yes"),
        (
            "fragmentation = accept", "2:17: warning",
            "accept is not implemented yet; long messages are sent in fragments as with yes"
        ),
        ("fragmentation = on", "2:17: error", "'on' is none of yes, accept, force, no"),
        (
            "unique = replase", "2:10: error",
            "'replase' is none of never, no, replace, keep (did you mean 'replace'?)"
        ),
        ("encap = perhaps", "2:9: error", "'perhaps' is neither yes nor no"),
        ("dpd_delay = 30x", "2:13: error", "'30x' is not a time such as 30s, 15m, 4h or 1d"),
        (
            "rand_time = 4h", "2:13: error",
            "rand_time 4h is not shorter than rekey_time 4h: rekeying could begin at once"
        ),
        ("local_addrs = 10.1.2.300", "2:15: error", "'10.1.2.300' is no address, block, range or name"),
        ("local_addrs = 10.0.0.1/33", "2:15: error", "'10.0.0.1/33' is no address, block, range or name"),
        ("local_addrs = 10.0.0.9-10.0.0.1", "2:15: error", "'10.0.0.9-10.0.0.1' is an empty range"),
        (
            "remote_addrs = %any, fe80::1%eth0", "2:22: error",
            "'fe80::1%eth0' is no address, block, range or name"
        ),
        (
            "remote_addrs = 1.2.3.4,gw.example.org", "2:24: warning",
            "names are resolved only to call a peer, so 'gw.example.org' matches nobody; write its address, or %any"
        ),
        (
            "remote_addrs = 10.1.0.5/24", "2:16: warning",
            "'10.1.0.5/24' has host bits; it is taken as 10.1.0.0/24"
        ),
    ])
    func `what cannot be done is said at its place`(_ line: String, _ place: String, _ text: String) {
        #expect(findings(site(line)) == ["\(place): connection 'hq': \(text)"])
    }

    @Test(arguments: [
        ("%any", "%any"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::/32", "2001:db8::/32"),
        ("%any4", "0.0.0.0/0"),
        ("%any6", "::/0"), ("10.0.0.1/8", "10.0.0.0/8"),
    ])
    func `addresses are any, one, or a block`(_ text: String, _ description: String) throws {
        let connection = try connection("remote_addrs = \(text)\nlocal_addrs = \(text)")
        #expect(connection.remoteAddresses.map(\.description) == [description])
        #expect(connection.localAddresses.map(\.description) == [description])
    }

    @Test(arguments: ["gw-1.example.org", "gw.example.org.", "xn--bcher-kva.example", "a1"])
    func `anything that can be a name is one`(_ text: String) throws {
        #expect(try connection("remote_addrs = \(text)").remoteAddresses == [.name(text)])
    }

    @Test func `addresses may be a range or a list`() throws {
        let patterns = try connection("remote_addrs = 10.0.0.1-10.0.0.9 , ::1").remoteAddresses
        #expect(patterns.map(\.description) == ["10.0.0.1-10.0.0.9", "::1"])
    }

    @Test(arguments: [("yes", true), ("no", false), ("force", true), ("accept", true)])
    func `fragmentation is on or off`(_ text: String, _ isOn: Bool) throws {
        #expect(try connection("fragmentation = \(text)").fragmentation == isOn)
    }

    @Test(arguments: UniquenessPolicy.allCases)
    func `the uniqueness policies have swanctl's names`(_ policy: UniquenessPolicy) throws {
        #expect(try connection("unique = \(policy.rawValue)").uniqueness == policy)
    }

    @Test func `mobike is on unless it is switched off`() throws {
        #expect(try connection("encap = yes").mobike)
        #expect(try connection("mobike = yes").mobike)
        #expect(try !connection("mobike = no").mobike)
    }

    @Test func `verify_rekey is on unless it is switched off`() throws {
        #expect(try connection("encap = yes").verifiesRekeying)
        #expect(try !connection("verify_rekey = no").verifiesRekeying)
    }

    @Test func `encap and dpd_delay reach the connection`() throws {
        let connection = try connection("encap = yes\ndpd_delay = 30s")
        #expect(connection.forcesEncapsulation)
        #expect(connection.livenessDelay == .seconds(30))
    }

    @Test(arguments: [
        ("rekey_time = 1h", 3_600, 3_960, 360), ("rekey_time = 1h\nover_time = 10m", 3_600, 4_200, 600),
        ("rekey_time = 1h\nrand_time = 5m", 3_600, 3_960, 300), ("rekey_time = 24h", 86_400, 95_040, 8_640),
        ("rekey_time = 1h\nover_time = 8h", 3_600, 32_400, 1_800), ("over_time = 0", 14_400, 14_400, 0),
    ])
    func `the IKE_SA's times follow from one another`(
        _ lines: String, _ rekey: Int, _ hard: Int, _ jitter: Int
    ) throws {
        let lifetime = try connection(lines).lifetime
        #expect(lifetime == Lifetime(rekey: .seconds(rekey), hard: .seconds(hard), jitter: .seconds(jitter)))
    }

    @Test func `without rekey_time an IKE_SA lives for ever`() throws {
        #expect(try connection("rekey_time = 0").lifetime == Lifetime(rekey: nil, hard: nil, jitter: .zero))
        #expect(
            findings(site("rekey_time = 0\nover_time = 1h")) == [
                "3:13: warning: connection 'hq': over_time has no effect: rekey_time is 0"
            ])
    }

    @Test func `a connection without children carries nothing`() {
        let text = "connections { hq { local { auth = psk\n} remote { auth = psk\n} } }"
        let message = "1:15: warning: connection 'hq' has no children: nothing can pass through it"
        #expect(findings(text + " secrets { ike { secret = 12345678901234567890\n} }") == [message])
    }

    @Test func `names have a limit`() {
        let long = String(repeating: "n", count: 65)
        #expect(
            findings(site(child: "} \(long) {")) == ["4:3: error: the name of a child has more than 64 bytes"]
        )
        #expect(findings(site(child: "} \(long.dropLast()) {")) == [])
    }

    @Test func `a file without connections says so`() {
        #expect(findings("") == ["1:1: warning: there is no connections section: nobody can connect"])
        #expect(findings("connections { }") == ["1:1: warning: there are no connections: nobody can connect"])
        #expect(parse("").configuration?.connections.isEmpty == true)
    }
}
