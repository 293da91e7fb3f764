import IPsecModel
import Testing

@testable import IKECore

/// Which key and which connection belong to two identities.
struct SecretLookupTests {
    private static let own = Identity.fqdn("b.example.org")

    private static func secret(_ byte: UInt8, _ owners: [IdentityPattern]) -> SharedSecret {
        SharedSecret(name: "s\(byte)", owners: owners, key: SecretBytes(copying: [byte]))
    }

    private static let secrets = [
        secret(1, []),
        secret(2, [.suffix(.fqdn, ".example.org")]),
        secret(3, [.exact(.fqdn("a.example.org"))]),
        secret(4, [.exact(.fqdn("a.example.org")), .exact(own)]),
        secret(5, [.exact(.email("joe@example.org"))]),
        secret(6, [.exact(Identity(Addresses.peer))]),
        secret(7, [.exact(Identity(type: .keyID, data: [1, 2, 3]))]),
        secret(8, [.suffix(.email, "@example.org")]),
    ]

    private func key(_ secrets: [SharedSecret], _ remote: Identity) -> UInt8? {
        SharedSecretLookup(secrets: secrets).key(local: Self.own, remote: remote)?.publicBytes.first
    }

    @Test(
        arguments: [
            (Identity.fqdn("a.example.org"), 4), (.fqdn("A.EXAMPLE.org"), 4), (.fqdn("x.example.org"), 2),
            (.email("joe@example.org"), 5), (.email("ann@example.org"), 8), (Identity(Addresses.peer), 6),
            (Identity(type: .keyID, data: [1, 2, 3]), 7), (Identity(type: .keyID, data: [1, 2, 4]), 1),
        ] as [(Identity, UInt8)])
    func `the key that names the peer most closely, then us, is taken`(identity: Identity, expected: UInt8) {
        #expect(self.key(Self.secrets, identity) == expected)
    }

    @Test func `without anything better the key of nobody is taken`() {
        #expect(self.key([Self.secret(1, []), Self.secrets[4]], .fqdn("z.test")) == 1)
    }

    @Test func `a key of others is not taken`() {
        #expect(self.key([Self.secrets[2]], .fqdn("x.example.org")) == nil)
        #expect(self.key([], .fqdn("x.example.org")) == nil)
    }

    @Test func `a wildcard needs at least one character, and the type counts`() {
        let key = { (secret: SharedSecret, remote: Identity) in
            SharedSecretLookup(secrets: [secret]).key(local: .fqdn("gateway.test"), remote: remote)
        }
        #expect(key(Self.secrets[1], .fqdn("x.example.org")) != nil)
        #expect(key(Self.secrets[1], .fqdn(".example.org")) == nil)
        #expect(key(Self.secrets[1], .email("x.example.org")) == nil)
        #expect(key(Self.secrets[2], Identity(type: .keyID, data: Array("a.example.org".utf8))) == nil)
    }

    @Test func `a key that names us and somebody is for nobody else`() {
        #expect(self.key([Self.secrets[3]], .fqdn("a.example.org")) == 4)
        #expect(self.key([Self.secrets[3]], .fqdn("c.test")) == nil)
    }

    @Test func `a key that names only us is for whoever talks to us`() {
        #expect(self.key([Self.secret(9, [.exact(Self.own)])], .fqdn("z.test")) == 9)
    }

    // MARK: Connections

    private func connection(
        _ name: String, _ remote: IdentityPattern, local: Identity? = nil, from: [AddressPattern] = [.any]
    ) -> ConnectionConfiguration {
        var connection = Configurations.connection(name)
        connection.remoteIdentity = remote
        connection.localIdentity = local
        connection.remoteAddresses = from
        return connection
    }

    @Test(
        arguments: [
            ("a.example.org", "exact"), ("A.example.ORG", "exact"), ("x.example.org", "suffix"),
            ("z.test", "any"),
        ])
    func `the connection that names the peer most closely is taken`(name: String, expected: String) {
        let candidates = [
            self.connection("any", .any), self.connection("suffix", .suffix(.fqdn, ".example.org")),
            self.connection("exact", .exact(.fqdn("a.example.org"))),
        ]
        #expect(ConnectionLookup.best(of: candidates, peer: .fqdn(name), asked: nil)?.name == expected)
    }

    @Test func `the identity that the peer asks for chooses among connections`() {
        let candidates = [
            self.connection("one", .any, local: .fqdn("one.test")),
            self.connection("two", .any, local: .fqdn("two.test")),
        ]
        let peer = Identity.fqdn("p.test")
        let best = { (asked: Identity?) in
            ConnectionLookup.best(of: candidates, peer: peer, asked: asked)?.name
        }
        #expect(best(.fqdn("TWO.test")) == "two")
        #expect(best(.fqdn("three.test")) == nil)
        #expect(best(nil) == "one")
        // An address asks for whoever is there.
        #expect(best(Identity(Addresses.gateway)) == "one")
    }

    @Test func `connections for the peer's address come first`() {
        let block = AddressPattern.range(
            AddressRange(Addresses.peer, Addresses.peer) ?? .init(.documentation))
        let lookup = ConnectionLookup(connections: [
            self.connection("any", .any), self.connection("named", .any, from: [block]),
            self.connection("elsewhere", .any, from: [.range(AddressRange(.documentation))]),
            self.connection("dns", .any, from: [.name("peer.test")]),
        ])
        let found = lookup.candidates(local: Addresses.gateway, remote: Addresses.peer)
        #expect(found.map(\.name) == ["named", "any"])
    }
}
