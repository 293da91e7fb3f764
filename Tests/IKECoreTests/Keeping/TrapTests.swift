import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Nothing leaves in clear before a tunnel is up, and a packet can call for it (RFC 4301 §4.4.1, RFC 7296 §2.9).
@Suite(.networkCapture) struct TrapTests {
    private static let inside = Configurations.selector("10.1.0.9/32")
    private static let outside = Configurations.selector("10.2.0.7/32")

    private static func waiting(
        a change: (inout GatewayConfiguration) -> Void = { _ in },
        b: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let pair = try Pair(
            a: { configuration in
                configuration.connections[0].children[0].startAction = .trap
                change(&configuration)
            }, b: b)
        pair.start()
        return pair
    }

    /// An inner host behind A sends; true if its packet is held back.
    @discardableResult private static func send(_ pair: Pair) -> Bool {
        pair.a.meetTrap(from: Self.inside, to: Self.outside, on: pair.net)
    }

    /// The CHILD_SA that came of it.
    private static func installed(_ host: EngineHost) -> ChildSASpec? {
        host.engine.snapshots.flatMap(\.children).first?.spec
    }

    @Test func `the first packet brings the tunnel up`() throws {
        let pair = try Self.waiting()
        pair.net.run(for: .seconds(600))
        #expect(pair.attempts == 0 && pair.a.kernel.traps.count == 1)
        #expect(Self.send(pair))
        pair.net.run(for: .seconds(2))
        #expect(pair.stands && pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    @Test func `the peer may narrow around the packet`() throws {
        let narrow = Configurations.selector("10.2.0.0/28")
        let pair = try Self.waiting(b: { $0.connections[0].children[0].localSelectors = [.fixed(narrow)] })
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        let spec = try #require(Self.installed(pair.a))
        #expect(spec.remoteSelectors == [narrow] && pair.pings())
        // A packet beyond that stays where it is, and calls for nothing.
        let beyond = Configurations.selector("10.2.0.99/32")
        #expect(pair.a.meetTrap(from: Self.inside, to: beyond, on: pair.net))
        pair.net.run(for: .seconds(60))
        #expect(pair.agreedChildren == 1 && pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `the packet's own selectors come first in the request`() throws {
        let pair = try Self.waiting()
        Self.send(pair)
        pair.net.run(upTo: .seconds(5)) {
            pair.a.engine.context.directory.all.contains { $0.requestedChild != nil }
        }
        let requested = try #require(pair.a.engine.context.directory.all.first?.requestedChild)
        #expect(requested.selectors.local == [Self.inside, Configurations.selector("10.1.0.0/24")])
        #expect(requested.selectors.remote == [Self.outside, Configurations.selector("10.2.0.0/24")])
        pair.net.run(for: .seconds(2))
        // What comes of it is all that was offered, once.
        let spec = try #require(Self.installed(pair.a))
        #expect(spec.remoteSelectors == [Configurations.selector("10.2.0.0/24")])
        pair.expectSound()
    }

