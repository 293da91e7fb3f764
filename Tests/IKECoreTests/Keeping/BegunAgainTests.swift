import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What we begin by ourselves is begun again, and what nobody wants any more is not.
@Suite(.networkCapture) struct BegunAgainTests {
    @Test func `a connection that starts by itself is begun again when the peer ends it`() throws {
        let pair = try Pair()
        try pair.connect()
        pair.b.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)), on: pair.net)
        pair.net.run(for: .seconds(1))
        #expect(pair.a.engine.snapshots.isEmpty)
        pair.net.run(upTo: .seconds(30)) { pair.stands }
        #expect(pair.attempts == 2 && pair.pings())
        pair.expectSound()
    }

    @Test func `what an operator has ended stays down until an operator begins it`() throws {
        let pair = try Pair()
        try pair.connect()
        pair.a.feed(
            .command(commandID: 1, .terminate(connection: "site-b", uniqueID: nil, child: nil)), on: pair.net)
        pair.net.run(for: .seconds(1_000))
        #expect(pair.attempts == 1 && !pair.stands)
        pair.a.feed(.command(commandID: 2, .initiate(connection: "site-b", child: nil)), on: pair.net)
        #expect(pair.a.answers[2] == .begun(count: 1))
        pair.net.run(upTo: .seconds(5)) { pair.stands }
        #expect(pair.pings())
        pair.a.feed(.command(commandID: 3, .initiate(connection: "site-b", child: nil)), on: pair.net)
        guard case .refused? = pair.a.answers[3] else {
            Issue.record("a connection that stands was begun again")
            return
        }
        pair.expectSound()
    }

    @Test func `an attempt ends when an operator ends the connection`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        pair.net.run(for: .seconds(10))
        pair.a.feed(
            .command(commandID: 1, .terminate(connection: "site-b", uniqueID: nil, child: nil)), on: pair.net)
        pair.net.run(for: .seconds(1_000))
        #expect(pair.attempts == 1)
        #expect(pair.faults == [.ended(.terminated)])
        pair.expectNothingHeld()
    }

    @Test func `a new configuration ends attempts of what is gone, and begins what is new`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        pair.net.run(for: .seconds(10))
        var changed = pair.a.engine.context.configuration
        changed.connections[0].name = "another"
        pair.a.feed(.configuration(changed), on: pair.net)
        #expect(pair.faults == [.ended(.configurationChanged)])
        #expect(pair.attempts == 2)
        pair.net.fate = { _ in .deliver }
        pair.net.run(upTo: .seconds(30)) { pair.stands }
        #expect(pair.a.engine.snapshots.first?.label.connection == "another")
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `nothing is begun while the gateway stops`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        pair.net.run(for: .seconds(10))
        pair.a.feed(.command(commandID: 1, .shutDown), on: pair.net)
        pair.net.run(for: .seconds(1_000))
        #expect(pair.attempts == 1)
        pair.expectNothingHeld()
        #expect(pair.a.engine.nextDeadline == nil)
    }

    @Test func `a gateway that stops while its IKE_AUTH is being answered leaves no IKE_SA with its peer`()
        throws
    {
        let pair = try Pair()
        pair.b.kernelDelay = .milliseconds(300)
        pair.start()
        pair.net.run(for: .milliseconds(500))
        #expect(pair.b.engine.snapshots.count == 1 && pair.a.engine.snapshots.isEmpty)
        pair.a.feed(.command(commandID: 1, .shutDown), on: pair.net)
        #expect(!pair.a.engine.isIdle)
        pair.net.run(for: .seconds(2))
        #expect(pair.a.engine.isIdle && pair.b.engine.snapshots.isEmpty)
        pair.net.run(for: .seconds(60))
        pair.expectNothingHeld()
    }
}
