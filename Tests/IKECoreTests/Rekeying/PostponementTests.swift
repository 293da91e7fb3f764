import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What could not be done at the moment is asked for once more, as it was asked for the first time (RFC 7296 §2.25).
@Suite(.networkCapture) struct PostponementTests {
    /// Why it could not be done.
    enum Obstacle: CaseIterable, Sendable {
        case dataPlane
        case busyPeer
    }

    private static let part = SelectorNarrowing.Result(
        local: [Configurations.selector("10.1.0.0/25")], remote: [Configurations.selector("10.2.0.128/25")])
    private static let packet = PacketSelectors(
        local: Configurations.selector("10.1.0.9/32"), remote: Configurations.selector("10.2.0.7/32"))

    /// Two gateways, of which A has begun `item` and failed; the obstacle is gone by now.
    private func failed(_ item: ExchangeAgenda.Item, by obstacle: Obstacle) throws -> Pair {
        let pair = try CollisionTests.standing(seed: 1)
        switch obstacle {
        case .dataPlane: pair.a.kernel.failing = [.allocateSPI]
        case .busyPeer:
            // B's own rekeying of the IKE_SA is under way.
            pair.net.fate = { $0.source.address == Addresses.gateway ? .delay(.seconds(1)) : .deliver }
            #expect(pair.command(.rekey(connection: "site-a", uniqueID: nil, child: nil), of: pair.b))
            pair.net.run(for: .milliseconds(100))
        }
        let ikeSA = try #require(pair.a.engine.context.directory.all.first)
        ikeSA.agenda.add(item)
        pair.a.engine.context.touch(ikeSA)
        pair.a.feed(.deadline, on: pair.net)
        pair.net.run(for: .seconds(2))
        #expect(pair.a.kernel.inbound.count == 1 && self.asking(pair) == nil)
        pair.a.kernel.failing = []
        pair.net.fate = { _ in .deliver }
        return pair
    }

    /// What A asks B for.
    private func asking(_ pair: Pair) -> RequestedChild? {
        pair.a.engine.context.directory.all.compactMap(\.requestedChild).first
    }

    @Test(arguments: Obstacle.allCases)
    func `a CHILD_SA that an older IKE_SA has is asked for with the same selectors again`(
        obstacle: Obstacle
    ) throws {
        let pair = try self.failed(.recreateChild("net", Self.part), by: obstacle)
        pair.net.run(for: .seconds(60))
        let specs = pair.a.engine.snapshots.flatMap(\.children).map(\.spec)
        #expect(specs.count == 2)
        #expect(
            specs.contains {
                $0.localSelectors == Self.part.local && $0.remoteSelectors == Self.part.remote
            })
        #expect(pair.agreedChildren == 2)
        pair.expectSound()
    }

    @Test(arguments: [true, false])
    func `an operator ends what is to be asked for once more, whatever its selectors`(isAnew: Bool) throws {
        let item: ExchangeAgenda.Item =
            isAnew ? .recreateChild("net", Self.part) : .createChild("net", Self.packet)
        let pair = try self.failed(item, by: .dataPlane)
        let ikeSA = try #require(pair.a.engine.context.directory.all.first)
        #expect(ikeSA.agenda.creates(child: "net") && ikeSA.agenda.hasChildrenToCreate)
        // What is wanted anyway is not wanted twice.
        ikeSA.agenda.add(.createChild("net", nil))
        #expect(ikeSA.agenda.items == [item])
        #expect(
            pair.command(.terminate(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(60))
        #expect(pair.agreedChildren == 0)
        pair.expectSound()
    }

    @Test(arguments: Obstacle.allCases)
    func `a packet's selectors come first the second time as well`(obstacle: Obstacle) throws {
        let pair = try self.failed(.createChild("net", Self.packet), by: obstacle)
        pair.net.run(upTo: .seconds(60)) { self.asking(pair) != nil }
        let selectors = try #require(self.asking(pair)).selectors
        #expect(selectors.local == [Self.packet.local, Configurations.selector("10.1.0.0/24")])
        #expect(selectors.remote == [Self.packet.remote, Configurations.selector("10.2.0.0/24")])
        pair.net.run(for: .seconds(60))
        #expect(pair.agreedChildren == 2)
        pair.expectSound()
    }
}
