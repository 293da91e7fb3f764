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

/// `secrets.ike<suffix>`.
struct SecretTests {
    private func secrets(_ text: String) -> ConfigurationResult {
        parse("connections { }\nsecrets {\n\(text)\n}")
    }

    private func key(_ value: String) throws -> SecretBytes {
        try #require(self.secrets("ike { secret = \(value)\n}").configuration?.secrets.first).key
    }

    @Test(
        arguments: [
            ("correct horse battery staple", Array("correct horse battery staple".utf8)),
            ("\"  blanks and # stay  \"", Array("  blanks and # stay  ".utf8)),
            ("0x00ff10", [0x00, 0xff, 0x10]),
            ("\"0xAb\"", [0xab]), ("0Xab", [0xab]), ("grüße", Array("grüße".utf8)), ("0", Array("0".utf8)),
            ("0a1b", Array("0a1b".utf8)),
            // RFC 4648 §10.
            ("0sZg==", Array("f".utf8)), ("0sZm8=", Array("fo".utf8)), ("0sZm9v", Array("foo".utf8)),
            ("0sZm9vYg==", Array("foob".utf8)), ("0sZm9vYmFy", Array("foobar".utf8)),
            ("0S+/+/", [0xfb, 0xff, 0xbf]),
        ] as [(String, [UInt8])])
    func `a key is text, hexadecimal or Base64`(_ value: String, _ bytes: [UInt8]) throws {
        #expect(try self.key(value).isEqual(to: bytes))
        #expect(try self.key(value).count == bytes.count)
    }

    @Test(arguments: ["0x", "0xabc", "0xzz", "0xab cd", "0x12:34"])
    func `what is not hexadecimal is refused without being shown`(_ value: String) {
        #expect(
            self.secrets("ike {\nsecret = \(value)\n}").diagnostics.filter { $0.severity == .error }.map(
                brief) == [
                    "4:10: error: secret 'ike': 0x takes an even number of hexadecimal digits and nothing else; quotes do not "
                        + "change that"
                ])
    }

    @Test(arguments: ["0s", "0sZg", "0sZg=", "0sZ===", "0sZm9v!", "0s====", "0sZ-8="])
    func `what is not Base64 is refused without being shown`(_ value: String) {
        #expect(
            self.secrets("ike {\nsecret = \(value)\n}").diagnostics.filter { $0.severity == .error }.map(
                brief) == [
                    "4:10: error: secret 'ike': 0s takes Base64 with its padding and nothing else"
                ])
    }

    @Test(arguments: [
        ("123456789", "9 characters; use 20 or more"), ("x", "1 character; use 20 or more"),
        ("1234567890123456789", "19 characters; use 20 or more"), ("üüüü", "4 characters; use 20 or more"),
        ("0x0011223344556677", "8 bytes; use 16 or more"), ("0sZg==", "1 byte; use 16 or more"),
    ])
    func `a key that is easy to guess is reported`(_ value: String, _ message: String) {
        #expect(
            self.secrets("ike-branch-7 {\nsecret = \(value)\n}").diagnostics.map(brief).filter {
                $0.contains("psk")
            } == [
                "4:10: warning: psk of 'ike-branch-7' is \(message)"
            ])
    }

    @Test(arguments: ["12345678901234567890", "0x00112233445566778899aabbccddeeff"])
    func `a key that is long enough is not`(_ value: String) {
        #expect(self.secrets("ike {\nsecret = \(value)\n}").warningCount == 1)
    }

    @Test func `a comment that cuts a key short is reported`() {
        #expect(
            self.secrets("ike {\nsecret = abcdefghijklmnopqrstuvwxyz#1\n}").diagnostics.map(brief).contains(
                "4:36: warning: a comment begins here; put the value in quotes if '#' belongs to it"))
        #expect(self.secrets("ike {\nsecret = abcdefghijklmnopqrstuvwxyz #1\n}").warningCount == 1)
    }

    @Test(arguments: ["ike-x { }", "ike-x { secret =\n}", "ike-x { secret = \"\"\n}", "ike-x { id = a\n}"])
    func `a secret without a key is an error`(_ text: String) {
        #expect(
            self.secrets(text).diagnostics.map(brief).contains(
                "3:1: error: secret 'ike-x' is empty; write secret = \"…\""))
    }

    @Test func `a secret has any number of owners`() throws {
        let result = self.secrets(
            "ike-x { secret = s\nid = a.org\nid-2 = *@b.org\nidfoo = %any\n}\nike { secret = t\n}")
        let secrets = try #require(result.configuration?.secrets)
        #expect(secrets.map(\.name) == ["ike-x", "ike"])
        #expect(secrets[0].owners == [.exact(.fqdn("a.org")), .suffix(.email, "@b.org"), .any])
        #expect(secrets[1].owners == [])
    }
}

