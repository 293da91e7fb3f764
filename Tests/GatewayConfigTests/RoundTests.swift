internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

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
