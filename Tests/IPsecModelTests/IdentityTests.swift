import IPsecModel
import Testing

@Suite struct IdentityTests {
    private static let keyID = Identity(type: .keyID, data: Array("Branch-7".utf8))

    @Test(arguments: [
        (Identity.fqdn("gw.example.org"), "gw.example.org", "ID_FQDN gw.example.org"),
        (.email("a@example.org"), "a@example.org", "ID_RFC822_ADDR a@example.org"),
        (keyID, "Branch-7", "ID_KEY_ID Branch-7"),
        (Identity(IPAddress.v4(IPv4Address(192, 0, 2, 1))), "192.0.2.1", "ID_IPV4_ADDR 192.0.2.1"),
        (Identity(AddressFamily.v6.unspecified), "::", "ID_IPV6_ADDR ::"),
        (Identity(type: .keyID, data: [0, 0xff]), "#00ff", "ID_KEY_ID #00ff"),
        (Identity(type: .fqdn, data: []), "#", "ID_FQDN #"),
        (Identity(type: .fqdn, data: Array("a b".utf8)), "#612062", "ID_FQDN #612062"),
        (Identity(type: .fqdn, data: Array("a\u{1b}[2J".utf8)), "#611b5b324a", "ID_FQDN #611b5b324a"),
        (Identity(type: .fqdn, data: [0x61, 0x7f]), "#617f", "ID_FQDN #617f"),
        (Identity(type: .ipv4, data: [1, 2, 3]), "#010203", "ID_IPV4_ADDR #010203"),
        (Identity(type: .distinguishedName, data: [0x30, 0]), "#3000", "ID_DER_ASN1_DN #3000"),
        (Identity(type: .generalName, data: [0x30, 0]), "#3000", "ID_DER_ASN1_GN #3000"),
        (Identity(type: IdentityType(rawValue: 200), data: [0x41]), "#41", "ID type 200 #41"),
    ])
    func `an identity is printed without control characters`(
        identity: Identity, text: String, explanation: String
    ) {
        #expect(identity.description == text)
        #expect(identity.explanation == explanation)
    }

    @Test(arguments: [
        (IdentityPattern.any, keyID, 1),
        (.exact(.fqdn("gw.example.org")), .fqdn("gw.example.org"), 3),
        (.exact(.fqdn("gw.example.org")), .fqdn("GW.Example.ORG"), 3),
        (.exact(.fqdn("GW.example.org")), .fqdn("gw.example.org"), 3),
        (.exact(.email("A@example.org")), .email("a@EXAMPLE.org"), 3),
        (.exact(keyID), keyID, 3),
        (.suffix(.fqdn, ".example.org"), .fqdn("gw.example.org"), 2),
        (.suffix(.fqdn, ".example.org"), .fqdn("a.b.EXAMPLE.org"), 2),
        (.suffix(.email, "@example.org"), .email("a@example.org"), 2),
    ])
    func `a pattern matches`(pattern: IdentityPattern, identity: Identity, rank: Int) {
        #expect(pattern.matches(identity))
        #expect(pattern.rank(of: identity) == rank)
    }

    @Test(arguments: [
        (IdentityPattern.exact(.fqdn("gw.example.org")), Identity.fqdn("gw2.example.org")),
        (.exact(.fqdn("gw.example.org")), .fqdn("gw.example.org.")),
        (.exact(.fqdn("gw.example.org")), .email("gw.example.org")),
        (.exact(.fqdn("a[b")), .fqdn("a{b")),  // Only letters have a case: [ and { differ in the same bit.
        (.exact(.fqdn("a@b")), .fqdn("a`b")),
        (.exact(keyID), Identity(type: .keyID, data: Array("branch-7".utf8))),
        (.suffix(.fqdn, ".example.org"), .fqdn(".example.org")),
        (.suffix(.fqdn, ".example.org"), .fqdn("example.org")),
        (.suffix(.fqdn, ".example.org"), .fqdn("gw.example.org.evil.test")),
        (.suffix(.fqdn, ".example.org"), .fqdn("gwXexample.org")),
        (.suffix(.fqdn, ".example.org"), .email("gw.example.org")),
        (.suffix(.email, "@example.org"), .fqdn("a@example.org")),
        (.suffix(.email, "@example.org"), .email("a@sub.example.org")),
        (.suffix(.fqdn, ".example.org"), .fqdn("")),
    ])
    func `a pattern does not match`(pattern: IdentityPattern, identity: Identity) {
        #expect(!pattern.matches(identity))
        #expect(pattern.rank(of: identity) == 0)
    }

    @Test(arguments: [
        (IdentityPattern.any, "%any", "%any"),
        (.suffix(.fqdn, ".example.org"), "*.example.org", "ID_FQDN *.example.org"),
        (.exact(.email("a@b.c")), "a@b.c", "ID_RFC822_ADDR a@b.c"),
    ])
    func `a pattern is printed as the configuration spells it`(
        pattern: IdentityPattern, text: String, explanation: String
    ) {
        #expect(pattern.description == text)
        #expect(pattern.explanation == explanation)
    }
}
