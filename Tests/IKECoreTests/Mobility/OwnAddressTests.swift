import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Our own address changes, or several times, or both sides' do (RFC 4555 §3.5, RFC 7296 §2.23). A is the side that began.
@Suite(.networkCapture) struct OwnAddressTests {
    static let second = IPAddress.v4(IPv4Address(198, 51, 100, 200))
    static let third = IPAddress.v4(IPv4Address(198, 51, 100, 150))

    private func pair(
        _ topology: Bench.Topology = Bench.Topology(), seed: UInt64 = 1, mobike: Bool = true,
        _ change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let pair = try Pair(
            seed: seed, topology,
            a: { configuration in
                configuration.connections[0].mobike = mobike
                change(&configuration)
            })
        pair.a.change(addresses: pair.a.addresses, on: pair.net)
        pair.b.change(addresses: pair.b.addresses, on: pair.net)
        try pair.connect()
        return pair
    }

    /// Both sides' IKE and ESP go between these addresses, and packets come through.
    private func expectPath(
        _ pair: Pair, _ a: IPAddress, _ b: IPAddress = Addresses.gateway,
        _ location: SourceLocation = #_sourceLocation
    ) {
        for (host, local, remote) in [(pair.a, a, b), (pair.b, b, a)] {
            let path = host.engine.snapshots.first?.path
            #expect(path?.local.address == local, sourceLocation: location)
            #expect(path?.remote.address == remote, sourceLocation: location)
            for state in Array(host.kernel.inbound.values) + Array(host.kernel.outbound.values) {
                #expect(state.path.local.address == local, sourceLocation: location)
                #expect(state.path.remote.address == remote, sourceLocation: location)
                #expect(
                    state.path.usesUDPEncapsulation == path?.usesUDPEncapsulation, sourceLocation: location)
            }
        }
        #expect(pair.agreedIKESAs == 1, sourceLocation: location)
        #expect(pair.agreedChildren == 1, sourceLocation: location)
        #expect(pair.pings("there"), sourceLocation: location)
        pair.expectSound(location)
    }

    private func changes(_ host: EngineHost) -> Int {
        host.events.count { if case .pathChanged = $0 { true } else { false } }
    }

    private func ends(_ host: EngineHost) -> [EndReason] {
        host.events.compactMap { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
    }

    // MARK: With MOBIKE

    @Test
    func `with MOBIKE everything after IKE_SA_INIT goes by port 4500, with bare ESP where there is no NAT`()
        throws
    {
        let pair = try self.pair()
        let path = try #require(pair.a.engine.snapshots.first).path
        #expect(path.local.port == 4500 && path.remote.port == 4500)
        #expect(!path.usesUDPEncapsulation)
        self.expectPath(pair, Addresses.peer)
    }

    @Test(arguments: [Duration.zero, .seconds(1)])
    func `the initiator takes another address, and everything goes on there`(delay: Duration) throws {
        let pair = try self.pair()
        pair.a.kernelDelay = delay
        pair.b.kernelDelay = delay
        #expect(pair.pings())
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        self.expectPath(pair, Self.second)
        #expect(self.changes(pair.a) == 1)
        #expect(self.changes(pair.b) == 1)
        #expect(pair.a.homeless == 0)
    }

    @Test func `an address that comes without the way changing alters nothing`() throws {
        let pair = try self.pair()
        let before = pair.net.sent.count
        pair.a.change(addresses: [Addresses.peer, Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        #expect(pair.net.sent.count == before)
        // The way changes while the old address stays.
        pair.a.change(addresses: [Self.second, Addresses.peer], on: pair.net)
        pair.net.run(for: .seconds(5))
        self.expectPath(pair, Self.second)
    }

    @Test(arguments: 0..<4)
    func `a lost message of the update only delays it`(lost: Int) throws {
        let pair = try self.pair()
        var count = 0
        pair.net.fate = { _ in
            defer { count += 1 }
            return count == lost ? .lose : .deliver
        }
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(20))
        #expect(count > lost)
        self.expectPath(pair, Self.second)
    }

    @Test(arguments: [0, 3, 8, 12, 20, 3_000])
    func `a second change while the update is under way ends at the second place`(after: Int) throws {
        let pair = try self.pair()
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .milliseconds(after))
        pair.a.change(addresses: [Self.third], on: pair.net)
        pair.net.run(for: .seconds(30))
        self.expectPath(pair, Self.third)
    }

    @Test(arguments: [0, 3, 8, 12, 20])
    func `back and forth ends where it began`(after: Int) throws {
        let pair = try self.pair()
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .milliseconds(after))
        pair.a.change(addresses: [Addresses.peer], on: pair.net)
        pair.net.run(for: .seconds(30))
        self.expectPath(pair, Addresses.peer)
    }

    @Test func `a time without any address is survived`() throws {
        let pair = try self.pair()
        pair.a.change(addresses: [], on: pair.net)
        pair.net.run(for: .seconds(60))
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        self.expectPath(pair, Self.second)
        #expect(pair.attempts == 1)
    }

    @Test func `a request that is under way is sent again from the new address at once`() throws {
        let pair = try self.pair()
        // Nothing of A's comes through while its old path is dying.
        pair.net.fate = { $0.source.address == Addresses.peer ? .lose : .deliver }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(20))
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(2))
        self.expectPath(pair, Self.second)
        let rekeyed = pair.a.events.contains {
            if case .childSAInstalled(_, _, _, let old) = $0 { old != nil } else { false }
        }
        #expect(rekeyed)
    }

    @Test(arguments: [0, 3, 6, 9, 12, 15, 20, 30], ["a child", "b child", "a ike", "b ike"])
    func `a rekeying at the same time ends as well, on the new path`(after: Int, what: String) throws {
        let pair = try self.pair()
        let host = what.hasPrefix("a") ? pair.a : pair.b
        let child = what.hasSuffix("child") ? "net" : nil
        let name = what.hasPrefix("a") ? "site-b" : "site-a"
        pair.command(.rekey(connection: name, uniqueID: nil, child: child), of: host)
        pair.net.run(for: .milliseconds(after))
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(400))
        self.expectPath(pair, Self.second)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `changes of the address on a bad line converge`(seed: UInt64) throws {
        let pair = try self.pair(seed: seed)
        pair.net.conditions = .bad
        for (index, address) in [Self.second, Self.third, Addresses.peer, Self.third].enumerated() {
            pair.a.change(addresses: [address], on: pair.net)
            pair.net.run(for: .seconds(Int64(index) * 3))
        }
        pair.net.run(for: .seconds(300))
        pair.net.conditions = LinkConditions()
        pair.net.run(for: .seconds(400))
        self.expectPath(pair, Self.third)
    }

    @Test func `behind a NAT at the new place ESP goes in UDP, and bare again without it`() throws {
        let pair = try self.pair()
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        pair.net.move(pair.a, behind: [nat])
        pair.a.change(addresses: [Addresses.hidden], on: pair.net)
        pair.net.run(for: .seconds(5))
        let natted = try #require(pair.a.engine.snapshots.first).path
        #expect(natted.usesUDPEncapsulation && natted.isLocalBehindNAT)
        #expect(pair.b.engine.snapshots.first?.path.isRemoteBehindNAT == true)
        #expect(pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.net.move(pair.a, behind: [])
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        #expect(pair.a.engine.snapshots.first?.path.usesUDPEncapsulation == false)
        self.expectPath(pair, Self.second)
    }

    @Test func `encap = yes keeps ESP in UDP at the new address`() throws {
        let pair = try self.pair { $0.connections[0].forcesEncapsulation = true }
        #expect(pair.a.engine.snapshots.first?.path.usesUDPEncapsulation == true)
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        #expect(pair.a.engine.snapshots.first?.path.usesUDPEncapsulation == true)
        self.expectPath(pair, Self.second)
    }

    @Test func `a NAT that forgets is noticed by the liveness check, and the peer is told`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let pair = try self.pair(.natted(nat)) { $0.connections[0].livenessDelay = .seconds(10) }
        pair.net.run(for: .seconds(25))
        let before = try #require(pair.b.engine.snapshots.first).path.remote
        nat.reboot()
        pair.net.run(for: .seconds(15))
        let after = try #require(pair.b.engine.snapshots.first).path.remote
        #expect(after.address == before.address && after.port != before.port)
        #expect(pair.b.kernel.outbound.values.map(\.path.remote) == [after])
        #expect(pair.pings())
        // Nothing more is said as long as nothing changes.
        let count = pair.b.engine.snapshots.first?.pathChanges
        pair.net.run(for: .seconds(120))
        #expect(pair.b.engine.snapshots.first?.pathChanges == count)
        pair.expectSound()
    }

    @Test(arguments: [true, false])
    func `a NAT that forgets us just as our address changes is survived`(mobike: Bool) throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let pair = try self.pair(.natted(nat), mobike: mobike)
        let before = try #require(pair.b.engine.snapshots.first).path.remote
        let other = IPAddress.v4(IPv4Address(192, 168, 1, 99))
        nat.changeAddress(to: Addresses.otherNAT)
        pair.a.change(addresses: [other], on: pair.net)
        pair.net.run(for: .seconds(5))
        #expect(pair.pings())
        let after = try #require(pair.b.engine.snapshots.first).path.remote
        #expect(after.address == Addresses.otherNAT && after != before)
        #expect(pair.b.kernel.outbound.values.map(\.path.remote) == [after])
        #expect(pair.a.kernel.outbound.values.map(\.path.local.address) == [other])
        #expect(pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `an IPv4 path becomes an IPv6 path and the other way round`() throws {
        let b = [Addresses.gateway, Addresses.v6(1)]
        let pair = try Pair(b: { configuration in
            configuration.connections[0].localAddresses = b.compactMap { address in
                AddressRange(address, address).map { .range($0) }
            }
        })
        pair.a.change(addresses: [Addresses.peer], on: pair.net)
        pair.b.change(addresses: b, on: pair.net)
        try pair.connect()
        pair.a.change(addresses: [Addresses.v6(7)], on: pair.net)
        pair.net.run(for: .seconds(5))
        self.expectPath(pair, Addresses.v6(7), Addresses.v6(1))
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        self.expectPath(pair, Self.second)
        #expect(pair.attempts == 1)
    }

    @Test func `addresses that local_addrs names are told to the peer in IKE_AUTH`() throws {
        let pair = try Pair(b: { configuration in
            let named = [Addresses.gateway, Addresses.v6(1), Addresses.v6(2)]
            configuration.connections[0].localAddresses = named.compactMap { address in
                AddressRange(address, address).map { .range($0) }
            }
        })
        // It does not have the third.
        pair.b.change(addresses: [Addresses.gateway, Addresses.v6(1), Self.third], on: pair.net)
        try pair.connect()
        #expect(
            pair.a.engine.context.directory.all.first?.mobility.peerAddresses == [
                Addresses.gateway, Addresses.v6(1),
            ])
        #expect(pair.b.engine.context.directory.all.first?.mobility.peerAddresses.isEmpty == true)
    }

    @Test
    func `a peer that does not answer is tried at its other address, and ESP follows when it answers there`()
        throws
    {
        let other = IPAddress.v4(IPv4Address(203, 0, 113, 99))
        let pair = try self.pair { $0.connections[0].livenessDelay = .seconds(10) }
        try #require(pair.a.engine.context.directory.all.first)
            .mobility.setPeerAddresses([other], limit: 16)
        pair.b.change(addresses: [Addresses.gateway, other], on: pair.net)
        pair.net.fate = { $0.destination.address == Addresses.gateway ? .lose : .deliver }
        pair.net.run(for: .seconds(120))
        self.expectPath(pair, Addresses.peer, other)
        #expect(pair.attempts == 1)
    }

    @Test func `a peer that answers nowhere is given up, however many addresses it has`() throws {
        let other = IPAddress.v4(IPv4Address(203, 0, 113, 99))
        let pair = try self.pair { $0.connections[0].livenessDelay = .seconds(10) }
        try #require(pair.a.engine.context.directory.all.first)
            .mobility.setPeerAddresses([other, Addresses.gateway], limit: 16)
        pair.net.fate = { $0.source.address == Addresses.peer ? .lose : .deliver }
        pair.net.run(for: .seconds(200))
        #expect(self.ends(pair.a) == [.peerDead])
    }

    @Test func `the responder whose address is gone says so from another, and the initiator follows`() throws
    {
        let other = IPAddress.v4(IPv4Address(203, 0, 113, 99))
        let pair = try self.pair()
        pair.b.change(addresses: [other], on: pair.net)
        pair.net.run(for: .seconds(10))
        self.expectPath(pair, Addresses.peer, other)
    }

    @Test func `both change at the same time, and the one that is found finds the other`() throws {
        let other = IPAddress.v4(IPv4Address(203, 0, 113, 99))
        let pair = try self.pair()
        try #require(pair.a.engine.context.directory.all.first)
            .mobility.setPeerAddresses([other], limit: 16)
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.b.change(addresses: [other], on: pair.net)
        pair.net.run(for: .seconds(120))
        self.expectPath(pair, Self.second, other)
    }

    @Test func `a forged COOKIE2 in the answer to our update closes the IKE_SA`() throws {
        let net = SimNet()
        let peer = ScriptedResponder(Addresses.gateway)
        let pair = try Pair()
        let a = EngineHost(
            addresses: [Addresses.peer], configuration: pair.a.engine.context.configuration, seed: 4)
        net.attach(a)
        net.attach(peer)
        peer.rewriteAuth = { $0 + [.notify(NotifyPayload(.mobikeSupported))] }
        a.change(addresses: [Addresses.peer], on: net)
        a.feed(.started, on: net)
        net.run(for: .seconds(5))
        try #require(a.engine.snapshots.count == 1)
        // It answers with nothing, so without the cookie.
        a.change(addresses: [Self.second], on: net)
        net.run(for: .seconds(1))
        #expect(
            peer.requests.first?.contains { payload in
                if case .notify(let notify) = payload { notify.type == .updateSAAddresses } else { false }
            } == true)
        let ends = a.events.compactMap { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.wrongCookie])
        #expect(a.kernel.isEmpty)
    }

    // MARK: Without MOBIKE

    @Test func `without MOBIKE a peer that sees us behind a NAT follows us`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let pair = try self.pair(.natted(nat), mobike: false)
        #expect(pair.a.engine.context.directory.all.first?.mobility.isAgreed == false)
        let other = IPAddress.v4(IPv4Address(192, 168, 1, 99))
        pair.a.change(addresses: [other], on: pair.net)
        pair.net.run(for: .seconds(2))
        #expect(pair.a.engine.snapshots.first?.path.local.address == other)
        #expect(pair.a.kernel.outbound.values.map(\.path.local.address) == [other])
        #expect(pair.pings())
        #expect(pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `without MOBIKE and without a NAT the IKE_SA ends, and another begins from the new address`()
        throws
    {
        let pair = try self.pair(mobike: false)
        pair.a.change(addresses: [Addresses.peer, Self.second], on: pair.net)
        pair.net.run(for: .seconds(5))
        #expect(self.ends(pair.a).isEmpty)
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(30))
        #expect(self.ends(pair.a) == [.addressLost])
        #expect(self.ends(pair.b) == [.deletedByPeer])
        // Until B has forgotten its last answer.
        pair.net.run(for: .seconds(60))
        self.expectPath(pair, Self.second)
        #expect(pair.attempts == 2)
    }

    @Test func `an attempt from an address that is gone ends, and the next begins at the new one`() throws {
        let pair = try Pair()
        pair.a.change(addresses: [Addresses.peer], on: pair.net)
        pair.net.fate = { $0.source.address == Addresses.peer ? .lose : .deliver }
        pair.start()
        pair.net.run(for: .seconds(1))
        pair.a.change(addresses: [Self.second], on: pair.net)
        pair.net.run(for: .seconds(10))
        #expect(pair.stands)
        #expect(pair.a.engine.snapshots.first?.path.local.address == Self.second)
    }
}
