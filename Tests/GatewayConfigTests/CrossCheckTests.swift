internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// What takes more than one section to see.
struct CrossCheckTests {
    /// Two connections with a child `net` each, on lines 1 and 3.
    private func pair(_ first: String, _ second: String, ids: (String, String) = ("b", "c")) -> String {
        """
        connections { hq { children { net {
        \(first)
        } } local { auth = psk
        } remote { auth = psk
        id = \(ids.0)
        } }
        branch-7 { children { net {
        \(second)
        } } local { auth = psk
        } remote { auth = psk
        id = \(ids.1)
        } } }
        secrets { ike { secret = 12345678901234567890
        } }
        """
    }

    private func lines(_ local: String, _ remote: String) -> String {
        "local_ts = \(local)\nremote_ts = \(remote)"
    }

    @Test func `two children that send the same packets are reported`() {
        let selectors = self.lines("10.1.0.0/24", "10.2.0.0/24")
        #expect(
            findings(self.pair(selectors, selectors)) == [
                "10:13: warning: children 'net' of 'hq' and 'net' of 'branch-7' both send 10.2.0.0/24; the first wins"
            ])
    }

    @Test func `ranges that overlap in part are reported`() {
        let first = self.lines("10.1.0.0/24", "10.2.0.0-10.2.0.99")
        let second = self.lines("10.1.0.0/24", "10.2.0.50-10.2.0.200")
        #expect(
            findings(self.pair(first, second)) == [
                "10:13: warning: children 'net' of 'hq' and 'net' of 'branch-7' both send 10.2.0.50-10.2.0.99; the first "
                    + "wins"
            ])
    }

    @Test(arguments: [
        ("10.1.0.0/24", "10.2.0.0/24", "10.1.0.0/24", "10.3.0.0/24"),
        ("10.1.0.0/24", "10.2.0.0/24", "10.9.0.0/24", "10.2.0.0/24"),
        ("10.1.0.0/24", "10.0.0.0/8", "10.1.0.0/24", "10.2.0.0/24"),
        ("10.1.0.0/24", "10.2.0.0/24[tcp]", "10.1.0.0/24", "10.2.0.0/24[udp]"),
        ("10.1.0.0/24", "10.2.0.0/24[tcp/80]", "10.1.0.0/24", "10.2.0.0/24[tcp/443]"),
        ("10.1.0.0/24", "dynamic", "10.1.0.0/24", "dynamic"), ("::/0", "::/0", "0.0.0.0/0", "0.0.0.0/0"),
    ])
    func `disjoint and more specific selectors are not`(_ a: String, _ b: String, _ c: String, _ d: String) {
        #expect(findings(self.pair(self.lines(a, b), self.lines(c, d))) == [])
    }

    @Test func `a thousand children are compared in no time`() {
        let children = (0..<1_000).map { number in
            "c\(number) { remote_ts = 10.\(number / 250).\(number % 250).0/24\n local_ts = 10.200.0.0/16\n}"
        }
        #expect(findings(site(child: "} \(children.joined(separator: "\n"))\n more {")) == [])
    }

    @Test func `a request ID belongs to one child`() {
        #expect(
            findings(self.pair("reqid = 5", "reqid = 5")) == [
                "8:9: error: child 'net' of 'branch-7' has the reqid of child 'net' of 'hq'; each needs its own"
            ])
        #expect(findings(self.pair("reqid = 5", "reqid = 6")) == [])
    }

    private func secrets(remote: String, local: String = "", owner: String) -> [String] {
        findings(
            """
            connections { hq { children { net { } }
            local { auth = psk
            \(local)
            } remote { auth = psk
            id = \(remote)
            } } }
            secrets { ike { secret = 12345678901234567890
            id = \(owner)
            } }
            """)
    }

    @Test(arguments: [
        ("b.example.org", "b.example.org"), ("b.example.org", "B.Example.ORG"),
        ("b.example.org", "*.example.org"),
        ("*.example.org", "b.example.org"), ("*.example.org", "*.branch.example.org"),
        ("b.example.org", "%any"),
        ("%any", "x@example.org"), ("192.0.2.1", "192.0.2.1"), ("b.example.org", "192.0.2.7"),
        ("\"@#01\"", "\"@#01\""),
    ])
    func `a secret fits if it can belong to both ends`(_ remote: String, _ owner: String) {
        #expect(self.secrets(remote: remote, owner: owner) == [])
    }

    @Test(arguments: [
        ("b.example.org", "c.example.org"), ("b.example.org", "b@example.org"),
        ("*.example.org", "b.example.com"),
        ("b.example.org", "*.b.example.org"), ("\"@#01\"", "\"@#02\""), ("*.example.org", "*@example.org"),
    ])
    func `a connection without a secret is an error`(_ remote: String, _ owner: String) {
        let shown = remote.hasPrefix("\"") ? "#01" : remote
        #expect(
            self.secrets(remote: remote, local: "id = a.example.org", owner: owner) == [
                "1:15: error: connection 'hq' has no secret: none is for \(shown)"
            ])
    }

    @Test func `a secret may be found by our own identity`() {
        #expect(self.secrets(remote: "b.org", local: "id = a.org", owner: "a.org") == [])
        #expect(self.secrets(remote: "b.org", local: "id = a.org", owner: "*.org") == [])
    }

    @Test func `without secrets no connection can come up`() {
        let text = "connections { hq { children { n { } } local { auth = psk\n} remote { auth = psk\n} } }"
        #expect(findings(text) == ["1:15: error: connection 'hq' has no secret: none is for %any"])
    }
}
