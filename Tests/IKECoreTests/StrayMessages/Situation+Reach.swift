import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// A pair of gateways of which one is in a situation, and its IKE_SA that is.
struct Subject {
    let place: Place
    let pair: Pair
    let ikeSA: IKESA

    var host: EngineHost { self.place.side == .a ? self.pair.a : self.pair.b }
    var other: EngineHost { self.place.side == .a ? self.pair.b : self.pair.a }

    /// Ways into a situation.
    private struct Way {
        let place: Place
        let pair: Pair
        /// In front of A.
        let nat: SimNAT?

        var host: EngineHost { self.place.side == .a ? self.pair.a : self.pair.b }
        var other: EngineHost { self.place.side == .a ? self.pair.b : self.pair.a }
        var hostName: String { self.place.side == .a ? "site-b" : "site-a" }
        var otherName: String { self.place.side == .a ? "site-a" : "site-b" }
        var ikeSAs: [IKESA] { self.host.engine.context.directory.all }
        var ikeSA: IKESA? { self.ikeSAs.first }
    }

    /// The situation, reached anew; with another seed where chance decides.
    init(_ place: Place) throws {
        for seed in 1...64 as ClosedRange<UInt64> {
            let nat =
                place.situation == .moving
                ? SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000)) : nil
            let pair = try Self.pair(place, seed: seed, nat)
            let way = Way(place: place, pair: pair, nat: nat)
            guard let ikeSA = try Self.reach(way) else { continue }
            self.place = place
            self.pair = way.pair
            self.ikeSA = ikeSA
            return
        }
        throw PeerError.missing("a way to \(place.testDescription)")
    }

    /// Where one of the two may go.
    private static let elsewhere = IPAddress.v4(IPv4Address(198, 51, 100, 200))

    private static func child(isOnA: Bool) -> ChildConfiguration {
        var child = Configurations.child("voice")
        let (near, far) = (Configurations.selector("10.1.7.0/24"), Configurations.selector("10.2.7.0/24"))
        child.localSelectors = [.fixed(isOnA ? near : far)]
        child.remoteSelectors = [.fixed(isOnA ? far : near)]
        return child
    }

    private static func pair(_ place: Place, seed: UInt64, _ nat: SimNAT?) throws -> Pair {
        try Pair(
            seed: seed, nat.map { .natted($0) } ?? Bench.Topology(),
            a: { configuration in
                configuration.connections[0].children[0].startAction = .none
                configuration.connections[0].children.append(Self.child(isOnA: true))
                if place.situation == .refusing {
                    configuration.connections[0].remoteIdentity = .suffix(.fqdn, ".example.net")
                }
            },
            b: { configuration in
                configuration.connections[0].children.append(Self.child(isOnA: false))
                if place.situation == .refused {
                    configuration.secrets = [
                        SharedSecret(name: "ike-a", owners: [], key: SecretBytes(copying: [1, 2, 3]))
                    ]
                }
            })
    }

    private static func reach(_ way: Way) throws -> IKESA? {
        switch way.place.situation.family {
        case .unauthenticated, .refused, .firstChild: return Self.begin(way)
        case .deaf where way.place.situation == .authenticatingAnew: return try Self.standAndGoOn(way)
        case .deaf where way.place.situation.sides.count == 1: return Self.begin(way)
        case .deaf, .standing, .rekeyingIKESA, .standby, .over: return try Self.standAndGoOn(way)
        }
    }

    private static func standAndGoOn(_ way: Way) throws -> IKESA? {
        #expect(way.pair.command(.initiate(connection: "site-b", child: "net"), of: way.pair.a))
        way.pair.net.run(upTo: .seconds(300)) { way.pair.stands }
        way.pair.net.run(for: .milliseconds(100))
        try #require(way.pair.agreedChildren == 1 && way.pair.agreedIKESAs == 1)
        return try Self.goOn(way)
    }

    /// Situations on the way to an IKE_SA that stands.
    private static func begin(_ way: Way) -> IKESA? {
        let situation = way.place.situation
        let needsSlowKernel =
            situation == .authenticatingWhileKernelWorks || situation == .waitingForFirstSPI
            || situation == .installingFirstChild
        if needsSlowKernel { way.host.kernelDelay = .seconds(1) }
        way.pair.command(.initiate(connection: "site-b", child: "net"), of: way.pair.a)
        let isReached = way.pair.net.run(upTo: .seconds(10)) {
            guard let ikeSA = way.ikeSA else { return false }
            switch (situation, ikeSA.phase) {
            case (.halfOpen, .halfOpen), (.refused, .closing): return true
            case (.waitingForFirstSPI, .initiating): return ikeSA.requests.outstanding == nil
            case (.awaitingAuthentication, .initiating), (.unwanted, .initiating):
                return ikeSA.requests.outstanding != nil
            case (.refusing, .closing): return true
            case (.authenticatingWhileKernelWorks, .established): return ikeSA.pendingAnswer != nil
            case (.installingFirstChild, .established): return ikeSA.requestedChild?.purpose == .first
            default: return false
            }
        }
        if situation == .unwanted {
            way.pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: way.pair.a)
        }
        return isReached ? way.ikeSA : nil
    }

    /// Situations of an IKE_SA that stands.
    private static func goOn(_ way: Way) throws -> IKESA? {
        let ikeSA = try #require(way.ikeSA)
        let rekeyChild = { (name: String) in
            OperatorCommand.rekey(connection: name, uniqueID: nil, child: "net")
        }
        let rekeyIKESA = { (name: String) in
            OperatorCommand.rekey(connection: name, uniqueID: nil, child: nil)
        }
        switch way.place.situation {
        case .idle: return ikeSA
        case .probing: try Forger(ikeSA).hint(way.host, way.pair.net)
        case .askingForChild:
            way.pair.command(.initiate(connection: way.hostName, child: "voice"), of: way.host)
        case .rekeyingChild: way.pair.command(rekeyChild(way.hostName), of: way.host)
        case .rekeyingIKESA: way.pair.command(rekeyIKESA(way.hostName), of: way.host)
        case .deletingChild:
            way.pair.command(
                .terminate(connection: way.hostName, uniqueID: nil, child: "net"), of: way.host)
        case .closing:
            way.pair.command(.terminate(connection: way.hostName, uniqueID: nil, child: nil), of: way.host)
        case .presentingToken:
            way.pair.command(rekeyIKESA(way.hostName), of: way.host)
            return Self.wait(way) { $0.requests.outstanding?.request == .presentToken }
        case .updatingAddresses:
            way.pair.a.change(addresses: [Self.elsewhere], on: way.pair.net)
            return Self.wait(way) { $0.requests.outstanding?.request == .updateAddresses }
        case .checkingAddress:
            way.pair.a.change(addresses: [Self.elsewhere], on: way.pair.net)
            // The update is over for A as well.
            let twin = try #require(way.other.engine.context.directory.all.first)
            return Self.wait(way) {
                $0.requests.outstanding?.request == .checkAddress && twin.requests.isIdle
            }
        case .announcingAddresses:
            way.pair.b.change(addresses: [Self.elsewhere], on: way.pair.net)
            return Self.wait(way) { $0.requests.outstanding?.request == .announceAddresses }
        case .deletedByPeer:
            way.pair.command(.terminate(connection: way.otherName, uniqueID: nil, child: nil), of: way.other)
            return Self.wait(way) { if case .closing = $0.phase { true } else { false } }
        case .waitingForSPI:
            way.host.kernelDelay = .seconds(1)
            way.pair.command(rekeyChild(way.hostName), of: way.host)
        case .installing:
            way.host.kernelDelay = .seconds(1)
            way.pair.command(rekeyChild(way.hostName), of: way.host)
            return Self.wait(way) {
                if case .installing = $0.requestedChild?.stage { true } else { false }
            }
        case .answeringWhileKernelLooksForSPI:
            way.host.kernelDelay = .seconds(1)
            way.pair.command(rekeyChild(way.otherName), of: way.other)
            return Self.wait(way) { $0.pendingAnswer != nil }
        case .answeringWhileKernelInstalls:
            way.host.kernelDelay = .seconds(1)
            way.pair.command(rekeyChild(way.otherName), of: way.other)
            return Self.wait(way) {
                if case .installing = $0.pendingAnswer?.stage { true } else { false }
            }
        case .retiring:
            way.pair.command(rekeyChild(way.hostName), of: way.host)
            return Self.wait(way) { $0.children.contains { $0.state == .retiring } }
        case .rekeyed:
            way.pair.command(rekeyChild(way.otherName), of: way.other)
            return Self.wait(way) {
                $0.children.contains { if case .rekeyed = $0.state { true } else { false } }
            }
        case .redundant:
            way.pair.command(rekeyChild(way.hostName), of: way.host)
            way.pair.command(rekeyChild(way.otherName), of: way.other)
            return Self.wait(way) { $0.children.contains { $0.state == .redundant } }
        case .standby:
            way.pair.command(rekeyIKESA(way.hostName), of: way.host)
            way.pair.command(rekeyIKESA(way.otherName), of: way.other)
            return Self.wait(way) { if case .standby = $0.phase { true } else { false } }
        case .superseded:
            way.pair.command(rekeyIKESA(way.otherName), of: way.other)
            return Self.wait(way) { if case .closing = $0.phase { true } else { false } }
        case .moving:
            way.host.kernelDelay = .seconds(1)
            way.nat?.reboot()
            _ = way.pair.pings()
            return Self.wait(way) { $0.pendingMove != nil }
        case .reauthenticating, .authenticatingAnew, .inheriting, .replaced:
            return try Self.authenticateAnew(way)
        case .halfOpen, .authenticatingWhileKernelWorks, .refused, .waitingForFirstSPI,
            .awaitingAuthentication, .unwanted, .refusing, .installingFirstChild:
            return nil
        }
        return ikeSA
    }

    /// A makes a new IKE_SA in place of the one that stands.
    private static func authenticateAnew(_ way: Way) throws -> IKESA? {
        let old = try #require(way.ikeSA)
        let due = try #require(way.pair.a.engine.context.directory.all.first)
        due.reauthenticateAt = way.pair.net.now
        way.pair.a.engine.context.touch(due)
        way.pair.a.feed(.deadline, on: way.pair.net)
        switch (way.place.situation, way.place.side) {
        case (.replaced, _): return Self.wait(way) { $0 === old && $0.established == nil }
        case (.reauthenticating, .b):
            return Self.wait(way) { $0 !== old && $0.established != nil && $0.pendingAnswer == nil }
                .map { _ in old }
        case (.inheriting, _):
            return Self.wait(way) { $0 !== old && $0.children.contains { !$0.isOutboundActive } }
        case (_, _):
            let new = Self.wait(way) { $0 !== old && $0.requests.outstanding?.request == .authenticate }
            return way.place.situation == .reauthenticating ? new.map { _ in old } : new
        }
    }

    /// The first IKE_SA of the subject that comes to be so, within the time that messages take.
    private static func wait(_ way: Way, until condition: (IKESA) -> Bool) -> IKESA? {
        way.pair.net.run(upTo: .seconds(3)) { way.ikeSAs.contains(where: condition) }
        return way.ikeSAs.first(where: condition)
    }
}
