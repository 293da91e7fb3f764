import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Authenticating a peer anew, without a gap (RFC 7296 §2.8.3).
@Suite(.networkCapture) struct ReauthenticationTests {
    private static let never = Lifetime(rekey: nil, hard: nil, jitter: .zero)
    /// After 100 s, with 100 s more to do it.
    private static let hundred = Lifetime(rekey: .seconds(100), hard: .seconds(200), jitter: .zero)

    /// Two gateways of which A authenticates anew after 100 s, unless told otherwise, and neither does anything else.
    private func pair(
        seed: UInt64 = 1, topology: Bench.Topology = Bench.Topology(),
        a: (inout GatewayConfiguration) -> Void = { _ in }, b: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let quiet = { (configuration: inout GatewayConfiguration) in
            configuration.connections[0].lifetime = Self.never
            configuration.connections[0].children[0].lifetime = Self.never
        }
        return try Pair(
            seed: seed, topology,
            a: {
                quiet(&$0)
                $0.connections[0].reauthentication = Self.hundred
                a(&$0)
            },
            b: {
                quiet(&$0)
                b(&$0)
            })
    }

    private func established(_ host: EngineHost) -> Int {
        host.events.count { if case .ikeSAEstablished = $0 { true } else { false } }
    }

    private func begun(_ host: EngineHost) -> Int {
        host.events.count { if case .reauthenticating = $0 { true } else { false } }
    }

    /// Lets time pass while packets go both ways all the time; how many were lost.
    private func lossesIn(_ span: Duration, _ pair: Pair) -> Int {
        let until = pair.net.now.advanced(by: span)
        let before = (pair.a.heard.count, pair.b.heard.count)
        var sent = 0
        let reqids = { (host: EngineHost) in Set(host.kernel.policies.keys).sorted() }
        while pair.net.now < until {
            for reqid in reqids(pair.a) {
                pair.a.say("a\(sent)", reqid: reqid, on: pair.net)
                sent += 1
            }
            for reqid in reqids(pair.b) {
                pair.b.say("b\(sent)", reqid: reqid, on: pair.net)
                sent += 1
            }
            pair.net.run(for: .milliseconds(5))
        }
        pair.net.run(for: .milliseconds(500))
        return sent - (pair.a.heard.count - before.0) - (pair.b.heard.count - before.1)
    }

    private func expectOne(
        _ pair: Pair, children: Int = 1, _ location: SourceLocation = #_sourceLocation
    ) {
        let spis = [pair.a, pair.b].map { host in
            host.engine.snapshots.map { [$0.initiatorSPI, $0.responderSPI] }
        }
        #expect(spis[0].count == 1 && spis[0] == spis[1], sourceLocation: location)
        #expect(pair.agreedChildren == children, sourceLocation: location)
        #expect(pair.pings(), sourceLocation: location)
        pair.expectSound(location)
    }

    // MARK: Without a gap

    @Test(arguments: [Duration.zero, .milliseconds(30)])
    func `a new IKE_SA takes the old one's place, and no packet is lost`(kernelDelay: Duration) throws {
        let pair = try self.pair()
        pair.a.kernelDelay = kernelDelay
        pair.b.kernelDelay = kernelDelay
        try pair.connect()
        let first = try #require(pair.a.engine.snapshots.first)
        pair.net.run(for: .seconds(98))
        #expect(self.lossesIn(.seconds(4), pair) == 0)
        let second = try #require(pair.a.engine.snapshots.first)
        #expect(second.initiatorSPI != first.initiatorSPI && second.establishedAt > first.establishedAt)
        #expect(second.rekeyCount == 0)
        #expect(second.children.map(\.spec.reqid) == first.children.map(\.spec.reqid))
        self.expectOne(pair)
        for _ in 0..<3 {
            pair.net.run(for: .seconds(98))
            #expect(self.lossesIn(.seconds(2), pair) == 0)
            self.expectOne(pair)
        }
        #expect(self.begun(pair.a) == 4 && self.established(pair.b) == 5 && pair.attempts == 1)
        // What was deleted keeps its last answer for a while, and no longer.
        pair.net.run(for: .seconds(40))
        #expect(pair.agreedIKESAs == 1)
        #expect(pair.a.engine.context.heirs.isEmpty && pair.b.engine.context.heirs.isEmpty)
    }

