import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Keepalives of ours, and how those of others are taken (RFC 3948 §2.3, §4).
@Suite(.networkCapture) struct KeepaliveTests {
    private func hiddenGateway(
        _ interval: Duration? = .seconds(20), liveness: Duration? = nil
    ) throws -> Bench {
        let bench = Bench(NATDetectionTests.topology(.gateway, .v4)) { configuration in
            configuration.keepaliveInterval = interval
            configuration.connections[0].livenessDelay = liveness
            configuration.connections[0].children[0].lifetime.rekey = nil
        }
        try bench.connect()
        return bench
    }

    private func keepalives(_ bench: Bench) -> [Instant] {
        bench.net.sent.filter { $0.datagram.isKeepalive }.map(\.at)
    }

    @Test func `behind a NAT and silent we send one octet every twenty seconds`() throws {
        let bench = try self.hiddenGateway()
        let start = try #require(bench.net.sent.last).at
        bench.net.run(for: .seconds(3_600))
        let sent = self.keepalives(bench)
        #expect(sent.count == 180 || sent.count == 179)
        #expect(sent.first == start.advanced(by: .seconds(20)))
        let gaps = zip(sent, sent.dropFirst()).map { $1.since($0) }
        #expect(gaps.allSatisfy { $0 == .seconds(20) })
        #expect(bench.net.sent.last?.datagram.destination == Endpoint(Addresses.peer, 4500))
        #expect(bench.net.sent.last?.datagram.source == Endpoint(Addresses.gateway, 4500))
        #expect(bench.snapshot?.keepalivesSent == UInt64(sent.count))
        bench.expectSound()
    }

    @Test func `a message of ours puts the next keepalive off`() throws {
        let bench = try self.hiddenGateway()
        for _ in 0..<20 {
            bench.net.run(for: .seconds(15))
            try bench.finish(bench.peer.probe())
        }
        #expect(self.keepalives(bench).isEmpty)
        bench.expectSound()
    }

    @Test func `no interval means no keepalives`() throws {
        let bench = try self.hiddenGateway(nil)
        bench.net.run(for: .seconds(600))
        #expect(self.keepalives(bench).isEmpty)
        #expect(bench.snapshot?.nextKeepalive == nil)
        bench.expectSound()
    }

    @Test func `with only the peer behind a NAT we send no keepalives`() throws {
        let bench = Bench(.natted(SimNAT(outerAddress: Addresses.nat)))
        try bench.connect()
        bench.net.run(for: .seconds(600))
        #expect(self.keepalives(bench).isEmpty)
        bench.expectSound()
    }

    @Test func `keepalives go on under the rekeyed IKE_SA alone`() throws {
        let bench = try self.hiddenGateway()
        try bench.finish(bench.peer.rekeyIKESA())
        bench.net.run(for: .seconds(100))
        #expect(self.keepalives(bench).count == 5 || self.keepalives(bench).count == 4)
        bench.expectSound()
    }

    @Test func `a keepalive that comes in is counted and changes nothing`() throws {
        let bench = Bench(.natted(SimNAT(outerAddress: Addresses.nat)))
        try bench.connect()
        let before = try #require(bench.snapshot)
        bench.gateway.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: [0xff], source: Endpoint(Addresses.nat, 9), destination: before.path.local,
                    socket: .natTraversal)), on: bench.net)
        #expect(bench.engine.counters.dropped(.keepalive) == 1)
        #expect(bench.snapshot?.path == before.path)
        #expect(bench.snapshot?.lastHeard == before.lastHeard)
        bench.expectSound()
    }

    @Test(
        arguments: [
            ([], DropReason.runt), ([1, 2, 3], .runt),
            ([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1], .unexpectedESP),
            ([0, 0, 0, 0], .malformed), ([0, 0, 0, 0, 1], .malformed),
        ] as [([UInt8], DropReason)])
    func `what is neither IKE nor a keepalive on 4500 is counted and dropped`(
        bytes: [UInt8], reason: DropReason
    ) throws {
        let bench = Bench()
        bench.gateway.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: bytes, source: Endpoint(Addresses.peer, 4500),
                    destination: Endpoint(Addresses.gateway, 4500), socket: .natTraversal)), on: bench.net)
        #expect(bench.engine.counters.dropped(reason) == 1)
        #expect(bench.net.sent.isEmpty)
    }
}
