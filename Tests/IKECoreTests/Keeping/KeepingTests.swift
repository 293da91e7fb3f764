import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Connections that are to stand with all their CHILD_SAs, whatever ends them.
@Suite(.networkCapture) struct KeepingTests {
    /// What B's second child, and A's, are for.
    private static func second(isOnA: Bool, _ change: (inout ChildConfiguration) -> Void = { _ in })
        -> ChildConfiguration
    {
        var child = Configurations.child("voice")
        let (near, far) = (
            Configurations.selector("10.1.7.0/24"), Configurations.selector("10.2.7.0/24")
        )
        child.localSelectors = [.fixed(isOnA ? near : far)]
        child.remoteSelectors = [.fixed(isOnA ? far : near)]
        change(&child)
        return child
    }

    /// A pair with two children, of which A's second is as `change` says.
    private static func pairOfTwo(
        a: (inout GatewayConfiguration) -> Void = { _ in }, _ change: (inout ChildConfiguration) -> Void
    ) throws -> Pair {
        try Pair(
            a: { configuration in
                configuration.connections[0].children.append(Self.second(isOnA: true, change))
                a(&configuration)
            }, b: { $0.connections[0].children.append(Self.second(isOnA: false)) })
    }

    private static func names(_ host: EngineHost) -> [String] {
        host.engine.snapshots.flatMap(\.children).map(\.name).sorted()
    }

    @Test func `all children that start by themselves stand on one IKE_SA`() throws {
        let pair = try Self.pairOfTwo { $0.startAction = .start }
        try pair.connect()
        pair.net.run(for: .seconds(5))
        #expect(Self.names(pair.a) == ["net", "voice"] && Self.names(pair.b) == ["net", "voice"])
        #expect(pair.attempts == 1 && pair.agreedIKESAs == 1 && pair.agreedChildren == 2)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test(arguments: 5...8)
    func `a lost message of the second child's exchange delays it, no more`(number: Int) throws {
        let pair = try Self.pairOfTwo { $0.startAction = .start }
        pair.net.fate = { _ in pair.net.sent.count == number ? .lose : .deliver }
        try pair.connect()
        pair.net.run(for: .seconds(30))
        #expect(Self.names(pair.a) == ["net", "voice"])
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 2)
        pair.expectSound()
    }

    @Test func `a child that the peer refuses does not take the others with it`() throws {
        let pair = try Pair(a: {
            $0.connections[0].children.append(Self.second(isOnA: true) { $0.startAction = .start })
        })
        try pair.connect()
        pair.net.run(for: .seconds(600))
        #expect(Self.names(pair.a) == ["net"] && pair.attempts == 1 && pair.pings())
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        // It is asked again now and then: the peer's configuration may change.
        let refusals = pair.a.events.count {
            if case .rekeyingRefused(_, "voice", .tsUnacceptable, false, _) = $0 { true } else { false }
        }
        #expect((1...20).contains(refusals))
        pair.expectSound()
    }

