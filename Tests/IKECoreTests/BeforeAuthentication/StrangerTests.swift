import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Bytes of strangers: they may cost work, and nothing else.
@Suite(.networkCapture) struct StrangerTests {
    /// A gateway with an IKE_SA that stands, and what must not change of it.
    private struct Target {
        let bench: Bench
        let before: String

        init(_ configuration: (inout GatewayConfiguration) -> Void = { _ in }) throws {
            self.bench = Bench(configuration: configuration)
            try self.bench.connect()
            self.before = Self.state(self.bench)
        }

        static func state(_ bench: Bench) -> String {
            bench.engine.snapshots.map { snapshot in
                "\(snapshot.label) \(snapshot.path) \(snapshot.pathChanges) \(snapshot.lastHeard) "
                    + snapshot.children.map { "\($0.spec.inboundSPI) \($0.state)" }.joined(separator: " ")
            }.joined(separator: "\n")
        }

        /// Gives the engine a datagram as if it had come from `source`.
        func feed(_ bytes: [UInt8], port: UInt16 = 500, source: IPAddress = Addresses.otherNAT) {
            self.bench.gateway.feed(
                .datagram(
                    ReceivedDatagram(
                        bytes: bytes, source: Endpoint(source, port),
                        destination: Endpoint(Addresses.gateway, port),
                        socket: port == 500 ? .ike : .natTraversal)), on: self.bench.net)
        }

        func expectUntouched() throws {
            #expect(Self.state(self.bench) == self.before)
            let limits = self.bench.engine.context.limits
            #expect(self.bench.engine.halfOpenCount <= limits.halfOpenIKESAs)
            #expect(self.bench.engine.context.directory.count <= limits.halfOpenIKESAs + 1)
            #expect(self.bench.agreedChildren()?.count == 1)
            try self.bench.finish(self.bench.peer.probe())
            #expect(try self.bench.pings())
            self.bench.expectSound()
            self.bench.net.run(for: .seconds(31))
            #expect(self.bench.engine.halfOpenCount == 0)
            #expect(self.bench.engine.context.directory.count == 1)
        }
    }

