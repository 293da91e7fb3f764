import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Two gateways with an engine each, of which the one called A begins.
final class Pair {
    let net: SimNet
    var a: EngineHost
    var b: EngineHost
    private var lastCommand: UInt64 = 100
    private var restarts: UInt64 = 0

    /// A is `a.example.org` with 10.1.0.0/24 behind it, and calls B, `b.example.org` with 10.2.0.0/24.
    init(
        seed: UInt64 = 1, _ topology: Bench.Topology = Bench.Topology(),
        a changeA: (inout GatewayConfiguration) -> Void = { _ in },
        b changeB: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws {
        self.net = SimNet(seed: seed)
        var configurationA = Self.caller(try #require(AddressRange(topology.gateway, topology.gateway)))
        if let seen = topology.seenGateway, let range = AddressRange(seen, seen) {
            configurationA = Self.caller(range)
        }
        changeA(&configurationA)
        var configurationB = Configurations.site()
        changeB(&configurationB)
        self.a = EngineHost(
            addresses: [topology.peer], configuration: configurationA, seed: seed &* 7 &+ 3)
        self.b = EngineHost(
            addresses: [topology.gateway], configuration: configurationB, seed: seed &* 3 &+ 1)
        self.net.attach(self.a, behind: topology.peerNATs)
        self.net.attach(self.b, behind: topology.gatewayNATs)
    }

    private static func caller(_ remote: AddressRange) -> GatewayConfiguration {
        var configuration = Configurations.site()
        configuration.connections[0].name = "site-b"
        configuration.connections[0].localIdentity = .fqdn("a.example.org")
        configuration.connections[0].remoteIdentity = .exact(.fqdn("b.example.org"))
        configuration.connections[0].remoteAddresses = [.range(remote)]
        configuration.connections[0].children[0].localSelectors = [
            .fixed(Configurations.selector("10.1.0.0/24"))
        ]
        configuration.connections[0].children[0].remoteSelectors = [
            .fixed(Configurations.selector("10.2.0.0/24"))
        ]
        configuration.connections[0].children[0].startAction = .start
        return configuration
    }

    /// A host crashes and starts anew, with nothing but its configuration and what it keeps on disk.
    func restart(
        _ host: ReferenceWritableKeyPath<Pair, EngineHost>,
        configuration change: (inout GatewayConfiguration) -> Void = { _ in }
    ) {
        let old = self[keyPath: host]
        var configuration = old.engine.context.configuration
        change(&configuration)
        self.restarts += 1
        let new = EngineHost(
            addresses: old.addresses, configuration: configuration,
            seed: self.net.seed &* 11 &+ self.restarts, firstSPI: 0xd000_0001 + UInt32(self.restarts) << 16)
        self[keyPath: host] = new
        self.net.replace(old, with: new)
        new.feed(.started, on: self.net)
    }

    /// A's packets can come and go: it begins.
    func start() { self.a.feed(.started, on: self.net) }

    /// Begins, and waits until A's connection stands with a CHILD_SA.
    func connect(_ location: SourceLocation = #_sourceLocation) throws {
        self.start()
        self.net.run(upTo: .seconds(300)) { self.stands }
        try #require(self.stands, "A's connection does not stand", sourceLocation: location)
        self.net.run(for: .milliseconds(100))
    }

    /// True if A has one IKE_SA with a CHILD_SA.
    var stands: Bool { self.a.engine.snapshots.first?.children.isEmpty == false }

    /// True if an inner packet goes from A to B and an answer comes back.
    func pings(_ text: String = "1") -> Bool {
        guard let reqid = self.a.engine.snapshots.first?.children.last?.spec.reqid else { return false }
        let before = self.a.heard.count
        self.a.say("ping \(text)", reqid: reqid, on: self.net)
        self.net.run(for: .milliseconds(100))
        return self.a.heard.dropFirst(before).contains("pong \(text)")
    }

    /// Why A's attempts failed.
    var faults: [InitiationFault] {
        self.a.events.compactMap { if case .initiationFailed(_, _, let fault) = $0 { fault } else { nil } }
    }

    /// How many attempts A has begun.
    var attempts: Int { self.a.events.count { if case .initiating = $0 { true } else { false } } }

    /// What an operator asks of A or B; false if it is refused.
    @discardableResult
    func command(_ command: OperatorCommand, of host: EngineHost) -> Bool {
        self.lastCommand += 1
        host.feed(.command(commandID: self.lastCommand, command), on: self.net)
        guard case .begun? = host.answers[self.lastCommand] else { return false }
        return true
    }

    /// How many CHILD_SAs both sides have, each with the same keys at both ends; nil if they differ.
    var agreedChildren: Int? {
        for (one, other) in [(self.a, self.b), (self.b, self.a)] {
            for (spi, state) in one.kernel.inbound {
                let sending = other.kernel.outbound.first { $0.key.spi == spi }?.value
                guard let sending, sending.suite == state.suite,
                    sending.keys.encryption.isEqual(to: state.keys.encryption),
                    sending.keys.integrity.isEqual(to: state.keys.integrity)
                else { return nil }
            }
            let known = Set(one.engine.snapshots.flatMap(\.children).map(\.spec.inboundSPI))
            guard known == Set(one.kernel.inbound.keys), one.kernel.outbound.count == known.count,
                one.kernel.reserved.isEmpty
            else { return nil }
        }
        let count = self.a.kernel.inbound.count
        return count == self.b.kernel.inbound.count ? count : nil
    }

    /// How many IKE_SAs both sides have, with the same SPIs; nil if they differ, or if something of old ones is left.
    var agreedIKESAs: Int? {
        let spis = [self.a, self.b].map { host in
            Set(host.engine.snapshots.map { [$0.initiatorSPI, $0.responderSPI] })
        }
        let counts = [self.a, self.b].map(\.engine.context.directory.count)
        guard spis[0] == spis[1], counts.allSatisfy({ $0 == spis[0].count }) else { return nil }
        return spis[0].count
    }

    /// What must be true after every test, whatever happened in it.
    func expectSound(_ location: SourceLocation = #_sourceLocation) {
        for host in [self.a, self.b] {
            #expect(host.kernel.violations.isEmpty, sourceLocation: location)
            host.engine.expectConsistentDirectory(location)
            host.engine.expectConsistentKeeper(location)
            let defects = host.events.compactMap { if case .defect(_, let text) = $0 { text } else { nil } }
            #expect(defects.isEmpty, sourceLocation: location)
        }
        #expect(self.net.stuckHosts.isEmpty, sourceLocation: location)
    }

    /// Nothing of attempts that failed is left on A.
    func expectNothingHeld(_ location: SourceLocation = #_sourceLocation) {
        #expect(self.a.engine.initiations.isEmpty, sourceLocation: location)
        #expect(self.a.kernel.inbound.isEmpty && self.a.kernel.outbound.isEmpty, sourceLocation: location)
        #expect(self.a.kernel.reserved.isEmpty, sourceLocation: location)
    }
}