    @Test(arguments: 0..<8)
    func `a lost message delays it, and no packet is lost`(number: Int) throws {
        let pair = try self.pair()
        try pair.connect()
        pair.net.run(for: .seconds(98))
        var count = 0
        pair.net.fate = { datagram in
            guard datagram.kind == .udp, datagram.isIKE else { return .deliver }
            count += 1
            return count - 1 == number ? .lose : .deliver
        }
        #expect(self.lossesIn(.seconds(30), pair) == 0)
        #expect(count > 4 && self.established(pair.a) == 2)
        self.expectOne(pair)
    }

    @Test func `all CHILD_SAs stand on the new one before the old one goes`() throws {
        let add = { (configuration: inout GatewayConfiguration, isOnA: Bool) in
            var child = Configurations.child("voice")
            let near = Configurations.selector("10.1.7.0/24")
            let far = Configurations.selector("10.2.7.0/24")
            child.localSelectors = [.fixed(isOnA ? near : far)]
            child.remoteSelectors = [.fixed(isOnA ? far : near)]
            child.lifetime = Self.never
            child.startAction = isOnA ? .start : .none
            configuration.connections[0].children.append(child)
        }
        let pair = try self.pair(a: { add(&$0, true) }, b: { add(&$0, false) })
        try pair.connect()
        pair.net.run(for: .seconds(97))
        #expect(self.lossesIn(.seconds(5), pair) == 0)
        #expect(self.begun(pair.a) == 1 && self.established(pair.b) == 2)
        self.expectOne(pair, children: 2)
    }

    @Test func `behind a NAT, and by the one who was called, it goes by the path that there is`() throws {
        for isByA in [true, false] {
            let pair = try self.pair(
                topology: .natted(SimNAT(outerAddress: Addresses.nat)),
                a: { if !isByA { $0.connections[0].reauthentication = Self.never } },
                b: { if !isByA { $0.connections[0].reauthentication = Self.hundred } })
            try pair.connect()
            let first = try #require(pair.b.engine.snapshots.first)
            pair.net.run(for: .seconds(98))
            #expect(self.lossesIn(.seconds(4), pair) == 0)
            let second = try #require(pair.b.engine.snapshots.first)
            #expect(second.initiatorSPI != first.initiatorSPI && second.path.remote == first.path.remote)
            #expect(second.isOriginalInitiator == !isByA)
            self.expectOne(pair)
        }
    }

    // MARK: What may come between

    @Test(arguments: UniquenessPolicy.allCases, UniquenessPolicy.allCases)
    func `no policy of uniqueness makes a gap`(a: UniquenessPolicy, b: UniquenessPolicy) throws {
        let pair = try self.pair(
            a: { $0.connections[0].uniqueness = a }, b: { $0.connections[0].uniqueness = b })
        try pair.connect()
        pair.net.run(for: .seconds(98))
        #expect(self.lossesIn(.seconds(4), pair) == 0)
        #expect(self.established(pair.b) == 2)
        self.expectOne(pair)
    }

