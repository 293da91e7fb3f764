internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `section : other, another { … }`.
struct InheritanceTests {
    private func base(_ connections: String, _ rest: String = "") -> String {
        """
        psk { local { auth = psk
        } remote { auth = psk
        } children { net { } } }
        connections { \(connections) }
        secrets { ike { secret = 0123456789012345678901
        } }
        \(rest)
        """
    }

    @Test func `settings and sections of another section are inherited`() throws {
        let text = self.base(
            "hq : psk { encap = yes\n} branch : connections.hq { dpd_delay = 9s\n}", "other { }")
        let connections = try configuration(text).connections
        #expect(connections.map(\.name) == ["hq", "branch"])
        #expect(connections.map(\.forcesEncapsulation) == [true, true])
        #expect(connections.map(\.livenessDelay) == [nil, .seconds(9)])
        #expect(connections.map { $0.children.map(\.name) } == [["net"], ["net"]])
    }

    @Test
    func
        `a value of the section's own goes before an inherited one, and the first reference before the next`()
        throws
    {
        let text = self.base(
            "c : psk, one, two { encap = no\n}",
            "one { encap = yes\n dpd_delay = 1s\n}\ntwo { dpd_delay = 2s\n unique = keep\n}")
        let connection = try #require(try configuration(text).connections.first)
        #expect(!connection.forcesEncapsulation)
        #expect(connection.livenessDelay == .seconds(1))
        #expect(connection.uniqueness == .keep)
    }

    @Test func `an empty value clears what is inherited`() throws {
        let text = self.base("c : psk, one { dpd_delay = \n}", "one { dpd_delay = 1s\n}")
        #expect(try configuration(text).connections.first?.livenessDelay == nil)
    }

    @Test func `sections within are merged with inherited ones`() throws {
        let text = self.base("c : psk { children { net { reqid = 7\n } other { } } }", "")
        let children = try #require(try configuration(text).connections.first?.children)
        #expect(children.map(\.name) == ["net", "other"])
        #expect(children.map(\.reqid) == [7, nil])
    }

    @Test func `what two connections inherit is reported once`() {
        let text = self.base("c : psk, t { } d : psk, t { }", "t { dpd_dealy = 1s\n send_certreq = yes\n }")
        #expect(
            findings(text) == [
                "7:5: error: unknown key 'dpd_dealy' in connection 'c' (did you mean 'dpd_delay'?)",
                "8:2: warning: connection 'c': 'send_certreq' has no effect: certificates are not implemented yet",
            ])
    }

    @Test(arguments: [
        ("c : nope { }", "4:19: error: there is no section 'nope'"),
        ("c : psk.nope { }", "4:19: error: there is no section 'psk.nope'"),
        (
            "c : connections.c { }",
            "4:19: error: a section cannot inherit from itself or from one that it is in"
        ),
        (
            "c : connections { }",
            "4:19: error: a section cannot inherit from itself or from one that it is in"
        ),
        (
            "c : connections.d { } d : connections.c { }",
            "4:41: error: a section cannot inherit from itself or from one that it is in"
        ),
    ])
    func `a reference that leads nowhere or back is an error`(_ connections: String, _ message: String) {
        #expect(findings(self.base(connections)).contains(message))
    }

    @Test func `references may be long but not endless`() {
        let chain = (0..<100).map { "t\($0) : t\($0 + 1) { }\n" }.joined()
        #expect(
            findings(self.base("c : t0 { }", chain + "t100 { }")).contains {
                $0.hasSuffix("sections inherit from one another too deeply")
            })
    }
}
