import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// How IKE and ESP follow a peer whose NAT forgets (RFC 7296 §2.23).
@Suite(.networkCapture) struct PathTests {
    /// A peer behind a NAT that it has not lost yet.
    private func natted(
        _ configuration: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> (Bench, SimNAT) {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let bench = Bench(.natted(nat), configuration: configuration)
        try bench.connect()
        return (bench, nat)
    }

    private func changes(_ bench: Bench) -> [Path] {
        bench.events { if case .pathChanged(_, _, let to) = $0 { to } else { nil } }
    }

    @Test func `an IKE message from a new port moves IKE and ESP there`() throws {
        let (bench, nat) = try self.natted()
        let before = try #require(bench.snapshot).path.remote
        nat.reboot()
        try bench.finish(bench.peer.probe())
        let snapshot = try #require(bench.snapshot)
        #expect(snapshot.path.remote != before)
        #expect(snapshot.path.remote.address == before.address)
        #expect(snapshot.path.confirmedBy == .ike)
        #expect(snapshot.lastPathChange?.from == before)
        #expect(snapshot.pathChanges == 1)
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [snapshot.path.remote])
        #expect(self.changes(bench).count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `an ESP packet from a new port moves IKE and ESP there`() throws {
        let (bench, nat) = try self.natted()
        nat.reboot()
        try bench.peer.say("ping lost?")
        bench.net.run(for: .seconds(1))
        let snapshot = try #require(bench.snapshot)
        #expect(snapshot.path.confirmedBy == .esp)
        #expect(snapshot.pathChanges == 1)
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [snapshot.path.remote])
        #expect(bench.peer.heard == ["pong lost?"])
        // Our own request reaches the peer, too.
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.peer.heardRequests.count == 1)
        bench.expectSound()
    }

    @Test func `a change of address moves IKE and ESP, and the sequence number stays`() throws {
        let (bench, nat) = try self.natted()
        #expect(try bench.pings("1"))
        #expect(try bench.pings("2"))
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.path.remote.address == Addresses.otherNAT)
        #expect(bench.kernel.outbound.values.map(\.sequence) == [2])
        #expect(try bench.pings("3"))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a NAT that forgets every thirty seconds costs at most the first packet`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(30))
        let bench = Bench(.natted(nat))
        try bench.connect()
        for round in 0..<10 {
            bench.net.run(for: .seconds(45))
            _ = try bench.pings("first \(round)")
            #expect(try bench.pings("second \(round)"))
        }
        #expect(bench.snapshot?.pathChanges == 10)
        bench.expectSound()
    }

    @Test func `a replayed request gets its answer and moves nothing`() throws {
        let (bench, _) = try self.natted()
        let probe = try bench.peer.probe()
        try bench.finish(probe)
        let before = try #require(bench.snapshot).path
        let attacker = Endpoint(.v4(IPv4Address(192, 0, 2, 66)), 4500)
        let octets = try #require(probe.datagrams.first)
        bench.net.inject(
            Datagram(
                source: attacker, destination: Endpoint(Addresses.gateway, 4500),
                bytes: NonESPMarker.add(to: octets)))
        bench.net.run(for: .seconds(1))
        #expect(bench.snapshot?.path.remote == before.remote)
        #expect(bench.snapshot?.pathChanges == 0)
        #expect(bench.net.sent.last?.datagram.destination == attacker)
        #expect(bench.kernel.moves == 0)
        bench.expectSound()
    }

    @Test func `a message with a wrong ICV moves nothing`() throws {
        let (bench, _) = try self.natted()
        let probe = try bench.peer.ask(.informational) { ikeSA, header in
            var octets = try ikeSA.seal(header, [])[0]
            octets[octets.count - 1] ^= 1
            return [octets]
        }
        bench.net.inject(
            Datagram(
                source: Endpoint(.v4(IPv4Address(192, 0, 2, 66)), 4500),
                destination: Endpoint(Addresses.gateway, 4500),
                bytes: NonESPMarker.add(to: try #require(probe.datagrams.first))))
        bench.net.run(for: .milliseconds(500))
        #expect(bench.snapshot?.pathChanges == 0)
        #expect(bench.engine.counters.dropped(.wrongICV) == 2)
    }

    @Test func `a peer that is not behind a NAT is not followed`() throws {
        let bench = Bench()
        try bench.connect()
        bench.peer.settings.address = .v4(IPv4Address(198, 51, 100, 200))
        let before = try #require(bench.snapshot).path.remote
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.path.remote == before)
        #expect(bench.snapshot?.pathChanges == 0)
        bench.expectSound()
    }

    @Test func `a move that the kernel cannot make leaves IKE and ESP together where they were`() throws {
        let (bench, nat) = try self.natted()
        let before = try #require(bench.snapshot).path.remote
        bench.kernel.failing = [.move]
        nat.reboot()
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.path.remote == before)
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [before])
        let faults = bench.events {
            if case .dataPlaneFailed(_, let fault) = $0 { fault.operation } else { nil }
        }
        #expect(faults == ["UPDSA"])
        // The next message tries again.
        bench.kernel.failing = []
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.path.remote != before)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `all CHILD_SAs of the IKE_SA move at once`() throws {
        let (bench, nat) = try self.natted()
        try bench.finish(bench.peer.createChild())
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        nat.reboot()
        try bench.finish(bench.peer.probe())
        #expect(bench.kernel.moves == 1)
        let remote = try #require(bench.snapshot).path.remote
        #expect(bench.kernel.inbound.values.allSatisfy { $0.path.remote == remote })
        #expect(bench.snapshot?.children.allSatisfy { $0.spec.path.remote == remote } == true)
        bench.expectSound()
    }

    @Test func `a peer without CHILD_SAs is followed, too`() throws {
        let (bench, nat) = try self.natted()
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        nat.reboot()
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.pathChanges == 1)
        try bench.finish(bench.peer.createChild())
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `a CHILD_SA that is deleted from a new address leaves nothing behind`(delay: Duration) throws {
        let (bench, nat) = try self.natted()
        bench.gateway.kernelDelay = delay
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        bench.net.run(for: .seconds(5))
        #expect(bench.kernel.isEmpty)
        #expect(bench.snapshot?.path.remote.address == Addresses.otherNAT)
        bench.expectSound()
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `an IKE_SA that is deleted from a new address leaves nothing behind`(delay: Duration) throws {
        let (bench, nat) = try self.natted()
        bench.gateway.kernelDelay = delay
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.deleteIKESA())
        bench.net.run(for: .seconds(5))
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `a rekeying that ends from a new address sends by the new CHILD_SA to the new address`(
        delay: Duration
    ) throws {
        let (bench, nat) = try self.natted()
        let old = bench.peer.children[0]
        try bench.finish(bench.peer.createChild(replacing: old))
        bench.gateway.kernelDelay = delay
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.delete([old]))
        bench.net.run(for: .seconds(10))
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.otherNAT])
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `a CHILD_SA that is made from a new address goes there`(delay: Duration) throws {
        let (bench, nat) = try self.natted()
        bench.gateway.kernelDelay = delay
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.createChild())
        bench.net.run(for: .seconds(10))
        #expect(bench.kernel.outbound.values.allSatisfy { $0.path.remote.address == Addresses.otherNAT })
        #expect(bench.agreedChildren()?.count == 2)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a second change during a slow move ends at the second place`() throws {
        let (bench, nat) = try self.natted()
        bench.gateway.kernelDelay = .seconds(2)
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.probe())
        nat.changeAddress(to: .v4(IPv4Address(198, 51, 100, 150)))
        try bench.finish(bench.peer.probe())
        bench.net.run(for: .seconds(5))
        try bench.finish(bench.peer.probe())
        bench.net.run(for: .seconds(5))
        let remote = try #require(bench.snapshot).path.remote
        #expect(remote.address == .v4(IPv4Address(198, 51, 100, 150)))
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [remote])
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a move that fails after a second change leaves IKE and ESP together`() throws {
        let (bench, nat) = try self.natted()
        bench.gateway.kernelDelay = .seconds(2)
        nat.changeAddress(to: Addresses.otherNAT)
        try bench.finish(bench.peer.probe())
        bench.kernel.failing = [.move]
        nat.changeAddress(to: .v4(IPv4Address(198, 51, 100, 150)))
        try bench.finish(bench.peer.probe())
        bench.net.run(for: .seconds(5))
        let remote = try #require(bench.snapshot).path.remote
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [remote])
        bench.expectSound()
    }

    @Test func `the path outlives a rekeying of the IKE_SA`() throws {
        let (bench, nat) = try self.natted()
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.deleteIKESA(bench.peer.ikeSAs[0]))
        nat.reboot()
        try bench.peer.say("ping")
        bench.net.run(for: .seconds(1))
        #expect(bench.snapshot?.pathChanges == 1)
        #expect(try bench.pings("again"))
        bench.expectSound()
    }

    @Test func `a MAPPING event of an SA that is none of ours changes nothing`() throws {
        let (bench, _) = try self.natted()
        bench.gateway.feed(
            .dataPlaneEvent(
                .mappingChanged(
                    SAIdentifier(spi: ESPSPI(7), destination: Addresses.gateway), reqid: 1,
                    from: Endpoint(Addresses.nat, 1), to: Endpoint(Addresses.nat, 2))), on: bench.net)
        #expect(bench.snapshot?.pathChanges == 0)
        bench.expectSound()
    }
}
