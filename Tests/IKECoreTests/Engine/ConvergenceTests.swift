import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Every exchange with each of its messages lost, doubled or late: both sides must end with the same CHILD_SAs.
@Suite(.networkCapture) struct ConvergenceTests {
    /// What a peer does after it is connected, and how many CHILD_SAs both sides have at the end.
    enum Script: String, CaseIterable, Sendable {
        case connect
        case createChild
        case rekeyChild
        case rekeyChildWithFreshKeys
        case rekeyIKESA
        case deleteChild
        case deleteIKESA
        case weDeleteChild
        case weDeleteIKESA
        case bothDeleteChild
        case bothDeleteIKESA
        case liveness

        var expectedChildren: Int {
            switch self {
            case .connect, .rekeyChild, .rekeyChildWithFreshKeys, .rekeyIKESA, .liveness: return 1
            case .createChild: return 2
            case .deleteChild, .deleteIKESA, .weDeleteChild, .weDeleteIKESA, .bothDeleteChild,
                .bothDeleteIKESA:
                return 0
            }
        }

        var endsIKESA: Bool { self == .deleteIKESA || self == .weDeleteIKESA || self == .bothDeleteIKESA }
    }

    static func run(_ script: Script, on bench: Bench) throws {
        try bench.connect(bench.peer)
        try #require(bench.peer.children.count == 1)
        let peer = bench.peer
        let first = peer.children[0]
        switch script {
        case .connect: break
        case .createChild: try bench.finish(peer.createChild())
        case .rekeyChild, .rekeyChildWithFreshKeys:
            try bench.finish(
                peer.createChild(replacing: first, keyExchange: script == .rekeyChild ? nil : .x25519))
            try bench.finish(peer.delete([first]))
        case .rekeyIKESA:
            try bench.finish(peer.rekeyIKESA())
            try bench.finish(peer.deleteIKESA(peer.ikeSAs[0]))
            try bench.finish(peer.probe())
        case .deleteChild: try bench.finish(peer.delete([first]))
        case .deleteIKESA: try bench.finish(peer.deleteIKESA())
        case .liveness: try bench.finish(peer.probe())
        case .weDeleteChild, .bothDeleteChild:
            bench.gateway.feed(
                .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
                on: bench.net)
            if script == .bothDeleteChild { try bench.finish(peer.delete([first])) }
        case .weDeleteIKESA, .bothDeleteIKESA:
            bench.gateway.feed(
                .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)),
                on: bench.net)
            // The peer may have learnt of it before it asks.
            if script == .bothDeleteIKESA { try peer.deleteIKESA() }
        }
        bench.net.run(for: .seconds(250))
    }

    static func expectEnd(_ script: Script, _ bench: Bench) throws {
        #expect(bench.agreedChildren()?.count == script.expectedChildren)
        #expect(bench.engine.snapshots.count == (script.endsIKESA ? 0 : 1))
        #expect((bench.peer.ikeSA == nil) == script.endsIKESA)
        if script.expectedChildren > 0 { #expect(try bench.pings()) }
        if script.expectedChildren == 0 { #expect(bench.kernel.isEmpty) }
        #expect(bench.engine.halfOpenCount == 0)
        #expect(bench.engine.context.directory.count == (script.endsIKESA ? 0 : 1))
        bench.expectSound()
    }

    /// What happens to one message.
    enum Mishap: String, CaseIterable, Sendable {
        case lost
        case doubled
        /// Later than its retransmission, so that it comes after the answer to that.
        case late

        var fate: Fate {
            switch self {
            case .lost: return .lose
            case .doubled: return .duplicate
            case .late: return .delay(.seconds(6))
            }
        }
    }

    @Test(arguments: Script.allCases, Mishap.allCases)
    func `both sides agree whatever happens to one message`(script: Script, mishap: Mishap) throws {
        let calm = Bench()
        try Self.run(script, on: calm)
        try Self.expectEnd(script, calm)
        let messages = calm.net.sent.count
        for unlucky in 0..<messages {
            let bench = Bench()
            bench.net.fate = { _ in bench.net.sent.count - 1 == unlucky ? mishap.fate : .deliver }
            try Self.run(script, on: bench)
            bench.net.fate = { _ in .deliver }
            try Self.expectEnd(script, bench)
        }
    }

    @Test(arguments: Script.allCases)
    func `both sides agree over a bad line`(script: Script) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            let bench = Bench(seed: seed) { configuration in
                configuration.limits.retransmission = [Duration](repeating: .seconds(3), count: 40)
            } peer: {
                $0.retransmission = [Duration](repeating: .seconds(2), count: 40)
            }
            bench.net.conditions = .bad
            try Self.run(script, on: bench)
            bench.net.conditions = LinkConditions()
            try Self.expectEnd(script, bench)
        }
    }

    @Test(arguments: [Script.connect, .createChild, .rekeyChild, .rekeyIKESA, .deleteIKESA])
    func `both sides agree over a bad line with a slow kernel`(script: Script) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let bench = Bench(seed: seed) { _ in
            } peer: {
                $0.retransmission = [Duration](repeating: .seconds(2), count: 40)
            }
            bench.gateway.kernelDelay = .milliseconds(700)
            bench.net.conditions = .bad
            try Self.run(script, on: bench)
            bench.net.conditions = LinkConditions()
            try Self.expectEnd(script, bench)
        }
    }

    @Test func `the same seed gives the same packets`() throws {
        let sizes = try (0..<2).map { _ in
            let bench = Bench(seed: 5) { _ in
            } peer: {
                $0.retransmission = [Duration](repeating: .seconds(2), count: 40)
            }
            bench.net.conditions = .bad
            try Self.run(.rekeyChild, on: bench)
            return bench.net.sent.map { [$0.at.nanoseconds, Int64($0.datagram.bytes.count)] }
        }
        #expect(sizes[0] == sizes[1])
    }
}
