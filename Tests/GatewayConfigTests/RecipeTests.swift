internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

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
                "22:25: warning: children 'vpc' of 'aws-1a' and 'vpc' of 'aws-1b' both send 172.31.0.0/16; the first wins"
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
                "5:50: error: connection 'azure': 'sha1' is not implemented; use sha256, sha384 or sha512",
                "20:33: error: child 'vnet' of 'azure': 'aes256gcm16-sha256': an AEAD cipher takes no integrity "
                    + "algorithm; write 'aes256gcm16'",
                "21:17: error: child 'vnet' of 'azure': 'mark_in' is about Netfilter marks, which are not implemented yet",
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
        #expect(
            connections.last?.children.first?.bytes
                == VolumeLimit(rekey: 524_288_000, hard: 576_716_800, jitter: 52_428_800))
        #expect(result.configuration?.secrets.last?.owners.count == 2)
    }

    private let address = IPAddress.v4(IPv4Address(10, 3, 0, 10))
}
