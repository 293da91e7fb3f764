internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// Culvert's own keys at the top of the file.
struct TopKeyTests {
    @Test func `without a word everything is as the model has it`() throws {
        let configuration = try configuration(site())
        #expect(configuration.dataPlane == .auto)
        #expect(configuration.limits == IKELimits())
        #expect(configuration.keepaliveInterval == .seconds(20))
    }

    @Test(arguments: DataPlaneChoice.allCases)
    func `data planes have their names`(_ choice: DataPlaneChoice) throws {
        #expect(try configuration(site(top: "data_plane = \(choice.rawValue)")).dataPlane == choice)
    }

    @Test(arguments: [("keepalive = 45s", Duration.seconds(45)), ("keepalive = 0", nil)])
    func `keepalives have an interval or do not exist`(_ line: String, _ interval: Duration?) throws {
        #expect(try configuration(site(top: line)).keepaliveInterval == interval)
    }

    @Test func `limits reach the model`() throws {
        let top = """
            cookie_threshold = 0
            half_open_limit = 500
            half_open_per_address = 5
            half_open_timeout = 10s
            fragment_size = 1400
            """
        let configuration = try configuration(site(top: top))
        #expect(configuration.limits.cookieThreshold == 0)
        #expect(configuration.limits.halfOpenIKESAs == 500)
        #expect(configuration.limits.halfOpenIKESAsPerAddress == 5)
        #expect(configuration.limits.halfOpenLifetime == .seconds(10))
        #expect(configuration.connections.map(\.fragmentSize) == [1_400])
    }

    @Test func `retransmissions wait longer each time`() throws {
        let top = "retransmit_timeout = 2.5\nretransmit_base = 2\nretransmit_tries = 3"
        let waits = try configuration(site(top: top)).limits.retransmission
        #expect(waits == [.milliseconds(2_500), .seconds(5), .seconds(10), .seconds(20)])
    }

    @Test func `the limit bounds each wait`() throws {
        let waits = try configuration(site(top: "retransmit_limit = 10s")).limits.retransmission
        #expect(
            waits == [
                .seconds(4), .milliseconds(7_200), .seconds(10), .seconds(10), .seconds(10), .seconds(10),
            ])
    }

    @Test func `the built-in waits are those of the default keys`() throws {
        let waits = try configuration(site(top: "retransmit_timeout = 4.0")).limits.retransmission
        #expect(waits.count == IKELimits().retransmission.count)
        for (wait, builtIn) in zip(waits, IKELimits().retransmission) {
            #expect((wait - builtIn).components.seconds == 0)
            #expect(abs((wait - builtIn).components.attoseconds) < 1_000_000_000_000_000)
        }
    }

    @Test func `waits never pass an hour`() throws {
        let waits = try configuration(site(top: "retransmit_base = 10\nretransmit_tries = 20")).limits
            .retransmission
        #expect(waits.count == 21)
        #expect(waits.last == .seconds(3_600))
    }

    @Test(arguments: [
        (
            "data_plane = kernal",
            "14:14: error: 'kernal' is none of auto, kernel, userspace (did you mean 'kernel'?)"
        ),
        ("keepalive = 2h", "14:13: error: '2h' is out of range: 0s to 1h"),
        ("half_open_timeout = 0", "14:21: error: '0' is out of range: 1s to 10m"),
        ("half_open_limit = 0", "14:19: error: '0' is out of range: 1 to 1000000"),
        ("fragment_size = 100", "14:17: error: '100' is out of range: 576 to 65535"),
        ("retransmit_base = 0.5", "14:19: error: '0.5' is not a number from 1.0 to 10.0"),
        ("retransmit_tries = 21", "14:20: error: '21' is out of range: 0 to 20"),
        (
            "cookie_threshold = 1000",
            "14:20: warning: cookie_threshold is not below half_open_limit, 1000: no cookie is ever asked for"
        ),
    ])
    func `what makes no sense is said at its place`(_ line: String, _ message: String) {
        #expect(findings(site(top: line)) == [message])
    }
}

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
