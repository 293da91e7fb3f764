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
        "version = 0", "version = 2", "mobike = no", "reauth_time = 0", "reauth_time = 0s", "aggressive = no",
        "pull = yes", "dscp = 000000", "childless = never", "send_cert = never", "send_certreq = no",
        "ppk_required = no", "if_id_in = 0", "if_id_out = 0x0", "mediation = false", "keyingtries = 1",
        "dpd_timeout = 0", "local_port = 500", "remote_port = 4500", "vips =", "fragmentation = yes",
    ])
    func `a key that says what we do anyway is taken without a word`(_ line: String) {
        #expect(findings(site(line)).isEmpty)
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
        (
            "mobike = yes", "2:1: warning",
            "'mobike' is not implemented yet; a peer's new address is followed as RFC 7296 §2.23 says"
        ),
        ("mobike = maybe", "2:10: error", "'maybe' is neither yes nor no"),
        (
            "reauth_time = 3h", "2:1: error",
            "'reauth_time' is not implemented yet; rekey_time renews the keys without an interruption"
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
            "keyingtries = 0", "2:15: warning",
            "keyingtries is for connections that we start, which is not implemented yet; we wait for the peer"
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
            "names are not resolved yet, so 'gw.example.org' matches no peer; write its address, or %any"
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
        ("%any", .any), ("192.0.2.1", AddressPattern.range(AddressRange(prefix("192.0.2.1/32")))),
        ("2001:db8::/32", .range(AddressRange(prefix("2001:db8::/32")))),
        ("%any4", .range(AddressRange(prefix("0.0.0.0/0")))), ("%any6", .range(AddressRange(prefix("::/0")))),
        ("gw-1.example.org", .name("gw-1.example.org")), ("gw.example.org.", .name("gw.example.org.")),
    ])
    func `addresses are any, one, a block or a name`(_ text: String, _ pattern: AddressPattern) throws {
        #expect(try connection("remote_addrs = \(text)").remoteAddresses == [pattern])
        #expect(try connection("local_addrs = \(text)").localAddresses == [pattern])
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

/// `local` and `remote`.
struct RoundTests {
    private func file(_ rounds: String) -> [String] {
        findings(
            "connections { hq { children { net { } }\n\(rounds)\n} }\nsecrets { ike { secret = 12345678901234567890\n} }"
        )
    }

    private let remote = "\nremote { auth = psk\n}"

    @Test func `identities reach the connection`() throws {
        let connection = try connection(local: "id = @gw.example.org", remote: "id = *.example.org")
        #expect(connection.localIdentity == .fqdn("gw.example.org"))
        #expect(connection.remoteIdentity == .suffix(.fqdn, ".example.org"))
    }

    @Test func `without an id we are our address and the peer is anybody`() throws {
        let connection = try connection(local: "", remote: "")
        #expect(connection.localIdentity == nil)
        #expect(connection.remoteIdentity == .any)
        #expect(try configuration(site(local: "id = %any")).connections.first?.localIdentity == nil)
    }

    @Test func `a suffix and a round number change nothing`() throws {
        #expect(self.file("local-1 { auth = psk\nround = 1\n} remote-main { auth = psk\n}") == [])
    }

    @Test func `rounds must be there and use a key`() {
        #expect(
            self.file("") == [
                "1:15: error: connection 'hq': there is no local section; write 'local { auth = psk }'",
                "1:15: error: connection 'hq': there is no remote section; write 'remote { auth = psk }'",
            ])
        #expect(
            self.file("local { }\(self.remote)") == [
                "2:1: error: local of 'hq': without auth it is pubkey, which is not implemented yet; write auth = psk"
            ])
    }

    @Test(arguments: [
        "pubkey", "rsa-2048-sha256", "ike:pubkey-sha384", "eap-mschapv2", "xauth", "ecdsa-384", "any",
    ])
    func `other methods of authentication are known and not implemented`(_ method: String) {
        #expect(
            self.file("local {\nauth = \(method)\n}\(self.remote)") == [
                "3:8: error: local of 'hq': authentication by '\(method)' is not implemented yet; use psk"
            ])
    }

    @Test func `an unknown method is shown with the nearest`() {
        #expect(
            self.file("local {\nauth = pks\n}\(self.remote)") == [
                "3:8: error: local of 'hq': unknown authentication 'pks' (did you mean 'psk'?)"
            ])
    }

    @Test func `certificates and further rounds are not implemented`() {
        #expect(
            self.file("local { auth = psk\ncerts = a.pem\ncert-1 { file = x\n} }\(self.remote)") == [
                "3:1: error: local of 'hq': 'certs' is about certificates, which are not implemented yet; use auth = psk",
                "4:1: error: local of 'hq': section 'cert-1' is about certificates, which are not implemented yet; use "
                    + "auth = psk",
            ])
        #expect(
            self.file("local-1 { auth = psk\n}\nlocal-2 { auth = psk\n}\(self.remote)") == [
                "4:1: error: connection 'hq': several local rounds (RFC 4739) are not implemented yet"
            ])
    }

    @Test func `our own identity is no wildcard`() {
        #expect(
            findings(site(local: "id = *.example.org")) == [
                "6:6: error: local of 'hq': '*.example.org': our own identity cannot be a wildcard"
            ])
    }
}

/// The block that `text` means; 0.0.0.0/0 if it means none, which no test expects.
func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) ?? IPPrefix("255.255.255.255/32") else {
        return prefix("255.255.255.255")
    }
    return prefix
}
