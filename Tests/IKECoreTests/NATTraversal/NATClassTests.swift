import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Tunnels through each class of NAT, and through two of them.
@Suite(.networkCapture) struct NATClassTests {
    /// Connects, then survives a reboot of the NAT with one lost ping at most.
    private func survive(_ nats: [SimNAT]) throws {
        var topology = Bench.Topology(peer: Addresses.hidden)
        topology.peerNATs = nats
        let bench = Bench(topology)
        try bench.connect()
        #expect(bench.snapshot?.path.remote.address == Addresses.nat)
        #expect(try bench.pings("1"))
        for nat in nats {
            nat.reboot()
            _ = try bench.pings("perhaps lost")
            #expect(try bench.pings("2"))
        }
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings("3"))
        bench.expectSound()
    }

    @Test(arguments: SimNAT.Behaviour.allCases, SimNAT.Behaviour.allCases)
    func `one NAT of any class`(mapping: SimNAT.Behaviour, filtering: SimNAT.Behaviour) throws {
        try self.survive([
            SimNAT(outerAddress: Addresses.nat, mapping: mapping, filtering: filtering)
        ])
    }

    @Test func `two NATs, one behind the other`() throws {
        try self.survive([
            SimNAT(outerAddress: .v4(IPv4Address(100, 64, 0, 9)), firstPort: 30_000),
            SimNAT(outerAddress: Addresses.nat),
        ])
    }

    /// A calls B at `called`, an address of `front` or of a NAT behind it, and both are behind `front`.
    private func neighbours(
        _ front: SimNAT, _ nats: (a: [SimNAT], b: [SimNAT]), called: IPAddress
    ) throws -> Pair {
        var topology = Bench.Topology(gateway: Addresses.hiddenGateway, peer: Addresses.hidden)
        topology.peerNATs = nats.a + [front]
        topology.gatewayNATs = nats.b + [front]
        topology.seenGateway = called
        for port in [IKEPort.ike, IKEPort.natTraversal] {
            var inner = Endpoint(Addresses.hiddenGateway, port)
            for nat in topology.gatewayNATs {
                nat.forward(port, to: inner)
                inner = Endpoint(nat.outerAddress, port)
            }
        }
        return try Pair(topology)
    }

    @Test func `two gateways behind one NAT that turns packets around`() throws {
        let pair = try self.neighbours(SimNAT(outerAddress: Addresses.nat), ([], []), called: Addresses.nat)
        try pair.connect()
        #expect(pair.pings())
        #expect(pair.a.engine.snapshots.first?.path.remote.address == Addresses.nat)
        #expect(pair.b.engine.snapshots.first?.path.remote.address == Addresses.nat)
        pair.expectSound()
    }

    @Test func `two gateways behind one NAT that does not`() throws {
        let pair = try self.neighbours(
            SimNAT(outerAddress: Addresses.nat, hairpins: false), ([], []), called: Addresses.nat)
        pair.start()
        pair.net.run(for: .seconds(300))
        #expect(!pair.stands)
        #expect(pair.faults.contains(.noAnswer))
        pair.expectSound()
    }

    @Test(arguments: [true, false])
    func `two gateways with NATs of their own behind one of their provider`(isTurnedAround: Bool) throws {
        let front = SimNAT(outerAddress: Addresses.nat)
        let nats = [
            SimNAT(outerAddress: .v4(IPv4Address(100, 64, 0, 1)), firstPort: 30_000),
            SimNAT(outerAddress: .v4(IPv4Address(100, 64, 0, 2)), firstPort: 40_000),
        ]
        let pair = try self.neighbours(
            front, ([nats[0]], [nats[1]]), called: isTurnedAround ? Addresses.nat : nats[1].outerAddress)
        try pair.connect()
        #expect(pair.pings("1"))
        // Only on the way by the provider's outer address a reboot of its NAT is felt.
        front.reboot()
        #expect(pair.pings("2") != isTurnedAround || pair.pings("3"))
        pair.net.run(for: .seconds(60))
        #expect(pair.pings("4"))
        pair.expectSound()
    }
}
