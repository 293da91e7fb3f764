import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// A gateway that calls thousands of peers looks nothing up by looking through all of them.
///
/// The limits are no measurements: each of these takes a second or two, and minutes if one look-up goes through a list.
@Suite struct ManyConnectionsTests {
    private static let count = 20_000

    private static func configuration(_ change: (inout ConnectionConfiguration) -> Void = { _ in })
        -> GatewayConfiguration
    {
        var configuration = Configurations.site()
        configuration.connections = (0..<Self.count).map { number in
            var connection = Configurations.connection("site-\(number)")
            let address = IPAddress.v4(IPv4Address(bits: 0xc612_0000 + UInt32(number)))
            connection.remoteAddresses = AddressRange(address, address).map { [.range($0)] } ?? []
            connection.children[0].startAction = .start
            change(&connection)
            return connection
        }
        return configuration
    }

    /// What the engine asks for.
    private static func step(_ engine: IKEEngine, _ input: Input, at now: Instant) -> [Output] {
        var outbox = Outbox()
        engine.handle(input, now: now, into: &outbox)
        return outbox.drain()
    }

    private static func searches(_ outputs: [Output]) -> [UInt64] {
        outputs.compactMap { if case .findAddresses(let searchID, _, _) = $0 { searchID } else { nil } }
    }

    private static func traps(_ outputs: [Output]) -> (new: Int, old: Int) {
        outputs.reduce(into: (0, 0)) { count, output in
            guard case .dataPlane(let request) = output else { return }
            if case .installTrap = request.operation { count.0 += 1 }
            if case .removeTrap = request.operation { count.1 += 1 }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `twenty thousand connections start, rest, start again and are reloaded`() throws {
        let engine = IKEEngine(configuration: Self.configuration(), crypto: SeededCrypto(seed: 3))
        var now = Instant.origin
        let first = Self.step(engine, .started, at: now)
        #expect(Self.traps(first) == (Self.count, 0))
        for searchID in Self.searches(first) {
            _ = Self.step(engine, .addresses(searchID: searchID, []), at: now)
        }
        // Nobody knows a way, so all of them rest, and are looked for again.
        now = now.advanced(by: .seconds(10))
        let again = Self.searches(Self.step(engine, .deadline, at: now))
        #expect(again.count == Self.count)
        engine.expectConsistentKeeper()
        let same = Self.step(engine, .configuration(Self.configuration()), at: now)
        #expect(same.isEmpty)
        let changed = Self.step(
            engine, .configuration(Self.configuration { $0.livenessDelay = .seconds(77) }), at: now)
        #expect(Self.traps(changed) == (Self.count, Self.count))
        #expect(Self.searches(changed).count == Self.count)
        engine.expectConsistentKeeper()
    }

    @Test(.timeLimit(.minutes(1)))
    func `the connection of one search is found among sixty thousand`() {
        var keeper = ConnectionKeeper()
        let names = (0..<3 * Self.count).map { "site-\($0)" }
        let searches = names.map { keeper.keep($0, children: ["net"], .permanent) }
        for (name, searchID) in zip(names, searches) {
            #expect(keeper.name(ofSearch: searchID) == name)
            keeper.forget(name)
        }
        #expect(keeper.searches.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the policy of one connection is found among forty thousand`() {
        var book = TrapBook()
        let reqids = (1...UInt32(2 * Self.count))
        for reqid in reqids {
            let policy = TrapPolicy(
                reqid: reqid, localSelectors: [], remoteSelectors: [], remote: Addresses.gateway)
            book.add(policy, connection: "site-\(reqid)", child: "net", isArmed: false)
        }
        for reqid in reqids {
            #expect(book.arm("net", of: "site-\(reqid)", true) && book[reqid]?.isArmed == true)
            #expect(book.move("site-\(reqid)", to: Addresses.peer).map(\.reqid) == [reqid])
            #expect(book.all(of: "site-\(reqid)").map(\.policy.remote) == [Addresses.peer])
        }
        for reqid in reqids {
            book.remove(reqid)
            #expect(book[reqid] == nil && book.all(of: "site-\(reqid)").isEmpty)
        }
    }
}
