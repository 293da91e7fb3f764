import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// The peer begins an IKE_SA while ours rests, or is being begun: what is to stand joins that one at once.
@Suite(.networkCapture) struct PeerFirstTests {
    /// What A does when B begins.
    enum Life: CaseIterable, Sendable {
        case resting
        case attempting
    }

    /// Who wants A's second child.
    enum Wish: CaseIterable, Sendable {
        case start
        case packet
        case nobody
    }

    private static func voice(_ near: String, _ far: String, _ action: ChildAction = .none)
        -> ChildConfiguration
    {
        var child = Configurations.child("voice")
        child.localSelectors = [.fixed(Configurations.selector(near))]
        child.remoteSelectors = [.fixed(Configurations.selector(far))]
        child.startAction = action
        return child
    }

    /// A calls an address where nobody is, and then B, which can call A.
    private static func pair(
        _ wish: Wish, a change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let caller = try #require(AddressRange(Addresses.peer, Addresses.peer))
        let nobody = try #require(IPAddress("192.0.2.77").flatMap { AddressRange($0, $0) })
        return try Pair(
            a: { configuration in
                configuration.connections[0].remoteAddresses.insert(.range(nobody), at: 0)
                let action: ChildAction =
                    switch wish {
                    case .start: .start
                    case .packet: .trap
                    case .nobody: .none
                    }
                configuration.connections[0].children.append(
                    Self.voice("10.1.7.0/24", "10.2.7.0/24", action))
                change(&configuration)
            },
            b: { configuration in
                configuration.connections[0].remoteAddresses = [.range(caller)]
                configuration.connections[0].children.append(Self.voice("10.2.7.0/24", "10.1.7.0/24"))
            })
    }

    private static func reach(_ life: Life, _ pair: Pair) throws {
        pair.net.fate = { _ in .lose }
        pair.start()
        switch life {
        case .attempting: pair.net.run(for: .seconds(1))
        case .resting:
            // The sixth rest is 160 s, less a quarter by chance at most.
            pair.net.run(upTo: .seconds(3_000)) { pair.faults.count == 6 }
            try #require(pair.faults.count == 6)
        }
        pair.net.fate = { _ in .deliver }
    }

    private static func names(_ host: EngineHost) -> [String] {
        host.engine.snapshots.flatMap(\.children).map(\.name).sorted()
    }

