import Foundation
import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Both sides begin something at the same moment, and their messages come in every order (RFC 7296 §2.8, §2.25).
@Suite(.networkCapture) struct CollisionTests {
    /// What one side begins.
    enum Move: String, CaseIterable, Sendable {
        case rekeyChild
        case rekeyIKESA
        case rekeyBoth
        case deleteChild
        case deleteIKESA

        func commands(_ name: String) -> [OperatorCommand] {
            switch self {
            case .rekeyChild: return [.rekey(connection: name, uniqueID: nil, child: "net")]
            case .rekeyIKESA: return [.rekey(connection: name, uniqueID: nil, child: nil)]
            case .rekeyBoth: return Self.rekeyChild.commands(name) + Self.rekeyIKESA.commands(name)
            case .deleteChild: return [.terminate(connection: name, uniqueID: nil, child: "net")]
            case .deleteIKESA: return [.terminate(connection: name, uniqueID: nil, child: nil)]
            }
        }

        var deletes: Bool { self == .deleteChild || self == .deleteIKESA }
    }

    /// What happens to one message.
    enum Luck: Int, CaseIterable, Sendable {
        case prompt
        /// After others that were sent later.
        case late
        /// After its own retransmission.
        case veryLate
        case lost

        var fate: Fate {
            switch self {
            case .prompt: return .deliver
            case .late: return .delay(.milliseconds(200))
            case .veryLate: return .delay(.seconds(6))
            case .lost: return .lose
            }
        }
    }

    /// Two gateways that stand, of which none starts anything by itself any more.
    static func standing(seed: UInt64, _ change: (Pair) -> Void = { _ in }) throws -> Pair {
        let pair = try Pair(seed: seed, a: { $0.connections[0].children[0].startAction = .none })
        change(pair)
        #expect(pair.command(.initiate(connection: "site-b", child: nil), of: pair.a))
        pair.net.run(upTo: .seconds(300)) { pair.stands && !pair.b.engine.snapshots.isEmpty }
        pair.net.run(for: .milliseconds(100))
        try #require(pair.agreedChildren == 1 && pair.agreedIKESAs == 1)
        return pair
    }

    /// Both begin, and the first messages have this luck; how many messages there were.
    @discardableResult
    static func collide(_ pair: Pair, _ a: Move, _ b: Move, _ luck: [Luck]) -> Int {
        var count = 0
        pair.net.fate = { _ in
            defer { count += 1 }
            return count < luck.count ? luck[count].fate : .deliver
        }
        for command in a.commands("site-b") { pair.command(command, of: pair.a) }
        for command in b.commands("site-a") { pair.command(command, of: pair.b) }
        // Retransmissions, patience with what the other side should delete, and old IKE_SAs.
        pair.net.run(for: .seconds(400))
        pair.net.fate = { _ in .deliver }
        return count
    }

    /// Both sides hold the same, as much as was to be left, and nothing is under way any more.
    static func expectEnd(_ pair: Pair, _ a: Move, _ b: Move, _ what: Comment) {
        let children = pair.agreedChildren
        let ikeSAs = pair.agreedIKESAs
        #expect(children != nil, what)
        #expect(ikeSAs != nil, what)
        if a.deletes || b.deletes {
            // What somebody wants to end has ended.
            #expect(children == 0, what)
        } else {
            #expect(children == 1 && ikeSAs == 1, what)
            #expect(pair.pings(), what)
        }
        for host in [pair.a, pair.b] {
            #expect(host.kernel.policies.count == host.kernel.inbound.count, what)
            let ikeSA = host.engine.context.directory.all.first
            #expect(ikeSA?.requestedChild == nil && ikeSA?.requestedSuccessor == nil, what)
            #expect(ikeSA?.agenda.items.isEmpty != false, what)
        }
        pair.expectSound()
    }

    /// True if the environment wants more than there is time for in every run.
    static let isDeep = ProcessInfo.processInfo.environment["DEEP"] != nil

    /// Every luck of the first `count` messages, or of one more if the environment wants it deep.
    static func lucks(_ count: Int) -> [[Luck]] {
        (0..<(Self.isDeep ? count + 1 : count)).reduce([[]]) { lists, _ in
            lists.flatMap { list in Luck.allCases.map { list + [$0] } }
        }
    }

    @Test(arguments: Move.allCases, Move.allCases)
    func `both sides agree whatever both begin, and in whatever order messages come`(a: Move, b: Move) throws
    {
        for (index, luck) in Self.lucks(4).enumerated() {
            let pair = try Self.standing(seed: UInt64(index + 1))
            Self.collide(pair, a, b, luck)
            Self.expectEnd(pair, a, b, "\(a) against \(b), \(luck)")
        }
    }

    @Test(arguments: Move.allCases, Move.allCases)
    func `both sides agree with slow kernels`(a: Move, b: Move) throws {
        for (index, luck) in Self.lucks(3).enumerated() {
            let pair = try Self.standing(seed: UInt64(index + 1)) { pair in
                pair.a.kernelDelay = .milliseconds(90)
                pair.b.kernelDelay = .milliseconds(130)
            }
            Self.collide(pair, a, b, luck)
            Self.expectEnd(pair, a, b, "\(a) against \(b), \(luck)")
        }
    }

    @Test(arguments: [Move.rekeyChild, .rekeyIKESA])
    func `of two rekeyings that cross, either side's may be the one that stays`(move: Move) throws {
        var winners: Set<Bool> = []
        for seed in 1...20 as ClosedRange<UInt64> {
            let pair = try Self.standing(seed: seed)
            Self.collide(pair, move, move, [])
            let ikeSA = try #require(pair.a.engine.snapshots.first)
            if move == .rekeyIKESA {
                winners.insert(ikeSA.isOriginalInitiator)
            } else {
                // The redundant CHILD_SA and the old one are deleted by different sides.
                let ended = pair.a.events.compactMap {
                    if case .childSAInstalled(_, _, let spec, _?) = $0 { spec.inboundSPI } else { nil }
                }
                winners.insert(ended.count == 2)
            }
            Self.expectEnd(pair, move, move, "seed \(seed)")
        }
        #expect(winners == [true, false])
    }
}
