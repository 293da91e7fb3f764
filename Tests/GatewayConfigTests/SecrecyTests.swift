internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

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
