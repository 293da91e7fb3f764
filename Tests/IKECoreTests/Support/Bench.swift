import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// A gateway and a peer on a network of their own, for one test.
final class Bench {
    /// The addresses and NATs of a test.
    struct Topology {
        var gateway: IPAddress = Addresses.gateway
        var peer: IPAddress = Addresses.peer
        var peerNATs: [SimNAT] = []
        var gatewayNATs: [SimNAT] = []
        /// Where the peer believes the gateway to be; nil for the gateway's own address.
        var seenGateway: IPAddress?

        /// The peer behind a NAT, the gateway not.
        static func natted(_ nat: SimNAT) -> Topology {
            Topology(peer: Addresses.hidden, peerNATs: [nat])
        }
    }

    let net: SimNet
    let gateway: EngineHost
    let peer: ScriptedInitiator

    init(
        seed: UInt64 = 1, _ topology: Topology = Topology(),
        configuration change: (inout GatewayConfiguration) -> Void = { _ in },
        peer adjust: (inout PeerSettings) -> Void = { _ in }
    ) {
        self.net = SimNet(seed: seed)
        var configuration = Configurations.site()
        change(&configuration)
        self.gateway = EngineHost(
            addresses: [topology.gateway], configuration: configuration, seed: seed &* 3 &+ 1)
        self.net.attach(self.gateway, behind: topology.gatewayNATs)
        var settings = PeerSettings(
            address: topology.peer, gateway: topology.seenGateway ?? topology.gateway)
        adjust(&settings)
        self.peer = ScriptedInitiator(
            settings, on: self.net, behind: topology.peerNATs, seed: seed &* 5 &+ 2)
    }

    /// A second peer on the same network.
    func addPeer(
        at address: IPAddress, behind nats: [SimNAT] = [], seed: UInt64 = 99,
        _ adjust: (inout PeerSettings) -> Void = { _ in }
    ) -> ScriptedInitiator {
        var settings = PeerSettings(address: address, gateway: Addresses.gateway)
        adjust(&settings)
        return ScriptedInitiator(settings, on: self.net, behind: nats, seed: seed)
    }

    /// An engine's IKE_SA that stands, with a CHILD_SA.
    func connect() throws {
        try self.connect(self.peer)
        try #require(self.peer.isEstablished)
        try #require(self.peer.children.count == 1)
    }

    /// Begins an IKE_SA and waits for what becomes of it.
    func connect(_ peer: ScriptedInitiator) throws {
        try peer.connect()
        self.net.run(upTo: .seconds(300)) { peer.outstanding.isEmpty }
    }

    /// Waits until `request` is answered or given up.
    @discardableResult
    func finish(_ request: PeerRequest) throws -> [Payload] {
        self.net.run(upTo: .seconds(300)) { request.isOver }
        let answer = try #require(request.answer, "no answer")
        // What the gateway sends after its answer arrives, too.
        self.net.run(for: .milliseconds(50))
        return answer
    }

    var engine: IKEEngine { self.gateway.engine }
    var kernel: FakeKernel { self.gateway.kernel }

    /// The IKE_SA of the engine, if there is exactly one that stands.
    var snapshot: IKESASnapshot? {
        let all = self.engine.snapshots
        return all.count == 1 ? all.first : nil
    }

    /// True if an inner packet goes through the peer's newest CHILD_SA and an answer comes back.
    func pings(_ text: String = "1", from peer: ScriptedInitiator? = nil) throws -> Bool {
        let peer = peer ?? self.peer
        let before = peer.heard.count
        try peer.say("ping \(text)")
        self.net.run(for: .milliseconds(100))
        return peer.heard.dropFirst(before).contains("pong \(text)")
    }

