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
}