    @Test func `a child that starts by itself has a policy before its first message`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        let trap = try #require(pair.a.kernel.traps.values.first)
        #expect(trap.localSelectors == [Configurations.selector("10.1.0.0/24")])
        #expect(trap.remoteSelectors == [Configurations.selector("10.2.0.0/24")])
        // It is being begun: packets have nothing to add.
        for _ in 0..<10 { Self.send(pair) }
        pair.net.run(for: .seconds(100))
        #expect(pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `the policy stays when an operator ends the tunnel`() throws {
        let pair = try Pair()
        try pair.connect()
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .seconds(5))
        #expect(Self.send(pair), "packets leave in clear")
        pair.net.run(for: .seconds(600))
        #expect(!pair.stands && pair.attempts == 1)
        pair.expectSound()
    }

    @Test(
        arguments: [(ChildAction.start, nil), (.trap, nil), (nil, .start), (nil, .trap)]
            as [(ChildAction?, ChildAction?)])
    func `a child that is begun again holds packets back from the start`(
        close: ChildAction?, liveness: ChildAction?
    ) throws {
        let pair = try Pair(a: { configuration in
            configuration.connections[0].children[0].startAction = .none
            configuration.connections[0].children[0].closeAction = close
            configuration.connections[0].children[0].livenessAction = liveness
            configuration.connections[0].livenessDelay = .seconds(30)
        })
        pair.start()
        // Nobody has begun it: packets wait, and do not call.
        #expect(Self.send(pair), "packets leave in clear")
        pair.net.run(for: .seconds(60))
        #expect(pair.attempts == 0)
        #expect(pair.command(.initiate(connection: "site-b", child: nil), of: pair.a))
        pair.net.run(for: .seconds(2))
        let trap = try #require(pair.a.kernel.traps.first)
        if close == nil {
            pair.net.fate = { _ in .lose }
            pair.net.run(upTo: .seconds(300)) { !pair.stands }
            pair.net.fate = { _ in .deliver }
        } else {
            #expect(pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b))
            pair.net.run(upTo: .seconds(2)) { !pair.stands }
        }
        try #require(!pair.stands)
        // The policy was there before the end.
        #expect(pair.a.kernel.traps[trap.key] == trap.value && pair.a.kernel.traps.count == 1)
        pair.net.run(for: .seconds(10))
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(pair.stands && pair.attempts == 2 && pair.pings())
        pair.expectSound()
    }

    /// A's child with this `start_action` was ended by the peer, so that packets call for it.
    private static func endedByPeer(
        _ start: ChildAction, _ change: (inout ChildConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let pair = try Pair(a: { configuration in
            configuration.connections[0].children[0].startAction = start
            configuration.connections[0].children[0].closeAction = .trap
            configuration.connections[0].livenessDelay = .seconds(30)
            change(&configuration.connections[0].children[0])
        })
        pair.start()
        if start == .none { pair.command(.initiate(connection: "site-b", child: nil), of: pair.a) }
        pair.net.run(for: .seconds(2))
        pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b)
        pair.net.run(for: .seconds(10))
        try #require(!pair.stands)
        return pair
    }

    /// Packets wait, and nobody is called.
    private static func expectSilence(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        let attempts = pair.attempts
        for _ in 0..<20 {
            #expect(Self.send(pair), "packets leave in clear", sourceLocation: location)
            pair.net.run(for: .seconds(30))
        }
        #expect(!pair.stands && pair.attempts == attempts, sourceLocation: location)
        pair.expectSound(location)
    }

    @Test(arguments: [ChildAction.none, .start], [nil, "net"])
    func `packets do not call for what an operator has ended, though close_action once let them`(
        start: ChildAction, child: String?
    ) throws {
        let pair = try Self.endedByPeer(start)
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        try #require(pair.stands)
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: child), of: pair.a))
        pair.net.run(for: .seconds(10))
        Self.expectSilence(pair)
    }

    @Test func `an operator can end what only waits for a packet`() throws {
        let pair = try Self.endedByPeer(.start)
        let terminate = OperatorCommand.terminate(connection: "site-b", uniqueID: nil, child: nil)
        #expect(pair.command(terminate, of: pair.a))
        #expect(!pair.command(terminate, of: pair.a), "there was nothing to end")
        Self.expectSilence(pair)
    }

    @Test func `packets do not call for what dpd_action leaves alone, though close_action once let them`()
        throws
    {
        let pair = try Self.endedByPeer(.none) { $0.livenessAction = ChildAction.none }
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        try #require(pair.stands)
        pair.net.fate = { _ in .lose }
        pair.net.run(upTo: .seconds(300)) { !pair.stands }
        pair.net.fate = { _ in .deliver }
        Self.expectSilence(pair)
    }

    @Test func `a child that only answers holds nothing back`() throws {
        let pair = try Pair(a: { $0.connections[0].children[0].startAction = .none })
        pair.start()
        #expect(!Self.send(pair))
    }

    @Test func `a tunnel that waits for packets comes again when an operator has ended it`() throws {
        let pair = try Self.waiting()
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .seconds(600))
        #expect(!pair.stands)
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(pair.stands && pair.attempts == 2)
        pair.expectSound()
    }

    @Test func `a peer that does not answer is not called with every packet, and not for ever`() throws {
        let pair = try Self.waiting()
        pair.net.fate = { _ in .lose }
        Self.send(pair)
        for _ in 0..<165 {
            pair.net.run(for: .seconds(1))
            Self.send(pair)
        }
        pair.net.run(for: .seconds(2))
        #expect(pair.attempts == 1)
        // Nobody sends any more: nobody is called any more.
        pair.net.run(for: .seconds(600))
        #expect(pair.attempts == 1)
        pair.net.fate = { _ in .deliver }
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(pair.attempts == 2 && pair.stands)
        pair.expectSound()
    }

    @Test func `a peer that ends the tunnel at once is not called with every packet`() throws {
        let pair = try Self.waiting()
        for _ in 0..<300 {
            Self.send(pair)
            pair.net.run(for: .milliseconds(200))
            if pair.stands {
                pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b)
            }
        }
        // A minute: rests of 5, 10, 20 and 40 s, less a quarter at most, leave room for five.
        #expect((3...5).contains(pair.attempts))
        pair.expectSound()
    }

    @Test func `a peer that never answers is called less and less, however many packets there are`() throws {
        let pair = try Self.waiting()
        pair.net.fate = { _ in .lose }
        for _ in 0..<3_600 {
            Self.send(pair)
            pair.net.run(for: .seconds(1))
        }
        // An attempt takes 165 s; rests double from 5 s to 300 s, less a quarter at most. So six attempts with their rests take at
        // least 1,226 s, and each after that 390 s.
        #expect((9...13).contains(pair.attempts))
        // When it has answered, and has stood for five minutes, all is as at first.
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(300))
        Self.send(pair)
        pair.net.run(for: .seconds(301))
        try #require(pair.stands)
        pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b)
        pair.net.run(for: .seconds(2))
        Self.send(pair)
        pair.net.run(for: .seconds(2))
        #expect(pair.stands)
        pair.expectSound()
    }

    @Test func `a packet calls the peer's next address when the first was dead`() throws {
        let nobody = try #require(IPAddress("192.0.2.77").flatMap { AddressRange($0, $0) })
        let pair = try Self.waiting(a: { $0.connections[0].remoteAddresses.insert(.range(nobody), at: 0) })
        for _ in 0..<20 {
            Self.send(pair)
            pair.net.run(for: .seconds(10))
        }
        #expect(pair.faults == [.noAnswer] && pair.attempts == 2 && pair.stands && pair.pings())
        pair.expectSound()
    }

    @Test func `what has rested and waits for a packet is told as down, and forgotten with its connection`()
        throws
    {
        let pair = try Self.waiting()
        pair.net.fate = { _ in .lose }
        Self.send(pair)
        pair.net.run(for: .seconds(180))
        #expect(pair.faults == [.noAnswer])
        pair.a.feed(
            .command(commandID: 1, .terminate(connection: "site-b", uniqueID: nil, child: "net")),
            on: pair.net)
        #expect(pair.a.answers[1] == .refused("connection 'site-b' has no IKE_SA"))
        #expect(pair.a.engine.nextDeadline == nil)
        var configuration = pair.a.engine.context.configuration
        configuration.connections = []
        pair.a.feed(.configuration(configuration), on: pair.net)
        #expect(pair.a.engine.keeper.entries.isEmpty)
        pair.expectSound()
    }

    @Test(arguments: [ChildAction.trap, .start])
    func `a name's policy learns the address with the first call`(action: ChildAction) throws {
        let pair = try Self.waiting(a: { configuration in
            configuration.connections[0].remoteAddresses = [.name("b.example.org")]
            configuration.connections[0].children[0].startAction = action
        })
        pair.a.names["b.example.org"] = pair.b.addresses
        if action == .trap { #expect(pair.a.kernel.traps.values.first?.remote == nil) }
        Self.send(pair)
        pair.net.run(for: .seconds(60))
        #expect(pair.a.kernel.traps.values.map(\.remote) == [pair.b.addresses.first])
        #expect(pair.stands && pair.pings())
        pair.expectSound()
    }

    // MARK: A new configuration

    @Test
    func `an unchanged connection keeps its policy, and a changed one gets the new before the old goes`()
        throws
    {
        let pair = try Pair()
        try pair.connect()
        let before = try #require(pair.a.kernel.traps.first)
        var configuration = pair.a.engine.context.configuration
        configuration.limits.halfOpenIKESAs += 1
        pair.a.feed(.configuration(configuration), on: pair.net)
        #expect(pair.a.kernel.traps[before.key] == before.value && pair.stands)
        configuration.connections[0].children[0].remoteSelectors.append(
            .fixed(Configurations.selector("10.3.0.0/24")))
        pair.a.feed(.configuration(configuration), on: pair.net)
        #expect(pair.a.kernel.traps.count == 1 && pair.a.kernel.traps[before.key] == nil)
        let both = ["10.2.0.0/24", "10.3.0.0/24"].map(Configurations.selector)
        #expect(pair.a.kernel.traps.values.first?.remoteSelectors == both)
        #expect(pair.a.kernel.hasAlwaysTrapped, "for a moment there was no policy")
        pair.net.run(upTo: .seconds(60)) { pair.stands }
        pair.expectSound()
    }

    @Test(arguments: [ChildAction.none, .start])
    func `new policies come before those of what stands go`(before: ChildAction) throws {
        let pair = try Pair(a: { $0.connections[0].children[0].startAction = before })
        pair.start()
        if before == .none { pair.command(.initiate(connection: "site-b", child: nil), of: pair.a) }
        pair.net.run(for: .seconds(2))
        try #require(pair.stands)
        var configuration = pair.a.engine.context.configuration
        configuration.connections[0].children[0].startAction = .trap
        var outbox = Outbox()
        pair.a.engine.handle(.configuration(configuration), now: pair.net.now, into: &outbox)
        let steps = outbox.drain().compactMap { output -> String? in
            guard case .dataPlane(let request) = output else { return nil }
            switch request.operation {
            case .installTrap: return "new trap"
            case .remove(_, let withPolicies): return withPolicies ? "CHILD_SA" : nil
            case .removeTrap: return "old trap"
            case .allocateSPI, .releaseSPI, .install, .check, .traffic, .move: return nil
            }
        }
        #expect(steps == ["new trap", "CHILD_SA"] + (before == .none ? [] : ["old trap"]))
    }

    @Test func `a connection that is gone leaves no policy`() throws {
        let pair = try Pair()
        try pair.connect()
        var configuration = pair.a.engine.context.configuration
        configuration.connections = []
        pair.a.feed(.configuration(configuration), on: pair.net)
        pair.net.run(for: .seconds(10))
        #expect(pair.a.kernel.traps.isEmpty && pair.a.kernel.isEmpty)
        pair.expectSound()
    }

    @Test func `a packet of nobody's policy calls for nothing`() throws {
        let pair = try Self.waiting()
        pair.a.feed(
            .dataPlaneEvent(.acquire(reqid: 7, local: Self.inside, remote: Self.outside)), on: pair.net)
        pair.net.run(for: .seconds(60))
        #expect(pair.attempts == 0)
    }
}
