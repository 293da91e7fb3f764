import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What operators ask for, and changes of configuration.
@Suite(.networkCapture) struct CommandTests {
    private func command(_ bench: Bench, _ command: OperatorCommand) -> CommandAnswer? {
        bench.gateway.feed(.command(commandID: 7, command), on: bench.net)
        bench.net.run(for: .seconds(1))
        return bench.gateway.answers[7]
    }

    private func ends(_ bench: Bench) -> [EndReason] {
        bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
    }

    @Test func `terminate of a connection deletes its IKE_SA and tells the peer`() throws {
        let bench = Bench()
        try bench.connect()
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: nil))
                == .begun(count: 1))
        #expect(bench.peer.heardRequests.map(\.payloads) == [[.delete(.ikeSA)]])
        #expect(bench.peer.ikeSA == nil)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        #expect(self.ends(bench) == [.terminated])
        bench.expectSound()
    }

    @Test func `terminate of a child deletes its CHILD_SAs alone`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild())
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: "net"))
                == .begun(count: 2))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `terminate of one unique ID leaves the others`() throws {
        let bench = Bench { $0.connections[0].remoteIdentity = .any }
        try bench.connect()
        let other = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) {
            $0.identity = .fqdn("o.example.org")
        }
        try bench.connect(other)
        let ids = bench.engine.snapshots.map(\.label.uniqueID)
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: ids[0], child: nil))
                == .begun(count: 1))
        #expect(bench.engine.snapshots.map(\.label.uniqueID) == [ids[1]])
        #expect(try bench.pings(from: other))
        bench.expectSound()
    }

    @Test func `terminate of what is not there says so`() throws {
        let bench = Bench()
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: nil))
                == .refused("connection 'site-a' has no IKE_SA"))
        #expect(
            self.command(bench, .terminate(connection: "nobody", uniqueID: nil, child: nil))
                == .refused("there is no connection 'nobody'"))
        try bench.connect()
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: "other"))
                == .refused("connection 'site-a' has no child 'other'"))
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: 99, child: nil))
                == .refused("connection 'site-a' has no IKE_SA with the ID 99"))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `shutting down deletes everything and takes nothing new`() throws {
        let bench = Bench()
        try bench.connect()
        #expect(!bench.engine.isIdle)
        #expect(self.command(bench, .shutDown) == .begun(count: 1))
        #expect(bench.engine.isIdle)
        #expect(bench.kernel.isEmpty)
        #expect(bench.peer.ikeSA == nil)
        bench.peer.settings.retransmission = [.seconds(1)]
        try bench.connect(bench.peer)
        #expect(!bench.peer.isEstablished)
        #expect(bench.engine.counters.dropped(.notAccepting) == 1)
        bench.expectSound()
    }

    @Test func `a peer that does not answer our DELETE is forgotten after the last retransmission`() throws {
        let bench = Bench()
        try bench.connect()
        bench.peer.settings.answersRequests = false
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: nil))
                == .begun(count: 1))
        #expect(bench.kernel.isEmpty)
        #expect(!bench.engine.isIdle)
        bench.net.run(for: .seconds(170))
        #expect(bench.engine.isIdle)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.engine.nextDeadline == nil)
        bench.expectSound()
    }

    @Test(arguments: [Duration.seconds(1), .milliseconds(1_900), .seconds(3)])
    func `terminating while the kernel is at work leaves nothing behind`(after: Duration) throws {
        // Answers take two seconds each: first the SPI, then the installation.
        let bench = Bench { _ in
        } peer: {
            $0.espProposals = []
        }
        try bench.connect(bench.peer)
        bench.peer.settings.espProposals = [PeerSettings.espProposal]
        bench.gateway.kernelDelay = .seconds(2)
        try bench.peer.createChild()
        bench.net.run(for: after)
        #expect(
            self.command(bench, .terminate(connection: "site-a", uniqueID: nil, child: nil))
                == .begun(count: 1))
        bench.net.run(for: .seconds(60))
        #expect(bench.kernel.isEmpty)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.violations.isEmpty)
    }

    // MARK: Configuration

    @Test func `an unchanged connection keeps its SAs`() throws {
        let bench = Bench()
        try bench.connect()
        var configuration = Configurations.site()
        configuration.connections.insert(Configurations.connection("another"), at: 0)
        bench.gateway.feed(.configuration(configuration), on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.agreedChildren()?.count == 1)
        #expect(self.ends(bench).isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [0, 1, 2, 3])
    func `a connection that is gone or different, or another key, ends the IKE_SA with a DELETE`(
        change: Int
    ) throws {
        let bench = Bench()
        try bench.connect()
        var configuration = Configurations.site()
        switch change {
        case 0: configuration.connections = []
        case 1: configuration.connections[0].livenessDelay = .seconds(99)
        case 2: configuration.secrets = []
        default:
            configuration.secrets = [SharedSecret(name: "ike-a", owners: [], key: SecretBytes(copying: [1]))]
        }
        bench.gateway.feed(.configuration(configuration), on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.peer.ikeSA == nil)
        #expect(self.ends(bench) == [.configurationChanged])
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a new configuration decides about the next peer`() throws {
        let bench = Bench { $0.connections = [] }
        try bench.connect(bench.peer)
        #expect(!bench.peer.isEstablished)
        bench.gateway.feed(.configuration(Configurations.site()), on: bench.net)
        try bench.connect(bench.peer)
        #expect(bench.peer.isEstablished)
        bench.expectSound()
    }

    // MARK: Uniqueness

    /// Sets up a second IKE_SA of the same peer and says what became of the first.
    private func secondComes(
        _ policy: UniquenessPolicy, initialContact: Bool
    ) throws -> (Bench, ScriptedInitiator) {
        let bench = Bench { $0.connections[0].uniqueness = policy }
        try bench.connect()
        let second = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) {
            $0.saysInitialContact = initialContact
        }
        try bench.connect(second)
        bench.net.run(for: .seconds(1))
        return (bench, second)
    }

    @Test(
        arguments: [
            (UniquenessPolicy.never, false, 2, true), (.never, true, 2, true), (.no, false, 2, true),
            (.no, true, 1, true), (.replace, false, 1, true), (.replace, true, 1, true),
            (.keep, false, 1, false), (.keep, true, 1, true),
        ])
    func `an older IKE_SA of the same peer is treated as the policy says`(
        policy: UniquenessPolicy, initialContact: Bool, remaining: Int, isSecondIn: Bool
    ) throws {
        let (bench, second) = try self.secondComes(policy, initialContact: initialContact)
        #expect(bench.engine.snapshots.count == remaining)
        #expect(second.isEstablished == isSecondIn)
        if isSecondIn { #expect(try bench.pings(from: second)) }
        // INITIAL_CONTACT says that the peer has forgotten: then it gets no DELETE.
        let isToldSo = policy == .replace && !initialContact
        #expect(bench.peer.heardRequests.count == (isToldSo ? 1 : 0))
        bench.expectSound()
    }

    @Test func `INITIAL_CONTACT of another identity changes nothing`() throws {
        let bench = Bench { $0.connections[0].remoteIdentity = .any }
        try bench.connect()
        let other = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) {
            $0.identity = .fqdn("o.example.org")
            $0.saysInitialContact = true
        }
        try bench.connect(other)
        #expect(bench.engine.snapshots.count == 2)
        bench.expectSound()
    }
}
