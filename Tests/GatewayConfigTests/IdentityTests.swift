internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `id` in all its forms.
struct IdentityTests {
    private func pattern(_ text: String) throws -> IdentityPattern {
        try connection(remote: "id = \(text)").remoteIdentity
    }

    @Test(
        arguments: [
            ("192.0.2.1", 1, [192, 0, 2, 1]), ("gw.example.org", 2, Array("gw.example.org".utf8)),
            ("@gw.example.org", 2, Array("gw.example.org".utf8)), ("hq", 2, Array("hq".utf8)),
            ("@192.0.2.1", 2, Array("192.0.2.1".utf8)),
            ("user@example.org", 3, Array("user@example.org".utf8)),
            ("@@user@example.org", 3, Array("user@example.org".utf8)),
            ("\"@#0a1B2c\"", 11, [0x0a, 0x1b, 0x2c]),
            ("2001:db8::1", 5, [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("keyid:branch 7", 11, Array("branch 7".utf8)), ("\"keyid:#00ff\"", 11, [0, 0xff]),
            ("fqdn:192.0.2.1", 2, Array("192.0.2.1".utf8)), ("dns:a.b", 2, Array("a.b".utf8)),
            ("email:x@y", 3, Array("x@y".utf8)), ("rfc822:x@y", 3, Array("x@y".utf8)),
            ("userfqdn:x@y", 3, Array("x@y".utf8)),
            ("\"ipv4:#c0000201\"", 1, [192, 0, 2, 1]), ("\"{201}:#0102\"", 201, [1, 2]),
            ("a:b", 11, Array("a:b".utf8)),
        ] as [(String, UInt8, [UInt8])])
    func `the type follows from the text`(_ text: String, _ type: UInt8, _ data: [UInt8]) throws {
        // The numbers are those of RFC 7296 §3.5.
        #expect(try self.pattern(text) == .exact(Identity(type: IdentityType(rawValue: type), data: data)))
    }

    @Test(arguments: ["%any", "*", "0.0.0.0", "::"])
    func `any peer has several spellings`(_ text: String) throws {
        #expect(try self.pattern(text) == .any)
    }

    @Test(arguments: [
        ("*.example.org", IdentityType.fqdn, ".example.org"), ("*@example.org", .email, "@example.org"),
        ("@*.example.org", .fqdn, ".example.org"), ("fqdn:*.example.org", .fqdn, ".example.org"),
    ])
    func `an asterisk stands for the first part`(_ text: String, _ type: IdentityType, _ suffix: String)
        throws
    {
        #expect(try self.pattern(text) == .suffix(type, suffix))
    }

    @Test(arguments: [
        ("gw-*.example.org", "'gw-*.example.org': a wildcard has the form *.example.org or *@example.org"),
        ("*example.org", "'*example.org': a wildcard has the form *.example.org or *@example.org"),
        ("*.", "'*.': a wildcard has the form *.example.org or *@example.org"),
        ("*.*.org", "'*.*.org': a wildcard has the form *.example.org or *@example.org"),
        (
            "C=CH, O=Example, CN=gw",
            "'C=CH, O=Example, CN=gw': distinguished names are not implemented yet; use a name or an address"
        ),
        (
            "asn1dn:#3000",
            "'asn1dn:#3000': distinguished names are not implemented yet; use a name or an address"
        ),
        ("@#0a1", "'@#0a1': what follows '#' is not hexadecimal"),
        ("keyid:#xy", "'keyid:#xy': what follows '#' is not hexadecimal"),
        ("@", "'@' is an empty identity; one with '#' needs quotes"),
        ("keyid:", "'keyid:' is an empty identity; one with '#' needs quotes"),
        ("ipv4:10.0.0.1", "'ipv4:10.0.0.1': write the address alone, or ipv4:# and 4 bytes in hexadecimal"),
        ("ipv6:#00", "'ipv6:#00': write the address alone, or ipv6:# and 16 bytes in hexadecimal"),
        ("branch seven", "'branch seven': a name has no blanks; for other text write keyid:…"),
    ])
    func `other identities are errors at their place`(_ text: String, _ message: String) {
        let line = text.contains("#") ? "id = \"\(text)\"" : "id = \(text)"
        #expect(findings(site(remote: line)) == ["8:6: error: remote of 'hq': \(message)"])
    }

    @Test func `an identity has a limit`() {
        #expect(
            findings(site(remote: "id = \(String(repeating: "x", count: 1_025))")) == [
                "8:6: error: remote of 'hq': an identity of more than 1024 bytes"
            ])
    }
}