    @Test func `an operator's child that the peer refuses does not end the IKE_SA that the peer began`()
        throws
    {
        let pair = try Pair(b: { $0.connections[0].children.append(Self.second(isOnA: false)) })
        try pair.connect()
        #expect(pair.command(.initiate(connection: "site-a", child: "voice"), of: pair.b))
        pair.net.run(for: .seconds(200))
        #expect(Self.names(pair.b) == ["net"] && pair.attempts == 1)
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1 && pair.pings())
        pair.expectSound()
    }

    @Test(arguments: [true, false])
    func `an operator's child that the peer refuses is asked for once, and again when the operator wants it`(
        otherStarts: Bool
    ) throws {
        let pair = try Pair(a: {
            $0.connections[0].children[0].startAction = otherStarts ? .start : .none
            $0.connections[0].children.append(Self.second(isOnA: true))
        })
        pair.start()
        if !otherStarts { #expect(pair.command(.initiate(connection: "site-b", child: "net"), of: pair.a)) }
        pair.net.run(for: .seconds(2))
        func refusals() -> Int {
            pair.a.events.count {
                if case .rekeyingRefused(_, "voice", .tsUnacceptable, false, _) = $0 { true } else { false }
            }
        }
        for number in 1...2 {
            #expect(pair.command(.initiate(connection: "site-b", child: "voice"), of: pair.a))
            pair.net.run(for: .seconds(600))
            #expect(refusals() == number)
        }
        #expect(Self.names(pair.a) == ["net"] && pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    @Test func `an operator's child joins the IKE_SA that stands`() throws {
        let pair = try Self.pairOfTwo { $0.startAction = .none }
        try pair.connect()
        #expect(Self.names(pair.a) == ["net"])
        #expect(pair.command(.initiate(connection: "site-b", child: "voice"), of: pair.a))
        pair.net.run(for: .seconds(2))
        #expect(Self.names(pair.a) == ["net", "voice"] && pair.attempts == 1)
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: "voice"), of: pair.a))
        pair.net.run(for: .seconds(600))
        #expect(Self.names(pair.a) == ["net"], "what an operator has ended came back")
        pair.expectSound()
    }

    // MARK: close_action and dpd_action

    @Test(
        arguments: [
            (nil, true), (ChildAction.start, true), (ChildAction.none, false), (.trap, false),
        ] as [(ChildAction?, Bool)])
    func `after the peer's delete a child does what close_action says`(
        action: ChildAction?, comesBack: Bool
    ) throws {
        let pair = try Pair(a: { $0.connections[0].children[0].closeAction = action })
        try pair.connect()
        #expect(pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b))
        pair.net.run(for: .seconds(600))
        #expect(pair.stands == comesBack)
        #expect(pair.attempts == (comesBack ? 2 : 1))
        #expect(pair.agreedIKESAs == (comesBack ? 1 : 0))
        pair.expectSound()
    }

    @Test(
        arguments: [
            (nil, true), (ChildAction.start, true), (ChildAction.none, false), (.trap, false),
        ] as [(ChildAction?, Bool)])
    func `after the peer's death a child does what dpd_action says`(
        action: ChildAction?, comesBack: Bool
    ) throws {
        let pair = try Pair(a: {
            $0.connections[0].children[0].livenessAction = action
            $0.connections[0].livenessDelay = .seconds(30)
        })
        try pair.connect()
        pair.net.fate = { _ in .lose }
        // The delay, and all retransmissions: 165 s.
        pair.net.run(for: .seconds(200))
        #expect(!pair.stands)
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(600))
        #expect(pair.stands == comesBack)
        pair.expectSound()
    }

    @Test func `a child that only answers is called after the peer's death if dpd_action says so`() throws {
        let pair = try Pair(a: {
            $0.connections[0].children[0].startAction = .none
            $0.connections[0].children[0].livenessAction = .start
            $0.connections[0].livenessDelay = .seconds(30)
        })
        pair.start()
        #expect(pair.command(.initiate(connection: "site-b", child: nil), of: pair.a))
        pair.net.run(for: .seconds(2))
        #expect(pair.stands)
        pair.net.fate = { _ in .lose }
        pair.net.run(for: .seconds(200))
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(600))
        #expect(pair.stands && pair.pings())
        pair.expectSound()
    }

    @Test func `an operator's child does not end the wish for one that dpd_action begins again`() throws {
        let pair = try Self.pairOfTwo(a: { configuration in
            configuration.connections[0].children[0].startAction = .none
            configuration.connections[0].children[0].livenessAction = .start
            configuration.connections[0].livenessDelay = .seconds(30)
        }) { $0.startAction = .none }
        pair.start()
        #expect(pair.command(.initiate(connection: "site-b", child: "net"), of: pair.a))
        pair.net.run(for: .seconds(2))
        pair.net.fate = { _ in .lose }
        pair.net.run(upTo: .seconds(300)) { !pair.stands }
        // It rests.
        #expect(pair.command(.initiate(connection: "site-b", child: "voice"), of: pair.a))
        pair.net.run(upTo: .seconds(300)) { !pair.faults.isEmpty }
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(30))
        #expect(Self.names(pair.a) == ["net", "voice"])
        pair.expectSound()
    }

    @Test func `a peer that deletes the child each time is asked with pauses`() throws {
        let pair = try Pair()
        try pair.connect()
        let begin = pair.net.sent.count
        for _ in 0..<100 {
            pair.command(.terminate(connection: "site-a", uniqueID: nil, child: "net"), of: pair.b)
            pair.net.run(for: .seconds(1))
        }
        // 100 deletes with their answers, and few requests more.
        #expect(pair.net.sent.count - begin < 200)
        pair.net.run(for: .seconds(60))
        #expect(pair.stands && pair.pings())
        pair.expectSound()
    }
}