    @Test(arguments: Life.allCases, Wish.allCases)
    func `a further child joins the peer's IKE_SA at once`(life: Life, wish: Wish) throws {
        let pair = try Self.pair(wish)
        try Self.reach(life, pair)
        let attempts = pair.attempts
        #expect(pair.command(.initiate(connection: "site-a", child: "net"), of: pair.b))
        pair.net.run(for: .seconds(1))
        switch wish {
        case .start: break
        case .packet:
            pair.a.meetTrap(
                from: Configurations.selector("10.1.7.9/32"), to: Configurations.selector("10.2.7.9/32"),
                on: pair.net)
        case .nobody:
            #expect(Self.names(pair.a) == ["net"])
            #expect(pair.command(.initiate(connection: "site-b", child: "voice"), of: pair.a))
        }
        pair.net.run(for: .seconds(2))
        #expect(Self.names(pair.a) == ["net", "voice"])
        // Nobody is called any more.
        pair.net.run(for: .seconds(900))
        #expect(pair.attempts == attempts && pair.a.engine.initiations.isEmpty)
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 2)
        pair.expectSound()
    }

    @Test func `what the peer began is begun again by us when it ends`() throws {
        let pair = try Self.pair(.nobody)
        try Self.reach(.attempting, pair)
        #expect(pair.command(.initiate(connection: "site-a", child: "net"), of: pair.b))
        pair.net.run(for: .seconds(400))
        #expect(pair.faults == [.ended(.replaced)] && pair.attempts == 1 && pair.stands)
        #expect(pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b))
        pair.net.run(for: .seconds(10))
        #expect(pair.attempts == 2 && pair.stands && pair.pings())
        pair.expectSound()
    }

    /// A's first child was called for in vain and waits for another packet, while its second stands on B's IKE_SA.
    private static func waitingForPacket(_ change: (inout GatewayConfiguration) -> Void) throws -> Pair {
        let pair = try Self.pair(.nobody) { configuration in
            configuration.connections[0].children[0].startAction = .trap
            change(&configuration)
        }
        pair.start()
        pair.net.fate = { _ in .lose }
        Self.send(pair)
        pair.net.run(for: .seconds(180))
        try #require(pair.faults == [.noAnswer])
        pair.net.fate = { _ in .deliver }
        #expect(pair.command(.initiate(connection: "site-a", child: "voice"), of: pair.b))
        pair.net.run(for: .seconds(60))
        try #require(Self.names(pair.a) == ["voice"])
        return pair
    }

    /// An inner host behind A sends.
    private static func send(_ pair: Pair) {
        pair.a.meetTrap(
            from: Configurations.selector("10.1.0.9/32"), to: Configurations.selector("10.2.0.7/32"),
            on: pair.net)
    }

    @Test func `a child that is begun again does not wait for another child's packet`() throws {
        let pair = try Self.waitingForPacket { configuration in
            configuration.connections[0].livenessDelay = .seconds(30)
            configuration.connections[0].children[1].closeAction = .start
            configuration.connections[0].children[1].livenessAction = .start
        }
        pair.net.fate = { _ in .lose }
        pair.net.run(upTo: .seconds(300)) { !pair.stands }
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(60))
        #expect(Self.names(pair.a).contains("voice"), "nobody begins it again")
        pair.expectSound()
    }

    @Test func `a child that the peer deletes is begun again though another waits for a packet`() throws {
        let pair = try Self.waitingForPacket { $0.connections[0].children[1].closeAction = .start }
        pair.command(.terminate(connection: "site-a", uniqueID: nil, child: "voice"), of: pair.b)
        pair.net.run(for: .seconds(60))
        #expect(Self.names(pair.a).contains("voice") && pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `a child that waits for a packet joins the peer's IKE_SA, which has only another child`()
        throws
    {
        let pair = try Self.waitingForPacket { _ in }
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(Self.names(pair.a) == ["net", "voice"] && pair.attempts == 1 && pair.agreedIKESAs == 1)
        pair.expectSound()
    }

    @Test func `a child that a packet has called for joins the peer's IKE_SA while our attempt is under way`()
        throws
    {
        let pair = try Self.pair(.nobody) { $0.connections[0].children[0].startAction = .trap }
        pair.start()
        pair.net.fate = { _ in .lose }
        Self.send(pair)
        pair.net.run(for: .seconds(10))
        pair.net.fate = { _ in .deliver }
        #expect(pair.command(.initiate(connection: "site-a", child: "voice"), of: pair.b))
        pair.net.run(for: .seconds(2))
        #expect(Self.names(pair.a) == ["net", "voice"] && pair.agreedIKESAs == 1)
        #expect(pair.a.engine.initiations.isEmpty)
        pair.expectSound()
    }

    @Test func `a packet calls for its own child, and not for another that packets called for before a rest`()
        throws
    {
        let pair = try Self.pair(.nobody) { configuration in
            configuration.connections[0].remoteAddresses.removeFirst()
            for index in 0...1 { configuration.connections[0].children[index].startAction = .trap }
        }
        pair.start()
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(Self.names(pair.a) == ["net"])
        #expect(pair.command(.terminate(connection: "site-a", uniqueID: nil, child: "net"), of: pair.b))
        pair.net.run(for: .seconds(600))
        #expect(Self.names(pair.a).isEmpty)
        pair.a.meetTrap(
            from: Configurations.selector("10.1.7.9/32"), to: Configurations.selector("10.2.7.9/32"),
            on: pair.net)
        pair.net.run(for: .seconds(60))
        #expect(Self.names(pair.a) == ["voice"])
        pair.expectSound()
    }

    @Test
    func `an attempt whose IKE_AUTH is under way goes on, since the peer's may end for the same reason`()
        throws
    {
        let caller = try #require(AddressRange(Addresses.peer, Addresses.peer))
        let pair = try Pair(b: { configuration in
            configuration.connections[0].remoteAddresses = [.range(caller)]
            configuration.connections[0].children[0].startAction = .start
        })
        pair.start()
        pair.b.feed(.started, on: pair.net)
        pair.net.run(for: .seconds(60))
        #expect(pair.faults.isEmpty && pair.stands && pair.pings())
        pair.expectSound()
    }
}
