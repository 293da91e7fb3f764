internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

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
