import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What others than the peer try with tokens, and with what is no proof at all (RFC 6290 §9, RFC 7296 §2.4).
@Suite(.networkCapture) struct TokenAttackTests {
    private func pair(_ change: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Pair {
        let pair = try Pair(Bench.Topology(), a: change)
        try pair.connect()
        return pair
    }

    /// The SPIs of the only IKE_SA of A.
    private func spis(_ pair: Pair) throws -> (initiator: IKESPI, responder: IKESPI) {
        let snapshot = try #require(pair.a.engine.snapshots.first)
        return (snapshot.initiatorSPI, snapshot.responderSPI)
    }

    /// The token that `host` makes for these SPIs.
    private func token(of host: EngineHost, _ spis: (initiator: IKESPI, responder: IKESPI)) throws -> [UInt8]
    {
        let maker = try #require(host.engine.context.tokenMaker)
        return try maker.token(
            initiatorSPI: spis.initiator, responderSPI: spis.responder, crypto: host.crypto)
    }

    /// Forges what B would say of an IKE_SA that it does not know.
    private func tell(
        _ pair: Pair, _ spis: (initiator: IKESPI, responder: IKESPI), tokens: [[UInt8]],
        flags: IKEFlags = [.response], notify: NotifyType = .invalidIKESPI,
        exchange: ExchangeType = .informational
    ) throws {
        let header = IKEHeader(
            initiatorSPI: spis.initiator, responderSPI: spis.responder, exchange: exchange, flags: flags,
            messageID: 2)
        let payloads: [Payload] =
            [.notify(NotifyPayload(notify))]
            + tokens.map { .notify(NotifyPayload(.quickCrashDetection, data: $0)) }
        pair.net.inject(
            Datagram(
                source: Endpoint(Addresses.gateway, 500), destination: Endpoint(Addresses.peer, 500),
                bytes: try IKEMessageEncoder.clear(header, payloads)))
        pair.net.run(for: .milliseconds(20))
    }

    /// IKE requests of A, whatever is in them.
    private func requests(_ pair: Pair) throws -> Int {
        try pair.net.sent.map(\.datagram).filter { $0.source.address == Addresses.peer }.count { datagram in
            guard let octets = datagram.ikeMessage else { return false }
            return try !DecodedMessage.decode(octets).header.flags.contains(.response)
        }
    }

    private func expectStanding(_ pair: Pair) {
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.expectSound()
    }

    // MARK: The taker

    @Test func `the right token ends the IKE_SA at once, and nothing is answered`() throws {
        let pair = try self.pair()
        let spis = try self.spis(pair)
        let before = pair.net.sent.count
        try self.tell(pair, spis, tokens: [self.token(of: pair.b, spis)])
        #expect(pair.a.engine.context.directory.count == 0)
        #expect(pair.a.kernel.isEmpty)
        // Our own forgery alone.
        #expect(pair.net.sent.count == before + 1)
        pair.expectSound()
    }

    @Test(arguments: 1...5)
    func `four tokens of a message are looked at, and no more`(place: Int) throws {
        let pair = try self.pair()
        let spis = try self.spis(pair)
        var tokens = [[UInt8]](repeating: [UInt8](repeating: 9, count: 16), count: 5)
        tokens[place - 1] = try self.token(of: pair.b, spis)
        try self.tell(pair, spis, tokens: tokens)
        #expect((pair.a.engine.context.directory.count == 0) == (place <= 4))
    }

    @Test func `a wrong token ends nothing: A's own, one bit off, cut, longer, or none`() throws {
        let pair = try self.pair()
        let spis = try self.spis(pair)
        let right = try self.token(of: pair.b, spis)
        var flipped = right
        flipped[15] ^= 1
        for tokens in [
            [], [try self.token(of: pair.a, spis)], [flipped], [Array(right.dropLast())], [right + [0]],
            [[UInt8](repeating: 0, count: 128)],
        ] {
            try self.tell(pair, spis, tokens: tokens)
        }
        self.expectStanding(pair)
    }

    @Test func `the right token without INVALID_IKE_SPI, or in a request, ends nothing`() throws {
        let pair = try self.pair()
        let spis = try self.spis(pair)
        let right = [try self.token(of: pair.b, spis)]
        try self.tell(pair, spis, tokens: right, notify: .invalidSyntax)
        try self.tell(pair, spis, tokens: right, flags: [])
        try self.tell(pair, spis, tokens: right, flags: [.initiator, .response])
        try self.tell(pair, spis, tokens: right, flags: [.initiator])
        try self.tell(pair, spis, tokens: right, exchange: .ikeSAInit)
        self.expectStanding(pair)
    }

    @Test func `a token of old keys ends nothing of the new ones`() throws {
        let pair = try self.pair()
        let old = try self.token(of: pair.b, self.spis(pair))
        pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        // Until what is over is forgotten as well.
        pair.net.run(for: .seconds(40))
        try self.tell(pair, self.spis(pair), tokens: [old])
        self.expectStanding(pair)
    }

    @Test func `a token of another IKE_SA of the same peers ends nothing of this one`() throws {
        let pair = try self.pair()
        let old = try self.token(of: pair.b, self.spis(pair))
        pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        pair.net.run(for: .seconds(1))
        pair.command(.initiate(connection: "site-b", child: nil), of: pair.a)
        // Until what is over is forgotten as well.
        pair.net.run(for: .seconds(40))
        try self.tell(pair, self.spis(pair), tokens: [old])
        self.expectStanding(pair)
    }

    @Test func `a flood of forgeries makes us ask once in ten seconds`() throws {
        let pair = try self.pair()
        let spis = try self.spis(pair)
        let before = try self.requests(pair)
        for number in 0..<1_500 {
            try self.tell(pair, spis, tokens: [[UInt8](repeating: UInt8(number % 251), count: 16)])
        }
        // Thirty seconds of it.
        #expect(try (3...4).contains(self.requests(pair) - before))
        self.expectStanding(pair)
    }

    @Test func `a switch makes us blind to tokens`() throws {
        let pair = try self.pair { $0.detectsCrashes = false }
        let spis = try self.spis(pair)
        try self.tell(pair, spis, tokens: [self.token(of: pair.b, spis)])
        self.expectStanding(pair)
    }

    // MARK: INVALID_SPI

    /// What somebody at `source` says of an ESP SPI (RFC 7296 §1.5: with any IKE SPIs).
    private func tellOfESP(_ pair: Pair, _ spi: [UInt8], source: IPAddress = Addresses.gateway) throws {
        let header = IKEHeader(
            initiatorSPI: .zero, responderSPI: .zero, exchange: .informational, flags: [.initiator],
            messageID: 0)
        pair.net.inject(
            Datagram(
                source: Endpoint(source, 500), destination: Endpoint(Addresses.peer, 500),
                bytes: try IKEMessageEncoder.clear(header, [.notify(NotifyPayload(.invalidSPI, data: spi))])))
        pair.net.run(for: .milliseconds(20))
    }

    @Test func `INVALID_SPI of the peer makes us ask it, and not again for a while`() throws {
        let pair = try self.pair()
        let spi = try #require(pair.a.engine.snapshots.first?.children.first).spec.outboundSPI
        let before = try self.requests(pair)
        for _ in 0..<100 { try self.tellOfESP(pair, spi.bytes) }
        #expect(try self.requests(pair) == before + 1)
        self.expectStanding(pair)
    }

    @Test func `INVALID_SPI of anybody else, or of another SPI, makes us do nothing`() throws {
        let pair = try self.pair()
        let spec = try #require(pair.a.engine.snapshots.first?.children.first).spec
        let before = try self.requests(pair)
        try self.tellOfESP(pair, spec.outboundSPI.bytes, source: Addresses.otherNAT)
        for spi in [ESPSPI(spec.outboundSPI.number + 1).bytes, [], [1, 2, 3], spec.outboundSPI.bytes + [0]] {
            try self.tellOfESP(pair, spi)
        }
        #expect(try self.requests(pair) == before)
        self.expectStanding(pair)
    }

    @Test func `INVALID_SPI after a restart brings the tunnel back long before a probe is due`() throws {
        let pair = try self.pair { $0.connections[0].livenessDelay = .seconds(1_000) }
        pair.net.run(for: .seconds(310))
        let spi = try #require(pair.a.engine.snapshots.first?.children.first).spec.outboundSPI
        pair.restart(\.b)
        try self.tellOfESP(pair, spi.bytes)
        pair.net.run(for: .seconds(6))
        self.expectStanding(pair)
    }
}
