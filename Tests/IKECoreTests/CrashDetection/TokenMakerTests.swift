import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Who is shown a token, and who is not (RFC 6290 §4, §9.2).
@Suite(.networkCapture) struct TokenMakerTests {
    /// A request with these SPIs that looks protected.
    private func request(
        _ initiator: IKESPI, _ responder: IKESPI, flags: IKEFlags, isProtected: Bool = true
    ) throws -> [UInt8] {
        let header = IKEHeader(
            initiatorSPI: initiator, responderSPI: responder, exchange: .informational, flags: flags,
            messageID: 2)
        guard isProtected else { return try IKEMessageEncoder.clear(header, []) }
        let content = [UInt8](repeating: 0x5a, count: 25)
        var octets = Array(try IKEMessageEncoder.clear(header, []).prefix(IKEHeader.length))
        octets[16] = PayloadType.encrypted.rawValue
        octets += [0, 0, 0, UInt8(content.count + 4)] + content
        octets.replaceSubrange(24..<28, with: ESPSPI(UInt32(octets.count)).bytes)
        return octets
    }

    /// Gives it to `host`, from nowhere in particular; what it answers.
    private func answers(of host: EngineHost, to octets: [UInt8], on net: SimNet) throws -> [DecodedMessage] {
        let before = net.sent.count
        host.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: octets, source: Endpoint(Addresses.otherNAT, 500),
                    destination: Endpoint(host.addresses[0], 500), socket: .ike)), on: net)
        return try net.sent.dropFirst(before).map { try DecodedMessage.decode($0.datagram.bytes) }
    }

    private func tokens(_ messages: [DecodedMessage]) -> [[UInt8]] {
        messages.flatMap(\.payloads.notifies).filter { $0.type == .quickCrashDetection }.map(\.data)
    }

    @Test(arguments: [true, false])
    func `a protected request of an unknown IKE_SA gets INVALID_IKE_SPI with the token, another no token`(
        isProtected: Bool
    ) throws {
        let bench = Bench()
        let octets = try self.request(IKESPI(1), IKESPI(2), flags: [.initiator], isProtected: isProtected)
        let answer = try #require(try self.answers(of: bench.gateway, to: octets, on: bench.net).first)
        #expect(answer.payloads.notifies.map(\.type).first == .invalidIKESPI)
        #expect(answer.header.flags == [.response])
        #expect(answer.header.messageID == 2)
        let token = try #require(bench.engine.context.tokenMaker).token(
            initiatorSPI: IKESPI(1), responderSPI: IKESPI(2), crypto: bench.gateway.crypto)
        #expect(self.tokens([answer]) == (isProtected ? [token] : []))
    }

    @Test func `a response of an unknown IKE_SA gets silence, protected or not`() throws {
        let bench = Bench()
        for isProtected in [true, false] {
            let octets = try self.request(
                IKESPI(1), IKESPI(2), flags: [.initiator, .response], isProtected: isProtected)
            #expect(try self.answers(of: bench.gateway, to: octets, on: bench.net).isEmpty)
        }
    }

    @Test func `tokens are a hundred a second at most, and then there are some again`() throws {
        let bench = Bench()
        var count = 0
        for number in 1...1_000 as ClosedRange<UInt64> {
            let octets = try self.request(IKESPI(number), IKESPI(2), flags: [.initiator])
            count += try self.answers(of: bench.gateway, to: octets, on: bench.net).count
        }
        #expect(count == 100)
        bench.net.run(for: .seconds(1))
        let octets = try self.request(IKESPI(5_000), IKESPI(2), flags: [.initiator])
        #expect(try self.tokens(self.answers(of: bench.gateway, to: octets, on: bench.net)).count == 1)
    }

    @Test func `the answer is hardly longer than the shortest protected request`() throws {
        let bench = Bench()
        let octets = try self.request(IKESPI(1), IKESPI(2), flags: [.initiator])
        let answer = try #require(try self.answers(of: bench.gateway, to: octets, on: bench.net).first)
        // A probe with AES-GCM: IV, pad length and ICV.
        #expect(octets.count == 57)
        #expect(answer.octets.count == 60)
    }

    // MARK: IKE_SAs that exist

    @Test(arguments: [[.initiator], []] as [IKEFlags])
    func `nobody is shown the token of an IKE_SA that stands, whatever its flags say`(flags: IKEFlags) throws
    {
        let pair = try Pair()
        try pair.connect()
        let snapshot = try #require(pair.a.engine.snapshots.first)
        for host in [pair.a, pair.b] {
            let octets = try self.request(snapshot.initiatorSPI, snapshot.responderSPI, flags: flags)
            #expect(try self.tokens(self.answers(of: host, to: octets, on: pair.net)).isEmpty)
        }
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `nobody is shown the token of an IKE_SA that is being begun`() throws {
        let pair = try Pair()
        // The answer with B's SPI is on its way, and somebody on the way is faster.
        pair.net.fate = { datagram in
            datagram.source.address == Addresses.gateway ? .delay(.seconds(1)) : .deliver
        }
        pair.start()
        pair.net.run(for: .milliseconds(500))
        let ours = try #require(pair.a.engine.initiations.keys.first)
        let theirs = try #require(pair.b.engine.context.directory.all.first?.localSPI)
        for flags in [[.initiator], []] as [IKEFlags] {
            let octets = try self.request(ours, theirs, flags: flags)
            #expect(try self.tokens(self.answers(of: pair.a, to: octets, on: pair.net)).isEmpty)
            #expect(try self.tokens(self.answers(of: pair.b, to: octets, on: pair.net)).isEmpty)
        }
    }

    @Test func `nobody is shown the token of new keys that are being asked for`() throws {
        let pair = try Pair()
        try pair.connect()
        pair.net.fate = { datagram in
            datagram.source.address == Addresses.gateway ? .delay(.seconds(1)) : .deliver
        }
        pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        pair.net.run(for: .milliseconds(500))
        let ours = try #require(
            pair.a.engine.context.directory.all.compactMap(\.requestedSuccessor?.spi).first)
        let theirs = try #require(
            pair.b.engine.context.directory.all.first { $0.initiatorSPI == ours }?.localSPI)
        for flags in [[.initiator], []] as [IKEFlags] {
            let octets = try self.request(ours, theirs, flags: flags)
            #expect(try self.answers(of: pair.a, to: octets, on: pair.net).isEmpty)
            #expect(try self.tokens(self.answers(of: pair.b, to: octets, on: pair.net)).isEmpty)
        }
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(40))
        #expect(pair.agreedIKESAs == 1)
        pair.expectSound()
    }

    // MARK: What the peer gets

    private func token(in payloads: [Payload]) -> [UInt8]? { payloads.notify(.quickCrashDetection)?.data }

    @Test(arguments: [true, false])
    func `IKE_AUTH and a rekeying are answered with the tokens of their SPIs, if we make any`(isOn: Bool)
        throws
    {
        let bench = Bench { $0.detectsCrashes = isOn }
        try bench.connect()
        let first = try #require(bench.peer.ikeSA)
        let auth = try #require(bench.peer.requests.last?.answer)
        let maker = QCDTokenMaker(
            secret: SecretBytes(copying: Array("QCD".utf8) + Addresses.gateway.bytes))
        let expected = { (ikeSA: PeerIKESA) in
            try maker.token(initiatorSPI: ikeSA.spiI, responderSPI: ikeSA.spiR, crypto: bench.gateway.crypto)
        }
        #expect(self.token(in: auth) == (isOn ? try expected(first) : nil))
        // After AUTH, and before all that concerns the CHILD_SA (RFC 6290 §4.2).
        let order = auth.firstIndex { if case .notify = $0 { true } else { false } }
        #expect(isOn ? order == 2 : order != 2)
        let answer = try bench.finish(bench.peer.rekeyIKESA())
        let second = try #require(bench.peer.ikeSA)
        #expect(self.token(in: answer) == (isOn ? try expected(second) : nil))
        bench.expectSound()
    }

    @Test func `a token that the peer sends again takes the place of the one before`() throws {
        let tokens = [[UInt8](repeating: 1, count: 16), [UInt8](repeating: 2, count: 128)]
        let bench = Bench { _ in
        } peer: {
            $0.extraAuthPayloads = [.notify(NotifyPayload(.quickCrashDetection, data: tokens[0]))]
        }
        try bench.connect()
        try bench.finish(
            bench.peer.ask(
                .informational, [.notify(NotifyPayload(.quickCrashDetection, data: tokens[1]))]))
        let ikeSA = try #require(bench.peer.ikeSA)
        for (token, stands) in [(tokens[0], true), (tokens[1], false)] {
            let payloads: [Payload] = [
                .notify(NotifyPayload(.invalidIKESPI)),
                .notify(NotifyPayload(.quickCrashDetection, data: token)),
            ]
            bench.peer.send(
                try IKEMessageEncoder.clear(
                    ikeSA.header(.informational, messageID: 0, isResponse: true), payloads))
            bench.net.run(for: .seconds(1))
            #expect((bench.engine.context.directory.count == 1) == stands)
        }
        bench.expectSound()
    }

    @Test(arguments: [15, 129])
    func `a token of a forbidden length is not kept`(length: Int) throws {
        let token = [UInt8](repeating: 1, count: length)
        let bench = Bench { _ in
        } peer: {
            $0.extraAuthPayloads = [.notify(NotifyPayload(.quickCrashDetection, data: token))]
        }
        try bench.connect()
        #expect(bench.engine.context.directory.all.first?.peerToken == nil)
        bench.expectSound()
    }

    @Test func `a refused stranger's token is not kept`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.psk = [1]
            $0.extraAuthPayloads = [
                .notify(NotifyPayload(.quickCrashDetection, data: [UInt8](repeating: 1, count: 16)))
            ]
        }
        try bench.connect(bench.peer)
        #expect(bench.engine.context.directory.all.first?.peerToken == nil)
    }
}
