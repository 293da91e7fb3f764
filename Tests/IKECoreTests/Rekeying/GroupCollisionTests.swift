import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Rekeyings that cross while neither side likes the other's group: both get INVALID_KE_PAYLOAD, ask once more with the
/// group that the other wants, and those requests cross again, or not (RFC 7296 §1.3.1, §1.3.2, §2.8).
@Suite(.networkCapture) struct GroupCollisionTests {
    typealias Move = CollisionTests.Move
    typealias Luck = CollisionTests.Luck

    /// What both have and like in another order.
    private static let groups: [KeyExchangeMethod] = [.ecp256, .ecp384]

    /// Two gateways that stand on x25519, of which A prefers ecp256 and B ecp384 from now on.
    ///
    /// With a group that one of them prefers, that one's first request would not be refused.
    private static func standing(
        seed: UInt64, _ change: (Pair) -> Void = { _ in }
    ) throws -> Pair {
        let pair = try CollisionTests.standing(seed: seed, change)
        for (host, groups) in [(pair.a, Self.groups), (pair.b, Self.groups.reversed())] {
            for ikeSA in host.engine.context.directory.all {
                ikeSA.connection.proposals = [Self.ikeProposal(groups + [.x25519])]
                ikeSA.connection.children[0].proposals = [
                    Proposal(.esp, PeerSettings.espProposal.transforms + groups.map { .keyExchange($0) })
                ]
            }
        }
        return pair
    }

    private static func ikeProposal(_ groups: [KeyExchangeMethod]) -> Proposal {
        let others = PeerSettings.ikeProposal(.x25519).transforms.filter { $0.type != .keyExchange }
        return Proposal(.ike, others + groups.map { .keyExchange($0) })
    }

    /// Both have one CHILD_SA and one IKE_SA, with one of the groups that they wanted, and nobody was refused.
    private func expectEnd(_ pair: Pair, _ a: Move, _ b: Move, _ what: Comment) throws {
        CollisionTests.expectEnd(pair, a, b, what)
        for host in [pair.a, pair.b] {
            let ikeSA = try #require(host.engine.context.directory.all.first, what)
            if a != .rekeyChild || b != .rekeyChild {
                #expect(Self.groups.contains(ikeSA.keys.suite.keyExchange), what)
            }
            let method = ikeSA.children.first?.spec.suite.keyExchange
            if a != .rekeyIKESA || b != .rekeyIKESA {
                #expect(method.map { Self.groups.contains($0) } == true, what)
            }
            let refused = host.events.contains { if case .rekeyingRefused = $0 { true } else { false } }
            #expect(!refused, what)
        }
    }

    private static let moves = [Move.rekeyChild, .rekeyIKESA, .rekeyBoth]

    @Test(arguments: [Move.rekeyChild, .rekeyIKESA])
    func `both requests are refused for their group, and both are made once more`(move: Move) throws {
        let pair = try Self.standing(seed: 1)
        let before = pair.net.sent.count
        CollisionTests.collide(pair, move, move, [])
        let headers = try pair.net.sent.dropFirst(before).compactMap(\.datagram.ikeMessage).map {
            try DecodedMessage.decode($0).header
        }
        // A's and B's requests, their refusals, the requests once more, and their answers.
        let isResponse = headers.filter { $0.exchange == .createChildSA }.map { $0.flags.contains(.response) }
        #expect(isResponse == [false, false, true, true, false, false, true, true])
        try self.expectEnd(pair, move, move, "\(move)")
    }

    @Test(arguments: moves, moves)
    func `both sides agree when both were refused for their group, whatever becomes of one message`(
        a: Move, b: Move
    ) throws {
        for position in 0..<14 {
            for luck in Luck.allCases where luck != .prompt {
                let pair = try Self.standing(
                    seed: UInt64(position * Luck.allCases.count + luck.rawValue) &+ 1)
                let prompt = [Luck](repeating: .prompt, count: position)
                CollisionTests.collide(pair, a, b, prompt + [luck])
                try self.expectEnd(pair, a, b, "\(a) against \(b), message \(position + 1) \(luck)")
            }
        }
    }

    @Test(arguments: moves, moves)
    func `both sides agree when both were refused for their group, in whatever order messages come`(
        a: Move, b: Move
    ) throws {
        for (index, luck) in CollisionTests.lucks(3).enumerated() {
            let pair = try Self.standing(seed: UInt64(index + 1))
            CollisionTests.collide(pair, a, b, luck)
            try self.expectEnd(pair, a, b, "\(a) against \(b), \(luck)")
        }
    }

    /// The requests once more are messages 5 and 6, and their answers 7 and 8.
    @Test(arguments: [Move.rekeyChild, .rekeyIKESA])
    func `both sides agree whatever becomes of the requests once more and of their answers`(move: Move) throws
    {
        for (index, luck) in CollisionTests.lucks(4).enumerated() {
            let pair = try Self.standing(seed: UInt64(index + 1)) { pair in
                guard index.isMultiple(of: 2) else { return }
                pair.a.kernelDelay = .milliseconds(30)
                pair.b.kernelDelay = .milliseconds(50)
            }
            CollisionTests.collide(pair, move, move, [Luck](repeating: .prompt, count: 4) + luck)
            try self.expectEnd(pair, move, move, "\(move), then \(luck)")
        }
    }

    /// As configurations have it: the IKE_SA has what its responder prefers, so that only B's request is refused.
    @Test(arguments: moves, moves)
    func `both sides agree when only one was refused for its group`(a: Move, b: Move) throws {
        for (index, luck) in CollisionTests.lucks(2).enumerated() {
            let pair = try Pair(
                seed: UInt64(index + 1),
                a: {
                    $0.connections[0].children[0].startAction = .none
                    $0.connections[0].proposals = [Self.ikeProposal([.ecp256, .x25519])]
                }, b: { $0.connections[0].proposals = [Self.ikeProposal([.x25519, .ecp256])] })
            pair.command(.initiate(connection: "site-b", child: nil), of: pair.a)
            pair.net.run(upTo: .seconds(300)) { pair.stands && !pair.b.engine.snapshots.isEmpty }
            pair.net.run(for: .milliseconds(100))
            try #require(pair.a.engine.context.directory.all.first?.keys.suite.keyExchange == .x25519)
            CollisionTests.collide(pair, a, b, luck)
            CollisionTests.expectEnd(pair, a, b, "\(a) against \(b), \(luck)")
        }
    }
}