    /// A valid IKE_SA_INIT request for the gateway, and the engine's answer to it.
    private func initialRequest(_ bench: Bench) throws -> [UInt8] {
        bench.peer.initiatorSPI = IKESPI(0x1122_3344_5566_7788)
        let request = try bench.peer.sendInit(
            method: .x25519, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
        return try #require(request.datagrams.first)
    }

    @Test(arguments: [500, 4500] as [UInt16])
    func `datagrams of every length from 0 to 256 change nothing`(port: UInt16) throws {
        let target = try Target()
        var random = SeededRandom(seed: 11)
        let ikeSA = try #require(target.bench.peer.ikeSA)
        for length in 0...256 {
            target.feed([UInt8](repeating: 0, count: length), port: port)
            target.feed([UInt8](repeating: 0xff, count: length), port: port)
            target.feed(random.bytes(length), port: port)
            // With the SPIs of the IKE_SA that stands and any rest.
            let marker: [UInt8] = port == 500 ? [] : [0, 0, 0, 0]
            let aimed = marker + ikeSA.spiI.bytes + ikeSA.spiR.bytes + [46, 0x20, 37, 8] + random.bytes(256)
            target.feed(Array(aimed.prefix(length)), port: port)
        }
        try target.expectUntouched()
    }

    @Test func `every proper prefix of an IKE_SA_INIT request changes nothing`() throws {
        let target = try Target()
        let valid = try self.initialRequest(Bench())
        for length in valid.indices { target.feed(Array(valid.prefix(length))) }
        #expect(target.bench.engine.halfOpenCount == 0)
        #expect(target.bench.engine.counters.dropped(.malformed) == UInt64(valid.count))
        try target.expectUntouched()
    }

    @Test(arguments: [1_000, 20])
    func `every bit flip of an IKE_SA_INIT request stays within the limits`(limit: Int) throws {
        let target = try Target {
            $0.limits.halfOpenIKESAs = limit
            $0.limits.halfOpenIKESAsPerAddress = limit
            $0.limits.cookieThreshold = limit == 20 ? 1_000 : 60
        }
        var octets = try self.initialRequest(Bench())
        for bit in 0..<octets.count * 8 {
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
            target.feed(octets)
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(target.bench.engine.counters.received > UInt64(octets.count * 8))
        #expect(target.bench.engine.halfOpenCount <= limit)
        try target.expectUntouched()
    }

    @Test func `every bit flip of an IKE_AUTH request is dropped, and the true one then succeeds`() throws {
        let bench = Bench()
        // Stop before IKE_AUTH arrives.
        bench.net.fate = { datagram in
            datagram.ikeMessage?[18] == ExchangeType.ikeAuth.rawValue ? .lose : .deliver
        }
        bench.peer.settings.retransmission = [.seconds(20)]
        try bench.peer.connect()
        bench.net.run(for: .seconds(1))
        bench.net.fate = { _ in .deliver }
        let auth = try #require(bench.peer.requests.last)
        #expect(auth.exchange == .ikeAuth)
        var octets = try #require(auth.datagrams.first)
        let before = bench.net.sent.count
        var untouched = 0
        for bit in 0..<octets.count * 8 {
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
            bench.gateway.feed(
                .datagram(
                    ReceivedDatagram(
                        bytes: octets, source: Endpoint(Addresses.peer, 500),
                        destination: Endpoint(Addresses.gateway, 500), socket: .ike)), on: bench.net)
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
            if bench.engine.snapshots.isEmpty, bench.engine.halfOpenCount == 1 { untouched += 1 }
        }
        #expect(untouched == octets.count * 8)
        #expect(bench.kernel.isEmpty)
        // INVALID_IKE_SPI or INVALID_MAJOR_VERSION in clear to a few, no answer of the IKE_SA.
        for sent in bench.net.sent.dropFirst(before) {
            let answer = try DecodedMessage.decode(sent.datagram.bytes)
            #expect(answer.protection == .none)
        }
        #expect(bench.net.sent.count - before <= 100)
        bench.peer.transmit(auth.datagrams)
        bench.net.run(for: .seconds(1))
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `every bit flip of a protected request to an IKE_SA that stands changes nothing`() throws {
        let target = try Target()
        let ikeSA = try #require(target.bench.peer.ikeSA)
        var octets = try ikeSA.seal(
            ikeSA.header(.informational, messageID: ikeSA.nextRequestID), [.delete(.ikeSA)])[0]
        for bit in 0..<octets.count * 8 {
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
            target.feed(octets, source: Addresses.peer)
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        try target.expectUntouched()
    }

    @Test func `an IKE_SA_INIT request with the SPIs of an IKE_SA that stands changes nothing of it`() throws
    {
        let target = try Target()
        let ikeSA = try #require(target.bench.peer.ikeSA)
        var octets = try self.initialRequest(Bench())
        octets.replaceSubrange(0..<8, with: ikeSA.spiI.bytes)
        target.feed(octets, source: Addresses.peer)
        octets.replaceSubrange(8..<16, with: ikeSA.spiR.bytes)
        target.feed(octets, source: Addresses.peer)
        octets[19] |= 0x20
        target.feed(octets, source: Addresses.peer)
        #expect(target.bench.engine.halfOpenCount == 1)
        try target.expectUntouched()
    }

    @Test func `error notifies in answer to nothing end nothing`() throws {
        let target = try Target()
        let ikeSA = try #require(target.bench.peer.ikeSA)
        for exchange: ExchangeType in [.ikeSAInit, .ikeAuth, .createChildSA, .informational] {
            for type: NotifyType in [
                .invalidSyntax, .invalidIKESPI, .authenticationFailed, .noProposalChosen,
            ] {
                for flags: IKEFlags in [[.initiator], [.initiator, .response], [], [.response]] {
                    let header = IKEHeader(
                        initiatorSPI: ikeSA.spiI, responderSPI: ikeSA.spiR, exchange: exchange, flags: flags,
                        messageID: ikeSA.nextRequestID)
                    target.feed(
                        try IKEMessageEncoder.clear(header, [.notify(NotifyPayload(type))]),
                        source: Addresses.peer)
                }
            }
        }
        try target.expectUntouched()
    }
}
