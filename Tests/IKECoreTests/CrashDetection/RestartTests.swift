import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// One of two gateways crashes and starts anew (RFC 6290).
@Suite(.networkCapture) struct RestartTests {
    private static let delay = Duration.seconds(10)
    /// Until a call after a first end: five seconds, and some round trips.
    private static let callAgain = Duration.seconds(6)

    /// Which of the two.
    enum Side: CaseIterable {
        case a, b

        var path: ReferenceWritableKeyPath<Pair, EngineHost> { self == .a ? \.a : \.b }
        var other: Side { self == .a ? .b : .a }
    }

    private func pair(
        seed: UInt64 = 1, a changeA: (inout GatewayConfiguration) -> Void = { _ in },
        b changeB: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let pair = try Pair(seed: seed, Bench.Topology()) {
            $0.connections[0].livenessDelay = Self.delay
            changeA(&$0)
        } b: {
            $0.connections[0].livenessDelay = Self.delay
            changeB(&$0)
        }
        try pair.connect()
        return pair
    }

    private func ends(_ host: EngineHost) -> [EndReason] {
        host.events.compactMap { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
    }

    /// How long it takes until the IKE_SAs of `host` that stand now are gone.
    private func timeToNotice(_ pair: Pair, _ side: Side) -> Duration? {
        let begin = pair.net.now
        let count = self.ends(pair[keyPath: side.path]).count
        let ended = pair.net.run(upTo: .seconds(400)) { self.ends(pair[keyPath: side.path]).count > count }
        return ended ? pair.net.now.since(begin) : nil
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `a peer that starts anew is noticed at the next probe, and called again`(seed: UInt64) throws {
        let pair = try self.pair(seed: seed)
        pair.net.run(for: .seconds(400))
        pair.restart(\.b)
        let restarted = pair.net.now
        pair.net.run(upTo: .seconds(400)) { !pair.b.engine.snapshots.isEmpty }
        #expect(pair.net.now.since(restarted) <= Self.delay + Self.callAgain)
        #expect(self.ends(pair.a) == [.lostByPeer])
        pair.net.run(for: .milliseconds(200))
        #expect(pair.agreedIKESAs == 1)
        #expect(pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test(arguments: Side.allCases)
    func `without the token it takes all retransmissions`(side: Side) throws {
        // Whoever of the two has it switched off, there is no token that is made and taken.
        let off = { (configuration: inout GatewayConfiguration) in configuration.detectsCrashes = false }
        let pair = side == .a ? try self.pair(a: off) : try self.pair(b: off)
        pair.restart(\.b)
        let time = try #require(self.timeToNotice(pair, .a))
        #expect(time > .seconds(165))
        #expect(self.ends(pair.a) == [.peerDead])
        pair.expectSound()
    }

    @Test func `the responder notices a restart of the initiator that does not call again`() throws {
        let pair = try self.pair()
        pair.restart(\.a) { $0.connections[0].children[0].startAction = .none }
        let time = try #require(self.timeToNotice(pair, .b))
        #expect(time <= Self.delay + .seconds(1))
        #expect(self.ends(pair.b) == [.lostByPeer])
        #expect(pair.b.kernel.isEmpty)
        pair.expectSound()
    }

    /// Who rekeys before, and who restarts then; a token belongs to one pair of SPIs (RFC 6290 §4.3).
    @Test(arguments: Side.allCases, Side.allCases)
    func `new keys have new tokens, both ways`(rekeying: Side, restarting: Side) throws {
        let pair = try self.pair()
        let connection = rekeying == .a ? "site-b" : "site-a"
        for round in 1...2 {
            let rekeys = pair.command(
                .rekey(connection: connection, uniqueID: nil, child: nil), of: pair[keyPath: rekeying.path])
            #expect(rekeys)
            // Until the old one is forgotten as well.
            pair.net.run(for: .seconds(40))
            #expect(pair.agreedIKESAs == 1, "round \(round)")
        }
        pair.restart(restarting.path) { $0.connections[0].children[0].startAction = .none }
        let time = try #require(self.timeToNotice(pair, restarting.other))
        #expect(time <= Self.delay + .seconds(1))
        #expect(self.ends(pair[keyPath: restarting.other.path]).last == .lostByPeer)
        pair.expectSound()
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>, Side.allCases)
    func `rekeyings that crossed leave tokens for what is left`(seed: UInt64, restarting: Side) throws {
        let pair = try self.pair(seed: seed)
        pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        pair.command(.rekey(connection: "site-a", uniqueID: nil, child: nil), of: pair.b)
        pair.net.run(for: .seconds(200))
        try #require(pair.agreedIKESAs == 1)
        pair.restart(restarting.path) { $0.connections[0].children[0].startAction = .none }
        let time = try #require(self.timeToNotice(pair, restarting.other))
        #expect(time <= Self.delay + .seconds(1))
        pair.expectSound()
    }

    @Test func `a peer without tokens is spared the exchange after a rekeying`() throws {
        let pair = try self.pair(b: { $0.detectsCrashes = false })
        let before = pair.net.sent.count
        pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        pair.net.run(for: .seconds(1))
        // CREATE_CHILD_SA and DELETE, each with its answer.
        #expect(pair.net.sent.count == before + 4)
        pair.expectSound()
    }

    @Test func `a restart that is over before anybody asks is found when the peer calls`() throws {
        let pair = try self.pair()
        pair.restart(\.a)
        pair.net.run(for: .seconds(2))
        // INITIAL_CONTACT was faster (RFC 7296 §2.4).
        #expect(self.ends(pair.b) == [.replaced])
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `both start anew at the same time`() throws {
        let pair = try self.pair()
        pair.restart(\.b)
        pair.restart(\.a)
        pair.net.run(for: .seconds(30))
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `on a bad line a restart is noticed with one of the retransmissions`(seed: UInt64) throws {
        let pair = try self.pair(seed: seed)
        pair.net.conditions = .bad
        pair.restart(\.b)
        let time = try #require(self.timeToNotice(pair, .a))
        // The first three transmissions; that all are lost on one of the two ways is once in twenty times.
        #expect(time <= Self.delay + .seconds(4 + 8 + 13 + 24))
        pair.net.conditions = LinkConditions()
        pair.net.run(for: .seconds(60))
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        pair.expectSound()
    }

    @Test func `a DELETE that meets a peer that has lost the IKE_SA ends with its token`() throws {
        let pair = try self.pair()
        pair.restart(\.b)
        pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        pair.net.run(for: .seconds(1))
        #expect(pair.a.engine.context.directory.count == 0)
        pair.expectSound()
    }
}
