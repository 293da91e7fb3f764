internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// The screen of `culvert check`, against files written by hand from the design's mock-up.
struct ScreenTests {
    @Test(arguments: ["mistakes", "syntax", "good"])
    func `the screen is the one in the golden file`(_ name: String) throws {
        let text = try vector("check/\(name).conf")
        let result = ConfigurationParser.parse(name: "/etc/culvert/culvert.conf", text: text)
        #expect(try result.render() + "\n" == vector("check/\(name).expected"))
        #expect((result.configuration == nil) == (name != "good"))
    }

    private func diagnostic(
        line: Int = 7, column: Int = 1, length: Int = 1, _ source: String = "source"
    ) -> Diagnostic {
        Diagnostic(
            severity: .error, file: "f", line: line, column: column, length: length, message: "m",
            sourceLine: source)
    }

    @Test func `the number of the line is right-aligned`() {
        #expect(self.diagnostic().render() == "f:7:1: error: m\n    7 | source\n      | ^")
        #expect(
            self.diagnostic(line: 123_456).render() == "f:123456:1: error: m\n123456 | source\n       | ^")
    }

    @Test func `the underline does not pass the end of the line`() {
        #expect(self.diagnostic(column: 5, length: 50).render().hasSuffix("\n      |     ^~"))
        #expect(self.diagnostic(column: 7, length: 50).render().hasSuffix("\n      |       ^"))
    }

    @Test func `a place beyond the visible part has no underline`() {
        #expect(self.diagnostic(column: 300).render() == "f:7:300: error: m\n    7 | source")
    }

    @Test func `columns count characters, not bytes`() {
        #expect(findings("ä { ö = \"x\n") == ["1:9: error: this quote is never closed"])
    }

    @Test func `control characters of a file do not reach the terminal`() throws {
        let result = parse("connections { }\n# \u{1b}[2J\nx\u{9b} = 1 # \u{1b}[31m\u{202e}")
        let diagnostic = try #require(result.diagnostics.last)
        #expect(diagnostic.sourceLine == "x? = 1 # ?[31m?")
        #expect(diagnostic.message == "unknown key 'x?' at the top of the file")
    }

    @Test func `of a long line the beginning is shown`() throws {
        let diagnostic = try #require(parse("x = \(String(repeating: "y", count: 5_000))").diagnostics.first)
        #expect(diagnostic.sourceLine.count == 200)
        #expect(diagnostic.render().split(separator: "\n").count == 3)
    }

    @Test(arguments: [
        ("connections { }", "1 warning"), ("connections { }\na = 1\nb = 1", "2 errors, 1 warning"),
        ("x", "1 error"),
    ])
    func `the summary counts`(_ text: String, _ summary: String) {
        #expect(parse(text).summary == summary)
    }

    @Test func `of very many diagnostics the rest is counted`() {
        let result = parse("connections { }\n" + (0..<500).map { "key\($0) = 1\n" }.joined())
        #expect(result.diagnostics.count == 200)
        #expect(result.errorCount == 500)
        #expect(result.render().hasSuffix("\nand 301 more\n500 errors, 1 warning"))
    }

    @Test func `the example in conf is right without a remark`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("conf/culvert.conf"), encoding: .utf8)
        let result = ConfigurationParser.parse(name: "culvert.conf", text: text)
        #expect(result.render() == "no errors, no warnings")
        let connection = try #require(result.configuration?.connections.first)
        #expect(connection.name == "branch")
        #expect(connection.proposals == DefaultProposals.ike)
        #expect(connection.children.first?.localSelectors.map(\.description) == ["10.1.0.0/24"])
        #expect(connection.children.first?.remoteSelectors.map(\.description) == ["10.2.0.0/24"])
        #expect(result.configuration?.secrets.first?.owners == [.exact(.fqdn("branch.example.org"))])
    }

    @Test func `the defaults that the example shows are the defaults`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("conf/culvert.conf"), encoding: .utf8)
        let marker = try #require(text.range(of: "# data_plane"))
        let own = text[marker.lowerBound...].split(separator: "\n").map { String($0.dropFirst(2)) }
        #expect(own.count == Schema.top.keys.count)
        let result = try configuration(site(top: own.joined(separator: "\n")))
        let plain = try configuration(site())
        #expect(result.dataPlane == plain.dataPlane)
        #expect(result.keepaliveInterval == plain.keepaliveInterval)
        #expect(result.connections == plain.connections)
        var limits = result.limits
        #expect(limits.retransmission.map(\.wholeSeconds) == plain.limits.retransmission.map(\.wholeSeconds))
        limits.retransmission = plain.limits.retransmission
        #expect(limits == plain.limits)
        for proposal in DefaultProposals.ike.map(\.description) {
            #expect(
                text.contains(proposal.replacingOccurrences(of: "-prfsha256-prfsha384-prfsha512", with: "")))
        }
    }
}

/// Whole files of the kind that people have.
struct RecipeTests {
    private func recipe(_ name: String, files: [String: String] = [:]) throws -> ConfigurationResult {
        parse(try vector("recipes/\(name).conf"), files: files)
    }

