import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// The peer began the IKE_SA, and says by UPDATE_SA_ADDRESSES where it is (RFC 4555 §3.5).
@Suite(.networkCapture) struct PeerUpdateTests {
    static let elsewhere = IPAddress.v4(IPv4Address(198, 51, 100, 200))

    /// A peer that speaks MOBIKE, behind no NAT, with port 4500 in use.
    private func mobile(
        _ configuration: (inout GatewayConfiguration) -> Void = { _ in },
        peer adjust: (inout PeerSettings) -> Void = { _ in }
    ) throws -> Bench {
        let bench = Bench(
            configuration: configuration,
            peer: { settings in
                settings.extraAuthPayloads = [.notify(NotifyPayload(.mobikeSupported))]
                adjust(&settings)
            })
        try bench.connect()
        return bench
    }

    /// The peer's UPDATE_SA_ADDRESSES from where it is now, with honest NAT_DETECTION.
    private func update(_ bench: Bench, and more: [Payload] = []) throws -> PeerRequest {
        let ikeSA = try #require(bench.peer.ikeSA)
        let detection = NATDetection(
            initiatorSPI: ikeSA.spiI, responderSPI: ikeSA.spiR, crypto: bench.peer.crypto)
        let notifies = try detection.notifies(
            source: Endpoint(bench.peer.settings.address, bench.peer.port),
            destination: Endpoint(bench.peer.settings.gateway, bench.peer.port), hidesSource: false)
        return try bench.peer.ask(
            .informational,
            [.notify(NotifyPayload(.updateSAAddresses))] + notifies.map { .notify($0) } + more)
    }

    /// COOKIE2 of the gateway's checks that the peer has heard.
    private func checks(_ bench: Bench) -> [[UInt8]] {
        bench.peer.heardRequests.flatMap(\.payloads).compactMap { payload in
            if case .notify(let notify) = payload, notify.type == .cookie2 { notify.data } else { nil }
        }
    }

    @Test func `MOBIKE is agreed on if both sides want it`() throws {
        let bench = try self.mobile()
        let auth = try #require(bench.peer.requests.last)
        #expect(auth.notifies.contains { $0.type == .mobikeSupported })
        let plain = Bench()
        try plain.connect()
        #expect(plain.peer.requests.last?.notifies.contains { $0.type == .mobikeSupported } == false)
        let refusing = try self.mobile { $0.connections[0].mobike = false }
        #expect(refusing.peer.requests.last?.notifies.contains { $0.type == .mobikeSupported } == false)
        refusing.peer.settings.address = Self.elsewhere
        try refusing.finish(try self.update(refusing))
        #expect(refusing.snapshot?.pathChanges == 0)
    }

