import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What happens while the key exchange of an IKE_SA_INIT response is under way on another thread.
@Suite(.networkCapture) struct KeyAgreementTests {
    /// A gateway whose key exchanges take three seconds.
    private func slowBench(
        _ change: (inout GatewayConfiguration) -> Void = { _ in },
        peer adjust: (inout PeerSettings) -> Void = { _ in }
    ) -> Bench {
        let bench = Bench(configuration: change, peer: adjust)
        bench.gateway.keyExchangeDelay = .seconds(3)
        bench.peer.initiatorSPI = IKESPI(1)
        return bench
    }

    /// One IKE_SA_INIT, and nothing after its answer.
    private func request(
        _ bench: Bench, from address: IPAddress? = nil, method: KeyExchangeMethod = .x25519
    ) throws {
        bench.peer.settings.retransmission = [.seconds(60)]
        if let address { bench.peer.settings.address = address }
        try bench.peer.sendInit(
            method: method, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
        bench.net.run(for: .milliseconds(100))
    }

    /// What the gateway has sent.
    private func answers(_ bench: Bench) -> [[UInt8]] {
        bench.net.sent.filter { $0.datagram.source.address == Addresses.gateway }.map(\.datagram.bytes)
    }

    @Test func `a key exchange that takes its time is followed by an IKE_SA with its CHILD_SA`() throws {
        let bench = self.slowBench()
        try bench.connect()
        #expect(bench.engine.halfOpenCount == 0)
        #expect(bench.engine.tableSizes.keyAgreements == 0)
        bench.expectSound()
    }

    @Test func `a request that comes again meanwhile makes no second IKE_SA, and is answered once`() throws {
        let bench = self.slowBench { _ in
        } peer: {
            $0.retransmission = [.milliseconds(500), .milliseconds(500), .seconds(60)]
        }
        try bench.peer.sendInit(
            method: .x25519, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
        bench.net.run(for: .seconds(2))
        #expect(bench.engine.counters.dropped(.outsideWindow) == 2)
        #expect(bench.engine.tableSizes.keyAgreements == 1)
        #expect(self.answers(bench).isEmpty)
        bench.net.run(for: .seconds(2))
        #expect(self.answers(bench).count == 1)
        #expect(bench.engine.tableSizes.keyAgreements == 0)
        #expect(bench.engine.context.directory.count == 1)
        bench.expectSound()
    }

    @Test func `requests under way count as half-open: the limits bound them, and so does the cookie`() throws
    {
        let bench = self.slowBench {
            $0.limits.halfOpenIKESAs = 5
            $0.limits.halfOpenIKESAsPerAddress = 2
            $0.limits.cookieThreshold = 3
        }
        for number in 1...3 {
            bench.peer.initiatorSPI = IKESPI(UInt64(number))
            try self.request(bench)
        }
        #expect(bench.engine.tableSizes.keyAgreements == 2)
        #expect(bench.engine.counters.dropped(.limit) == 1)
        try self.request(bench, from: .v4(IPv4Address(198, 51, 100, 20)))
        #expect(bench.engine.halfOpenCount == 3)
        try self.request(bench, from: .v4(IPv4Address(198, 51, 100, 21)))
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
        #expect(bench.engine.tableSizes.keyAgreements == 3)
        // Each becomes a half-open IKE_SA, and none counts twice.
        bench.net.run(for: .seconds(4))
        #expect(bench.engine.halfOpenCount == 3)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `a value that the group does not allow is refused late as well, and leaves nothing`() throws {
        let bench = self.slowBench()
        // x25519 with the point of order 1: the shared secret would be zero (RFC 8031 §5).
        bench.peer.settings.rewriteInit = { payloads in
            payloads.map { payload in
                guard case .keyExchange(let own) = payload else { return payload }
                return .keyExchange(
                    KeyExchangePayload(method: own.method, data: [UInt8](repeating: 0, count: 32)))
            }
        }
        try self.request(bench)
        #expect(bench.engine.halfOpenCount == 1)
        bench.net.run(for: .seconds(3))
        #expect(bench.engine.halfOpenCount == 0)
        let answer = try DecodedMessage.decode(#require(self.answers(bench).first))
        #expect(answer.payloads.notifies.map(\.type) == [.invalidSyntax])
        // From now on a cookie is demanded first, for a while.
        try self.request(bench)
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
        bench.expectSound()
    }

    @Test func `a connection that is gone when its keys are made is not answered`() throws {
        let bench = self.slowBench()
        try self.request(bench)
        #expect(bench.engine.halfOpenCount == 1)
        var configuration = bench.engine.context.configuration
        configuration.connections = []
        bench.gateway.feed(.configuration(configuration), on: bench.net)
        #expect(bench.engine.halfOpenCount == 0)
        bench.net.run(for: .seconds(4))
        #expect(self.answers(bench).isEmpty)
        #expect(bench.engine.context.directory.count == 0)
        bench.expectSound()
    }

    @Test func `a gateway that stops meanwhile answers no more`() throws {
        let bench = self.slowBench()
        try self.request(bench)
        #expect(bench.engine.halfOpenCount == 1)
        bench.gateway.feed(.command(commandID: 1, .shutDown), on: bench.net)
        bench.net.run(for: .seconds(4))
        #expect(self.answers(bench).isEmpty)
        #expect(bench.engine.isIdle)
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `a result that nobody waits for changes nothing`() throws {
        let bench = Bench()
        try bench.connect()
        let before = bench.engine.tableSizes
        let request = KeyAgreementRequest(
            requestID: 1, method: .x25519, peerValue: [9] + [UInt8](repeating: 0, count: 31))
        let result = request.perform(bench.gateway.crypto)
        _ = try result.get()
        for requestID in [0, 1, 2, UInt64.max] {
            bench.gateway.feed(.keyAgreed(requestID: requestID, result), on: bench.net)
        }
        #expect(bench.engine.tableSizes == before)
        #expect(self.answers(bench).count == 2)
        bench.expectSound()
    }

    @Test func `an IKE_SA that came to stand meanwhile did not stand when this one was begun`() throws {
        let bench = self.slowBench { $0.connections[0].uniqueness = .keep }
        try bench.peer.connect()
        bench.net.run(for: .milliseconds(100))
        bench.gateway.keyExchangeDelay = .zero
        try bench.peer.connect()
        bench.net.run(for: .seconds(1))
        try #require(bench.engine.snapshots.count == 1)
        let standing = bench.engine.snapshots.map(\.responderSPI)
        bench.net.run(for: .seconds(5))
        // So it is no reauthentication, and `keep` refuses it.
        #expect(bench.engine.counters.initialExchanges == 2)
        #expect(bench.engine.snapshots.map(\.responderSPI) == standing)
        bench.expectSound()
    }

    @Test func `tunnels that stand are looked after while others wait for their keys`() throws {
        let bench = Bench()
        try bench.connect()
        bench.gateway.keyExchangeDelay = .seconds(60)
        let other = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) {
            $0.retransmission = [.seconds(90)]
        }
        try other.connect()
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.tableSizes.keyAgreements == 1)
        _ = try bench.finish(bench.peer.probe())
        #expect(bench.engine.tableSizes.keyAgreements == 1)
        bench.net.run(for: .seconds(65))
        #expect(other.isEstablished)
        bench.expectSound()
    }
}