/// What no diagnostic may show.
struct SecrecyTests {
    private static let secret = "Tr0ub4dor&3xylophone-quartz"
    private static let base = """
        connections { hq { children { net { } } local { auth = psk
        } remote { auth = psk
        } } }
        secrets {
            ike-hq {
                id = hq.example.org
                secret = "\(secret)"
            }
        }

        """

    /// Six bytes of the secret in a row that `text` shows.
    private func leak(in text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 6 else { return nil }
        return (0...(bytes.count - 6)).lazy.map { Array(bytes[$0..<$0 + 6]) }.first(
            where: Self.windows.contains
        )
        .map { String(decoding: $0, as: UTF8.self) }
    }

    private static let windows: Set<[UInt8]> = {
        let bytes = Array(secret.utf8)
        return Set((0...(bytes.count - 6)).map { Array(bytes[$0..<$0 + 6]) })
    }()

    @Test func `the test finds a leak`() {
        #expect(self.leak(in: "x xylophone y") != nil)
    }

    @Test(arguments: [
        "deleted", "doubled", "\n", "\"", "{", "}", "=", "#", "\\", ":", ".", " ", "\u{1}", " include ", "0x",
        "0s",
    ])
    func `no change of one character brings a secret into a diagnostic`(_ change: String) {
        let base = Array(Self.base)
        var rendered = 0
        for index in base.indices {
            var text = base
            switch change {
            case "deleted": text.remove(at: index)
            case "doubled": text.insert(text[index], at: index)
            default: text.insert(contentsOf: change, at: index)
            }
            let screen = parse(String(text)).render()
            rendered += screen.contains("^") ? 1 : 0
            #expect(self.leak(in: screen) == nil, "\(String(text))\n---\n\(screen)")
        }
        #expect(rendered > 0)
    }

    @Test(arguments: [
        "secrets { ike { secrt = \(secret)\n} }", "secrets { ike { secret : \(secret)\n} }",
        "secret = \(secret)",
        "connections { hq { psk = \(secret)\n} }", "secrets { ike { id = \(secret)=\n} }",
        "psk { x = \"\(secret)",
        "connections { hq { secret = \(secret)\n} }", "secrets { ike { secret = 0x\(secret)\n} }",
        "secrets { ike { secret = a # \(secret)\n} }", "secrets { ike \(secret)\n}", "secrets { \(secret) }",
        "secrets { ike { secret \"\(secret)\"\n} }", "secrets { ike { secret = \"a\n\(secret)\n} }",
        "secerts { ike { secret = \"\(secret)\n} }",
        "secrets { ike { secret =\n \(secret)==\n} }",
        "secrets { ike { secret =\n \(secret)==\n\(secret)==\n} }",
        "secrets { pkcs8 { secret = \"\(secret)\" \(secret)\n} }",
    ])
    func `a secret in the wrong place is hidden as well`(_ text: String) {
        let screen = parse(text).render()
        #expect(screen.contains("^"))
        #expect(self.leak(in: screen) == nil, "\(screen)")
    }

    @Test func `a line with a secret shows where it is`() {
        let result = parse("connections { }\nsecrets {\n    ike-b { secret = hunter22\n    }\n}")
        #expect(
            result.diagnostics.last?.render() == """
                t.conf:3:22: warning: psk of 'ike-b' is 8 characters; use 20 or more
                    3 |     ike-b { secret = ********
                      |                      ^~~~~~~~
                """)
    }
}