    @Test func `an update moves IKE at once, and ESP when the peer has answered from its new address`() throws
    {
        let bench = try self.mobile()
        #expect(try bench.pings("1"))
        bench.peer.settings.address = Self.elsewhere
        var answers: [Datagram] = []
        bench.net.fate = { datagram in
            // The peer's answer to the check is held back.
            guard datagram.source.address == Self.elsewhere,
                !answers.isEmpty || !bench.peer.heardRequests.isEmpty
            else { return .deliver }
            answers.append(datagram)
            return .lose
        }
        try bench.finish(try self.update(bench))
        #expect(bench.snapshot?.path.remote.address == Self.elsewhere)
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.peer])
        #expect(self.checks(bench).map(\.count) == [16])
        #expect(answers.count == 1)
        bench.net.fate = { _ in .deliver }
        bench.net.run(for: .seconds(10))
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Self.elsewhere])
        #expect(try bench.pings("2"))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `an answer with another COOKIE2 closes the IKE_SA`() throws {
        let bench = try self.mobile()
        bench.peer.settings.address = Self.elsewhere
        bench.peer.settings.fixedAnswer = [
            .notify(NotifyPayload(.cookie2, data: [UInt8](repeating: 7, count: 16)))
        ]
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(1))
        #expect(bench.snapshot == nil)
        #expect(bench.kernel.isEmpty)
        let ends = bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.wrongCookie])
        bench.expectSound()
    }

    @Test func `a peer that is not at its new address gets none of our traffic there`() throws {
        let bench = try self.mobile()
        bench.peer.settings.address = Self.elsewhere
        bench.peer.settings.answersRequests = false
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(60))
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.peer])
        bench.net.run(for: .seconds(200))
        #expect(bench.snapshot == nil)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a check that was answered for a place that the peer has left is made again`() throws {
        let bench = try self.mobile()
        let third = IPAddress.v4(IPv4Address(198, 51, 100, 150))
        bench.peer.settings.address = Self.elsewhere
        bench.peer.settings.answersRequests = false
        try bench.finish(try self.update(bench))
        // Of the gateway's requests to the third place only what went to the second as well gets there.
        let isResponse: UInt8 = 0x20
        bench.net.fate = { [unowned bench] datagram in
            guard datagram.destination.address == third, datagram.bytes[19] & isResponse == 0 else {
                return .deliver
            }
            let isRepeated = bench.net.sent.dropLast().contains {
                $0.datagram.bytes == datagram.bytes && $0.datagram.destination.address == Self.elsewhere
            }
            return isRepeated ? .deliver : .lose
        }
        bench.peer.settings.address = third
        bench.peer.settings.answersRequests = true
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(2))
        #expect(self.checks(bench).count == 2)
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.peer])
        bench.net.fate = { _ in .deliver }
        bench.net.run(for: .seconds(10))
        #expect(bench.snapshot?.path.remote.address == third)
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [third])
        #expect(Set(self.checks(bench)).count == 2)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `back at its old address the peer needs no check`() throws {
        let bench = try self.mobile()
        bench.peer.settings.address = Self.elsewhere
        bench.peer.settings.answersRequests = false
        try bench.finish(try self.update(bench))
        bench.peer.settings.address = Addresses.peer
        bench.peer.settings.answersRequests = true
        try bench.finish(try self.update(bench))
        #expect(bench.snapshot?.path.remote.address == Addresses.peer)
        #expect(try bench.pings())
        bench.net.run(for: .seconds(300))
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.peer])
        bench.expectSound()
    }

    @Test func `COOKIE2 of a request comes back as it was`() throws {
        let bench = try self.mobile()
        for length in [8, 16, 64] {
            let cookie = NotifyPayload(.cookie2, data: [UInt8](repeating: 0x5a, count: length))
            let request = try bench.peer.ask(.informational, [.notify(cookie)])
            #expect(try bench.finish(request) == [.notify(cookie)])
        }
        for length in [0, 7, 65] {
            let cookie = NotifyPayload(.cookie2, data: [UInt8](repeating: 0x5a, count: length))
            let request = try bench.peer.ask(.informational, [.notify(cookie)])
            #expect(try bench.finish(request).isEmpty)
        }
        bench.expectSound()
    }

    @Test func `a message without UPDATE_SA_ADDRESSES from elsewhere is answered there and moves nothing`()
        throws
    {
        let bench = try self.mobile()
        bench.peer.settings.address = Self.elsewhere
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.path.remote.address == Addresses.peer)
        #expect(bench.net.sent.last?.datagram.destination.address == Self.elsewhere)
        bench.expectSound()
    }

    @Test func `behind a NAT an IKE message moves nothing, and ESP moves both`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let bench = Bench(
            .natted(nat),
            peer: { $0.extraAuthPayloads = [.notify(NotifyPayload(.mobikeSupported))] })
        try bench.connect()
        nat.reboot()
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.pathChanges == 0)
        try bench.peer.say("ping")
        bench.net.run(for: .seconds(1))
        #expect(bench.snapshot?.pathChanges == 1)
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [try #require(bench.snapshot).path.remote])
        bench.expectSound()
    }

    @Test func `an update from a new port of the NAT moves IKE and ESP without a check`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        let bench = Bench(
            .natted(nat),
            peer: { $0.extraAuthPayloads = [.notify(NotifyPayload(.mobikeSupported))] })
        try bench.connect()
        let before = try #require(bench.snapshot).path.remote
        nat.reboot()
        try bench.finish(try self.update(bench))
        let after = try #require(bench.snapshot).path.remote
        #expect(after.address == before.address && after.port != before.port)
        #expect(bench.kernel.outbound.values.map(\.path.remote) == [after])
        #expect(self.checks(bench).isEmpty)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a NAT on the new way puts ESP into UDP, and without one it is bare again`() throws {
        let bench = try self.mobile()
        #expect(bench.snapshot?.path.usesUDPEncapsulation == false)
        let nat = SimNAT(outerAddress: Addresses.nat, timeout: .seconds(100_000))
        bench.net.move(bench.peer, behind: [nat])
        bench.peer.settings.address = Addresses.hidden
        bench.peer.port = IKEPort.natTraversal
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(5))
        let natted = try #require(bench.snapshot).path
        #expect(natted.usesUDPEncapsulation && natted.isRemoteBehindNAT)
        #expect(bench.kernel.outbound.values.map(\.path.usesUDPEncapsulation) == [true])
        bench.net.move(bench.peer, behind: [])
        bench.peer.settings.address = Self.elsewhere
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(5))
        #expect(bench.snapshot?.path.usesUDPEncapsulation == false)
        #expect(bench.kernel.outbound.values.map(\.path.usesUDPEncapsulation) == [false])
        bench.expectSound()
    }

    @Test func `NO_NATS_ALLOWED refuses an update through a NAT, and nothing else`() throws {
        let bench = try self.mobile()
        let gateway = Endpoint(Addresses.gateway, bench.peer.port)
        bench.peer.settings.address = Self.elsewhere
        let wrong = NotifyPayload(noNATsAllowedFrom: Endpoint(Addresses.peer, bench.peer.port), to: gateway)
        let refused = try self.update(bench, and: [.notify(wrong)])
        try bench.finish(refused)
        #expect(refused.error == .unexpectedNATDetected)
        #expect(bench.snapshot?.pathChanges == 0)
        let right = NotifyPayload(noNATsAllowedFrom: Endpoint(Self.elsewhere, bench.peer.port), to: gateway)
        let taken = try self.update(bench, and: [.notify(right)])
        try bench.finish(taken)
        #expect(taken.error == nil)
        #expect(bench.snapshot?.path.remote.address == Self.elsewhere)
        bench.expectSound()
    }

    @Test func `NO_NATS_ALLOWED in IKE_AUTH refuses an IKE_SA through a NAT`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat)
        let bench = Bench(
            .natted(nat),
            peer: { settings in
                settings.extraAuthPayloads = [
                    .notify(
                        NotifyPayload(
                            noNATsAllowedFrom: Endpoint(Addresses.hidden, 4500),
                            to: Endpoint(Addresses.gateway, 4500)))
                ]
            })
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .unexpectedNATDetected)
        #expect(bench.snapshot == nil && bench.kernel.isEmpty)
    }

    @Test func `an address that the connection does not expect is refused`() throws {
        let range = try #require(IPPrefix("198.51.100.0/25"))
        let bench = try self.mobile { $0.connections[0].remoteAddresses = [.range(AddressRange(range))] }
        bench.peer.settings.address = Self.elsewhere
        let cookie = NotifyPayload(.cookie2, data: [UInt8](repeating: 1, count: 8))
        let request = try self.update(bench, and: [.notify(cookie)])
        try bench.finish(request)
        #expect(request.error == .unacceptableAddresses)
        #expect(request.notifies.contains(cookie))
        #expect(bench.snapshot?.pathChanges == 0)
        bench.expectSound()
    }

    @Test func `a move that the kernel cannot make ends the CHILD_SA, and the IKE_SA stays`() throws {
        let bench = try self.mobile()
        bench.kernel.failing = [.move]
        bench.peer.settings.address = Self.elsewhere
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(5))
        #expect(bench.snapshot?.path.remote.address == Self.elsewhere)
        #expect(bench.agreedChildren()?.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a list of addresses is bounded`() throws {
        let bench = try self.mobile()
        let many = (0..<200).map { number in
            Payload.notify(
                NotifyPayload(additionalAddress: .v4(IPv4Address(10, 0, 0, UInt8(number)))))
        }
        for chunk in 0..<4 {
            try bench.finish(
                bench.peer.ask(.informational, Array(many[(chunk * 50)..<(chunk * 50 + 50)])))
        }
        let mobility = try #require(bench.engine.context.directory.all.first).mobility
        #expect(mobility.peerAddresses.count == 16)
        #expect(mobility.peerAddresses.prefix(2) == [Addresses.peer, .v4(IPv4Address(10, 0, 0, 150))])
        try bench.finish(bench.peer.ask(.informational, [.notify(NotifyPayload(.noAdditionalAddresses))]))
        #expect(bench.engine.context.directory.all.first?.mobility.peerAddresses == [Addresses.peer])
        bench.expectSound()
    }

    @Test func `an update on an IKE_SA that was just rekeyed moves what took over from it`() throws {
        let bench = try self.mobile()
        try bench.finish(bench.peer.rekeyIKESA())
        let old = bench.peer.ikeSAs[0]
        bench.peer.settings.address = Self.elsewhere
        let request = try bench.peer.ask(
            .informational, [.notify(NotifyPayload(.updateSAAddresses))], on: old)
        try bench.finish(request)
        bench.net.run(for: .seconds(5))
        #expect(bench.snapshot?.path.remote.address == Self.elsewhere)
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Self.elsewhere])
        bench.expectSound()
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `an update to another address family moves IKE and ESP`(delay: Duration) throws {
        let bench = try self.mobile()
        bench.gateway.kernelDelay = delay
        bench.gateway.change(addresses: [Addresses.gateway, Addresses.v6(1)], on: bench.net)
        bench.peer.settings.address = Addresses.v6(7)
        bench.peer.settings.gateway = Addresses.v6(1)
        try bench.finish(try self.update(bench))
        bench.net.run(for: .seconds(10))
        #expect(bench.snapshot?.path.remote.address == Addresses.v6(7))
        #expect(bench.snapshot?.path.local.address == Addresses.v6(1))
        #expect(bench.kernel.outbound.values.map(\.path.remote.address) == [Addresses.v6(7)])
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `the peer's update does not belong to an IKE_SA that we began`() throws {
        let pair = try Pair()
        try pair.connect()
        let ours = try #require(pair.a.engine.context.directory.all.first)
        #expect(ours.mobility.isAgreed && ours.mobility.isInitiator)
        let theirs = try #require(pair.b.engine.context.directory.all.first)
        #expect(theirs.mobility.isAgreed && !theirs.mobility.isInitiator)
        var turn = Turn(now: pair.net.now, outbox: Outbox())
        theirs.enqueue(.updateAddresses, &turn)
        for case .send(let bytes, let source, let destination) in turn.outbox.drain() {
            pair.net.inject(
                Datagram(
                    source: Endpoint(Self.elsewhere, source.port), destination: destination, bytes: bytes))
        }
        pair.net.run(for: .seconds(2))
        #expect(pair.a.engine.snapshots.first?.pathChanges == 0)
        pair.expectSound()
    }
}