    @Test func `two networks behind two gateways`() throws {
        let result = try self.recipe("net2net-psk")
        #expect(result.diagnostics.map(brief) == [])
        let connection = try #require(result.configuration?.connections.first)
        #expect(connection.localAddresses.map(\.description) == ["192.168.0.1"])
        #expect(connection.proposals.map(\.description) == ["aes128-sha256-prfsha256-x25519"])
        #expect(connection.children.first?.proposals.map(\.description) == ["aes128gcm16-x25519"])
        #expect(result.configuration?.secrets.map(\.key.count) == [16, 21])
    }

    @Test func `two tunnels to AWS`() throws {
        let result = try self.recipe("aws")
        #expect(
            result.diagnostics.map(brief) == [
                "9:19: warning: connection 'aws-1a': keyingtries is for connections that we start, which is not "
                    + "implemented yet; we wait for the peer",
                "22:25: warning: children 'vpc' of 'aws-1a' and 'vpc' of 'aws-1b' both send 172.31.0.0/16; the first wins",
                "26:13: warning: child 'vpc' of 'aws-1a': 'dpd_action' needs us to start connections, which is not "
                    + "implemented yet; we wait for the peer",
                "27:13: warning: child 'vpc' of 'aws-1a': 'start_action' needs us to start connections, which is not "
                    + "implemented yet; we wait for the peer",
            ])
        let connections = try #require(result.configuration?.connections)
        #expect(connections.map(\.remoteIdentity.description) == ["203.0.113.21", "203.0.113.22"])
        #expect(connections.map(\.localIdentity?.description) == ["198.51.100.10", "198.51.100.10"])
        #expect(connections.map(\.uniqueness) == [.replace, .replace])
        #expect(connections.first?.children.first?.lifetime.jitter == .seconds(600))
    }

    @Test func `Azure's old groups and marks are refused by name`() throws {
        #expect(
            try self.recipe("azure").diagnostics.map(brief) == [
                "4:24: warning: connection 'azure': names are not resolved yet, so 'azuregw.example.org' matches no peer; "
                    + "write its address, or %any",
                "5:50: error: connection 'azure': 'sha1' is not implemented; use sha256, sha384 or sha512",
                "20:33: error: child 'vnet' of 'azure': 'aes256gcm16-sha256': an AEAD cipher takes no integrity "
                    + "algorithm; write 'aes256gcm16'",
                "21:17: error: child 'vnet' of 'azure': 'mark_in' is about Netfilter marks, which are not implemented yet",
                "22:17: warning: child 'vnet' of 'azure': 'start_action' needs us to start connections, which is not "
                    + "implemented yet; we wait for the peer",
            ])
    }

    @Test func `a hub with a file for each branch`() throws {
        let files = [
            "branches/a.conf":
                "a : branch {\nremote { id = a@example.org\n}\nchildren { lan { remote_ts = 10.1.0.0/16\n} } }",
            "branches/b.conf":
                "b : branch {\nremote { id = b@example.org\n}\nchildren { lan { remote_ts = 10.2.0.0/16\n} } }",
            "keys/a.conf": "ike-a { id = a@example.org\nsecret = \"the key of branch a, long\"\n}",
            "keys/b.conf": "ike-b { id = b@example.org\nsecret = \"the key of branch b, long\"\n}",
        ]
        let branches = files.filter { $0.key.hasPrefix("branches") }
        let keys = files.filter { $0.key.hasPrefix("keys") }
        let text = try vector("recipes/hub.conf")
        let result = ConfigurationParser.parse(name: "hub.conf", text: text) { pattern, _ in
            let found = pattern.hasPrefix("branches") ? branches : keys
            return .success(
                found.sorted { $0.key < $1.key }.map { IncludedFile(name: $0.key, text: $0.value) })
        }
        #expect(
            result.diagnostics.map(brief) == [
                "15:24: warning: child 'lan' of 'a': the IPv6 selectors of local_ts have no counterpart on the other side"
            ])
        let configuration = try #require(result.configuration)
        #expect(configuration.connections.map(\.name) == ["a", "b"])
        #expect(configuration.limits.cookieThreshold == 100)
        #expect(configuration.connections.map(\.livenessDelay) == [.seconds(20), .seconds(20)])
    }

    @Test func `peers behind NATs by wildcard and by address`() throws {
        let result = try self.recipe("roadwarriors")
        #expect(
            result.diagnostics.map(brief) == [
                "52:1: warning: section 'authorities' has no effect: certificates are not implemented yet"
            ])
        let connections = try #require(result.configuration?.connections)
        #expect(
            connections.map(\.remoteIdentity) == [
                .suffix(.fqdn, ".rw.example.org"), .exact(Identity(address)),
            ])
        #expect(
            connections.last?.children.first?.localSelectors.map(\.description) == [
                "10.1.0.0/16[6/22]", "10.1.0.0/16[1]",
            ])
        #expect(connections.last?.children.first?.bytes == VolumeLimit(rekey: 524_288_000, hard: 576_716_800))
        #expect(result.configuration?.secrets.last?.owners.count == 2)
    }

    private let address = IPAddress.v4(IPv4Address(10, 3, 0, 10))
}