    /// What both sides' CHILD_SAs have in common, each as the gateway sees it; nil if they differ.
    func agreedChildren(_ peer: ScriptedInitiator? = nil) -> Set<ESPSPI>? {
        let children = (peer ?? self.peer).children
        for child in children {
            guard let state = self.kernel.inbound[child.outboundSPI], state.suite == child.suite,
                state.keys.encryption.isEqual(to: child.outboundKeys.encryption),
                state.keys.integrity.isEqual(to: child.outboundKeys.integrity)
            else { return nil }
            let sending = self.kernel.outbound.first { $0.key.spi == child.inboundSPI }?.value
            guard let sending else { return nil }
            guard sending.keys.encryption.isEqual(to: child.inboundKeys.encryption),
                sending.keys.integrity.isEqual(to: child.inboundKeys.integrity)
            else { return nil }
        }
        let ours = Set(children.map(\.outboundSPI))
        guard ours.count == children.count, ours == Set(self.kernel.inbound.keys),
            self.kernel.outbound.count == children.count
        else { return nil }
        let engine = self.engine.snapshots.flatMap(\.children).map(\.spec.inboundSPI)
        return Set(engine) == ours ? ours : nil
    }

    /// Events of the gateway that `pick` takes.
    func events<Value>(_ pick: (IKEEvent) -> Value?) -> [Value] { self.gateway.events.compactMap(pick) }

    /// What must be true after every test, whatever happened in it.
    func expectSound(_ location: SourceLocation = #_sourceLocation) {
        #expect(self.kernel.violations.isEmpty, sourceLocation: location)
        self.engine.expectConsistentDirectory(location)
        #expect(self.net.stuckHosts.isEmpty, sourceLocation: location)
        let faults = self.peer.faults.map { "\($0)" }
        #expect(faults.isEmpty, sourceLocation: location)
        let defects = self.events { if case .defect(_, let text) = $0 { text } else { nil } }
        #expect(defects.isEmpty, sourceLocation: location)
    }
}

enum Addresses {
    static let gateway = IPAddress.v4(IPv4Address(203, 0, 113, 2))
    static let peer = IPAddress.v4(IPv4Address(198, 51, 100, 7))
    static let hidden = IPAddress.v4(IPv4Address(192, 168, 1, 10))
    static let nat = IPAddress.v4(IPv4Address(198, 51, 100, 1))
    static let otherNAT = IPAddress.v4(IPv4Address(198, 51, 100, 99))
    static let hiddenGateway = IPAddress.v4(IPv4Address(10, 77, 0, 2))

    static func v6(_ last: UInt128) -> IPAddress {
        .v6(IPv6Address(bits: 0x2001_0db8_0000_0000_0000_0000_0000_0000 + last))
    }
}

/// Configurations that tests begin with.
enum Configurations {
    static let psk = Array("a secret that only A and B know".utf8)

    static func selector(_ text: String) -> TrafficSelector {
        guard let prefix = IPPrefix(text) else { preconditionFailure("not a prefix: \(text)") }
        return TrafficSelector(prefix)
    }

    static func child(_ name: String = "net") -> ChildConfiguration {
        ChildConfiguration(
            name: name, proposals: [PeerSettings.espProposal],
            localSelectors: [.fixed(Self.selector("10.2.0.0/24"))],
            remoteSelectors: [.fixed(Self.selector("10.1.0.0/24"))])
    }

    static func connection(_ name: String = "site-a") -> ConnectionConfiguration {
        var connection = ConnectionConfiguration(
            name: name, proposals: [PeerSettings.ikeProposal(.x25519)], children: [Self.child()])
        connection.localIdentity = .fqdn("b.example.org")
        connection.remoteIdentity = .exact(.fqdn("a.example.org"))
        return connection
    }

    /// One connection for `PeerSettings` as they are.
    static func site() -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        configuration.connections = [Self.connection()]
        configuration.secrets = [
            SharedSecret(name: "ike-a", owners: [], key: SecretBytes(copying: Self.psk))
        ]
        return configuration
    }
}

extension IPPrefix {
    /// 192.0.2.0/24.
    static let documentation: IPPrefix = {
        guard let prefix = IPPrefix("192.0.2.0/24") else { preconditionFailure("not a prefix") }
        return prefix
    }()
}
