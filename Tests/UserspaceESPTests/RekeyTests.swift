internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// A successor takes over, and peers move: no packet is lost, no sequence number used twice.
@Suite(.serialized) struct RekeyTests {
    private func successor(_ bench: Bench) throws -> (child: ChildSASpec, peer: Peer) {
        let child = try Child.near(generation: 2)
        // Shares no socket with the first peer: it only seals and opens.
        return (child, try Peer(try Wire().far, of: child))
    }

    @Test func `both receive until the old one is removed`() throws {
        let bench = try Bench()
        let (child, peer) = try self.successor(bench)
        try bench.site.host.run { try bench.plane.installInbound(child) }
        bench.peer.send(peer.seal(try Packets.udp([1])), to: child.path)
        #expect(bench.program.receive() == [1])
        bench.peer.send(bench.peer.seal(try Packets.udp([2])), to: child.path)
        #expect(bench.program.receive() == [2])
        try bench.plane.removeStates(bench.child)
        bench.peer.send(bench.peer.seal(try Packets.udp([3])), to: child.path)
        #expect(eventually { bench.site.dropped(.unknownSPI) == 1 })
        bench.peer.send(peer.seal(try Packets.udp([4])), to: child.path)
        #expect(bench.program.receive() == [4])
    }

    @Test func `the newest half sends, and the older again when that is removed`() throws {
        let bench = try Bench()
        let (child, peer) = try self.successor(bench)
        try bench.site.host.run { try bench.plane.installInbound(child) }
        #expect(bench.say()?.spi == bench.child.outboundSPI.number)
        try bench.site.host.run { try bench.plane.installOutbound(child) }
        let first = try #require(bench.say(5))
        #expect(first.spi == child.outboundSPI.number && first.sequenceNumber == 1)
        #expect(peer.open(first)?.last == 5)
        try bench.plane.removeStates(child)
        let back = try #require(bench.say(6))
        #expect(back.spi == bench.child.outboundSPI.number && back.sequenceNumber == 2)
        #expect(bench.peer.open(back)?.last == 6)
    }

    @Test func `the old half goes, and the new one goes on`() throws {
        let bench = try Bench()
        let (child, _) = try self.successor(bench)
        try bench.site.host.run {
            try bench.plane.installInbound(child)
            try bench.plane.installOutbound(child)
        }
        try bench.plane.removeStates(bench.child)
        #expect(bench.say()?.spi == child.outboundSPI.number)
    }

    /// Where a peer may go.
    enum Destination: String, CaseIterable, CustomTestStringConvertible {
        case port, address, otherFamily, noUDP
        var testDescription: String { self.rawValue }

        func path() throws -> Path {
            switch self {
            case .port: return try Child.path(remotePort: 4_501)
            case .address: return try Child.path(remote: Wire.Addresses.other)
            case .otherFamily: return try Child.path(.udp6)
            case .noUDP: return try Child.path(.bare4)
            }
        }
    }

    @Test(arguments: Destination.allCases)
    func `a moved SA goes on with its sequence numbers, window and counters`(to: Destination) throws {
        let bench = try Bench()
        let path = try to.path()
        // Listens at the new place before anything is sent there.
        let listener = try bench.wire.far.run { () -> PacketSocket in
            let family = path.remote.address.family
            guard path.usesUDPEncapsulation else { return try PacketSocket(rawESP: family) }
            guard to != .address else { return bench.peer.socket }
            return try PacketSocket(
                sharing: IKESocket(bindingTo: Endpoint(family.unspecified, path.remote.port), role: []),
                allowing: [])
        }
        let moved = Peer.Listener(listener)
        let old = bench.peer.seal(try Packets.udp([1]))
        bench.peer.send(old, to: bench.child.path)
        #expect(bench.program.receive() == [1])
        #expect((1...3).map { bench.say($0)?.sequenceNumber } == [1, 2, 3])
        _ = try bench.statistics { $0.packets == 1 && $1.packets == 3 }
        try bench.site.move([bench.child], to: path)
        var child = bench.child
        child.path = path
        let still = try bench.plane.statistics(child)
        #expect((still.inbound.packets, still.outbound.packets) == (1, 3))
        bench.program.send([4])
        let arrival = try #require(moved.receive())
        #expect(arrival.sequenceNumber == 4)
        #expect(arrival.to.address == path.remote.address && arrival.from.address == path.local.address)
        #expect(bench.peer.open(arrival)?.last == 4)
        bench.peer.send(old, to: bench.child.path)
        let (inbound, outbound) = try bench.statistics(of: child) { $0.replayed == 1 && $1.packets == 4 }
        #expect((inbound.packets, inbound.replayed) == (1, 1))
        #expect((outbound.packets, outbound.sequenceNumber) == (4, 4))
        try bench.plane.removeStates(child)
        bench.program.send([5])
        #expect(eventually { bench.site.dropped(.noSA) == 1 })
    }

    @Test func `a move whose route cannot be changed moves nothing`() throws {
        let bench = try Bench()
        // A second child whose selectors become more than routing takes. So its update fails after the first's.
        let second = try Child.near(reqid: 2, generation: 2)
        try bench.site.install(second)
        var broken = second
        broken.remoteSelectors = [
            TrafficSelector(
                addresses: try #require(
                    AddressRange(
                        try address("2001:db8::1"), try address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"))))
        ]
        let path = try Child.path(remote: Wire.Addresses.other)
        let before = try bench.wire.near.lines("route show table all proto 67").sorted()
        #expect(throws: KernelFault.self) { try bench.site.move([bench.child, broken], to: path) }
        #expect(try bench.wire.near.lines("route show table all proto 67").sorted() == before)
        #expect(bench.say()?.to.address == bench.child.path.remote.address)
    }
}