    @Test func `INITIAL_CONTACT is not said`() throws {
        let pair = try self.pair(b: { $0.connections[0].uniqueness = .no })
        try pair.connect()
        // The peer's IKE_SA would end without a DELETE.
        pair.net.run(for: .seconds(102))
        let reasons = pair.b.events.compactMap {
            if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil }
        }
        #expect(reasons == [.deletedByPeer])
        self.expectOne(pair)
    }

    @Test func `an older IKE_SA that the peer leaves goes after a while, if it is to be replaced`() throws {
        let pair = try self.pair(b: { $0.connections[0].uniqueness = .replace })
        try pair.connect()
        pair.net.run(for: .seconds(99))
        let old = try #require(pair.a.engine.snapshots.first?.initiatorSPI)
        // All that A says on its old IKE_SA is lost: its DELETE.
        pair.net.fate = { datagram in
            guard let octets = datagram.ikeMessage, let message = try? DecodedMessage.decode(octets)
            else {
                return .deliver
            }
            return message.header.initiatorSPI == old && datagram.source.address == Addresses.peer
                ? .lose : .deliver
        }
        pair.net.run(for: .seconds(40))
        #expect(pair.b.engine.snapshots.count == 1)
        #expect(pair.b.engine.snapshots.first?.initiatorSPI != old)
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(40))
        self.expectOne(pair)
    }

    @Test(arguments: [0, 1, 2, 3], [true, false])
    func `a rekeying at the same time by either side does no harm`(step: Int, isByA: Bool) throws {
        for child in [nil, "net"] {
            let pair = try self.pair()
            try pair.connect()
            let host = isByA ? pair.a : pair.b
            let name = isByA ? "site-b" : "site-a"
            pair.net.run(upTo: .seconds(110)) { self.begun(pair.a) == 1 }
            pair.net.run(for: .milliseconds(Int64(step) * 10))
            pair.command(.rekey(connection: name, uniqueID: nil, child: child), of: host)
            #expect(self.lossesIn(.seconds(2), pair) == 0)
            pair.net.run(for: .seconds(200))
            self.expectOne(pair)
        }
    }

    @Test(arguments: 1...6)
    func `a new one that fails leaves the old one, and is tried again`(lostFrom: Int) throws {
        let pair = try self.pair(a: {
            $0.limits.retransmission = [.seconds(1), .seconds(2), .seconds(4)]
            $0.connections[0].reauthentication = Lifetime(
                rekey: .seconds(100), hard: .seconds(300), jitter: .zero)
        })
        try pair.connect()
        let first = try #require(pair.a.engine.snapshots.first?.initiatorSPI)
        pair.net.run(for: .seconds(99))
        // Everything of the new IKE_SA is lost from one message on.
        var count = 0
        pair.net.fate = { datagram in
            guard let octets = datagram.ikeMessage, let message = try? DecodedMessage.decode(octets),
                message.header.initiatorSPI != first
            else { return .deliver }
            count += 1
            return count >= lostFrom ? .lose : .deliver
        }
        #expect(self.lossesIn(.seconds(10), pair) == 0)
        pair.net.fate = { _ in .deliver }
        #expect(self.lossesIn(.seconds(60), pair) == 0)
        #expect(pair.a.engine.snapshots.first?.initiatorSPI != first)
        // What the peer made of an attempt that failed goes with its first probe, or never did stand.
        pair.net.run(for: .seconds(20))
        #expect(pair.a.engine.snapshots.count == 1 && pair.pings())
        pair.expectSound()
    }

    @Test func `a peer that refuses it keeps the old one until its time is over`() throws {
        let pair = try self.pair()
        try pair.connect()
        var configuration = pair.b.engine.context.configuration
        configuration.limits.halfOpenIKESAs = 0
        pair.b.feed(.configuration(configuration), on: pair.net)
        pair.net.run(for: .seconds(195))
        #expect(pair.a.engine.snapshots.count == 1 && pair.pings() && pair.attempts == 1)
        pair.net.run(for: .seconds(10))
        #expect(!pair.stands)
        configuration.limits.halfOpenIKESAs = 100
        pair.b.feed(.configuration(configuration), on: pair.net)
        pair.net.run(for: .seconds(400))
        self.expectOne(pair)
    }

    @Test(arguments: 0..<12)
    func `both may do it at the same time, and one IKE_SA is left`(offset: Int) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let later = Lifetime(
                rekey: .seconds(100) + .milliseconds(Int64(offset) * 8 - 40), hard: .seconds(200),
                jitter: .zero)
            let pair = try self.pair(seed: seed, b: { $0.connections[0].reauthentication = later })
            try pair.connect()
            pair.net.run(for: .seconds(99))
            #expect(self.lossesIn(.seconds(6), pair) == 0)
            self.expectOne(pair)
            pair.net.run(for: .seconds(120))
            self.expectOne(pair)
        }
    }

    @Test(arguments: 0..<14)
    func `both at the same time and a lost message: one is left in the end`(number: Int) throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            let pair = try self.pair(seed: seed, b: { $0.connections[0].reauthentication = Self.hundred })
            try pair.connect()
            pair.net.run(for: .seconds(99))
            var count = 0
            pair.net.fate = { datagram in
                guard datagram.kind == .udp, datagram.isIKE else { return .deliver }
                count += 1
                return count - 1 == number ? .lose : .deliver
            }
            #expect(self.lossesIn(.seconds(20), pair) == 0)
            pair.net.run(for: .seconds(40))
            self.expectOne(pair)
        }
    }

    @Test(arguments: [true, false], [0, 10, 20, 30, 40])
    func `a restart in between is no more than a restart`(isOfA: Bool, milliseconds: Int64) throws {
        let pair = try self.pair(a: {
            $0.connections[0].livenessDelay = .seconds(10)
        })
        try pair.connect()
        pair.net.run(upTo: .seconds(110)) { self.begun(pair.a) == 1 }
        pair.net.run(for: .milliseconds(milliseconds))
        pair.restart(isOfA ? \.a : \.b)
        pair.net.run(for: .seconds(60))
        pair.net.run(upTo: .seconds(300)) { pair.agreedIKESAs == 1 && pair.stands }
        self.expectOne(pair)
    }

    @Test(arguments: UInt64(1)...8)
    func `a peer that breaks before it makes, while we make, is left with one of both in the end`(
        seed: UInt64
    ) throws {
        let caller = try #require(AddressRange(Addresses.peer, Addresses.peer))
        let pair = try self.pair(
            seed: seed, b: { $0.connections[0].remoteAddresses = [.range(caller)] })
        try pair.connect()
        let old = try #require(pair.b.engine.snapshots.first).label.uniqueID
        pair.a.kernelDelay = .milliseconds(60)
        // B ends the old one and begins another between our IKE_SA_INIT and our IKE_AUTH.
        pair.net.run(upTo: .seconds(110)) { pair.b.engine.halfOpenCount == 1 }
        #expect(pair.command(.terminate(connection: "site-a", uniqueID: old, child: nil), of: pair.b))
        #expect(pair.command(.initiate(connection: "site-a", child: "net"), of: pair.b))
        pair.net.run(for: .seconds(1))
        // All three have stood, and of two that are left the next reauthentication ends one.
        #expect(self.established(pair.a) == 3)
        pair.net.run(for: .seconds(120))
        self.expectOne(pair)
    }

    @Test func `an operator who ends the connection in between ends both`() throws {
        for milliseconds in [0, 10, 20, 30, 40] as [Int64] {
            let pair = try self.pair()
            try pair.connect()
            pair.net.run(upTo: .seconds(110)) { self.begun(pair.a) == 1 }
            pair.net.run(for: .milliseconds(milliseconds))
            pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
            pair.net.run(for: .seconds(200))
            #expect(!pair.stands)
            pair.expectSound()
        }
    }

    @Test(arguments: [true, false])
    func `a finished one is forgotten in time, though nothing happens on the IKE_SA any more`(
        isAnswered: Bool
    ) throws {
        let pair = try self.pair(a: {
            $0.limits.retransmission = [.seconds(1), .seconds(2), .seconds(4)]
            $0.connections[0].livenessDelay = nil
            $0.connections[0].reauthentication = Lifetime(
                rekey: .seconds(1_000), hard: .seconds(2_000), jitter: .zero)
        })
        try pair.connect()
        let old = try #require(pair.a.engine.snapshots.first?.initiatorSPI)
        pair.net.run(upTo: .seconds(1_010)) { self.begun(pair.a) == 1 }
        pair.net.fate = { datagram in
            guard !isAnswered, datagram.source.address == Addresses.gateway,
                let octets = datagram.ikeMessage, let message = try? DecodedMessage.decode(octets)
            else { return .deliver }
            // The answer to the old one's DELETE.
            return message.header.initiatorSPI == old ? .lose : .deliver
        }
        pair.net.run(for: .seconds(5))
        #expect(pair.a.engine.tableSizes.reauthentications == 1)
        #expect(pair.a.engine.snapshots.map(\.initiatorSPI) != [old])
        pair.net.run(for: .seconds(15))
        #expect(pair.a.engine.tableSizes.reauthentications == 0)
        self.expectOne(pair)
    }

    // MARK: Timing

    @Test func `rekeying does not put it off`() throws {
        let pair = try self.pair(a: {
            $0.connections[0].lifetime = Lifetime(rekey: .seconds(30), hard: .seconds(60), jitter: .zero)
        })
        try pair.connect()
        pair.net.run(for: .seconds(99))
        #expect(self.begun(pair.a) == 0 && pair.a.engine.snapshots.first?.rekeyCount == 3)
        pair.net.run(for: .seconds(3))
        #expect(self.begun(pair.a) == 1 && pair.a.engine.snapshots.first?.rekeyCount == 0)
        self.expectOne(pair)
    }

    @Test func `a peer that will not rekey the IKE_SA is authenticated anew instead`() throws {
        let pair = try self.pair(a: {
            $0.connections[0].reauthentication = Self.never
            $0.connections[0].lifetime = Lifetime(rekey: .seconds(50), hard: .seconds(100), jitter: .zero)
        })
        try pair.connect()
        let first = try #require(pair.a.engine.snapshots.first?.initiatorSPI)
        // It answers our rekeying with NO_ADDITIONAL_SAS, as one that can do without CREATE_CHILD_SA does.
        var configuration = pair.b.engine.context.configuration
        configuration.limits.ikeSAs = 1
        pair.b.feed(.configuration(configuration), on: pair.net)
        pair.net.run(upTo: .seconds(60)) { self.begun(pair.a) == 1 }
        configuration.limits.ikeSAs = 100
        pair.b.feed(.configuration(configuration), on: pair.net)
        #expect(self.lossesIn(.seconds(10), pair) == 0)
        #expect(pair.a.engine.snapshots.first?.initiatorSPI != first)
        self.expectOne(pair)
    }
}
