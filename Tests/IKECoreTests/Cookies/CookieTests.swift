import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Cookies (RFC 7296 §2.6).
@Suite(.networkCapture) struct CookieTests {
    private static let source = Endpoint(Addresses.peer, 500)
    private static let nonce = [UInt8](repeating: 7, count: 32)

    private func now(_ seconds: Int64) -> Instant { Instant(nanoseconds: (1_000 + seconds) * 1_000_000_000) }

    @Test func `under load a request must bring a cookie, and gets in with it`() throws {
        let bench = Bench { $0.limits.cookieThreshold = 0 }
        try bench.connect()
        let requests = bench.peer.requests.filter { $0.exchange == .ikeSAInit }
        #expect(requests.map { $0.notifies.first?.type } == [.cookie, .natDetectionSourceIP])
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
        #expect(bench.engine.counters.initialExchanges == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `after an impossible public value everybody shows a cookie for a while`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.followsAdvice = false
            $0.rewriteInit = { payloads in
                payloads.map { payload in
                    guard case .keyExchange(let value) = payload else { return payload }
                    let zero = [UInt8](repeating: 0, count: value.data.count)
                    return .keyExchange(KeyExchangePayload(method: value.method, data: zero))
                }
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.notifies.first?.type == .invalidSyntax)
        let honest = bench.addPeer(at: Addresses.otherNAT)
        try bench.connect(honest)
        #expect(honest.isEstablished)
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
        bench.net.run(for: .seconds(10))
        let later = bench.addPeer(at: Addresses.nat, seed: 5)
        try bench.connect(later)
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
    }

    @Test func `demanding a cookie keeps nothing of the request`() throws {
        let bench = Bench {
            $0.limits.cookieThreshold = 0
        } peer: {
            $0.followsAdvice = false
        }
        try bench.connect(bench.peer)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.engine.nextDeadline == nil)
        bench.expectSound()
    }

    @Test func `the threshold counts half-open IKE_SAs`() throws {
        let bench = Bench { $0.limits.cookieThreshold = 1 }
        try bench.connect()
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 0)
        bench.peer.initiatorSPI = IKESPI(5)
        try bench.peer.sendInit(
            method: .x25519, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.halfOpenCount == 1)
        bench.peer.initiatorSPI = IKESPI(6)
        try bench.peer.sendInit(
            method: .x25519, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.counters.dropped(.cookieDemanded) == 1)
        #expect(bench.engine.halfOpenCount == 1)
    }

    @Test func `a cookie that is not ours gets another one`() throws {
        let bench = Bench {
            $0.limits.cookieThreshold = 0
        } peer: {
            $0.followsAdvice = false
        }
        bench.peer.initiatorSPI = IKESPI(5)
        let request = try bench.peer.sendInit(
            method: .x25519, nonce: bench.peer.freshNonce(), cookie: [UInt8](repeating: 1, count: 33),
            continues: false)
        try bench.finish(request)
        #expect(request.notifies.map(\.type) == [.cookie])
        #expect(bench.engine.halfOpenCount == 0)
    }

    @Test(arguments: [true, false])
    func `a cookie and INVALID_KE_PAYLOAD go together, whether the retry shows the cookie or not`(
        isClever: Bool
    ) throws {
        let both = Proposal(
            .ike,
            [.encryption(.aesGCM16, 128), .prf(.hmacSHA256), .keyExchange(.ecp256), .keyExchange(.x25519)])
        let memory = Memory()
        let bench = Bench {
            $0.limits.cookieThreshold = 0
        } peer: {
            $0.ikeProposals = [both]
            $0.keyExchange = .ecp256
            guard !isClever else { return }
            // A plain initiator begins anew without the cookie: strip it when the group changes.
            $0.rewriteInit = { payloads in
                let isRetry = payloads.contains {
                    if case .keyExchange(let ke) = $0 { ke.method == .x25519 } else { false }
                }
                let cookie = payloads.first {
                    if case .notify(let n) = $0 { n.type == .cookie } else { false }
                }
                guard isRetry, let cookie, !memory.hasStripped else { return payloads }
                memory.hasStripped = true
                return payloads.filter { $0 != cookie }
            }
        }
        try bench.connect()
        #expect(bench.engine.counters.initialExchanges == 1)
        #expect(bench.engine.counters.dropped(.cookieDemanded) == (isClever ? 1 : 2))
        bench.expectSound()
    }

    @Test func `a cookie is for one nonce, SPI, address and port`() throws {
        var jar = CookieJar(lifetime: .seconds(120))
        let crypto = SeededCrypto(seed: 1)
        let now = self.now(0)
        let cookie = try jar.bake(
            nonce: Self.nonce, source: Self.source, initiatorSPI: IKESPI(1), crypto: crypto, now: now)
        #expect((1...64).contains(cookie.count))  // RFC 7296 §2.6
        let accepts = { (nonce: [UInt8], source: Endpoint, spi: UInt64, cookie: [UInt8]) in
            try jar.accepts(
                cookie, nonce: nonce, source: source, initiatorSPI: IKESPI(spi), crypto: crypto, now: now)
        }
        #expect(try accepts(Self.nonce, Self.source, 1, cookie))
        #expect(try !accepts([UInt8](repeating: 8, count: 32), Self.source, 1, cookie))
        #expect(try !accepts(Self.nonce, Endpoint(Addresses.peer, 501), 1, cookie))
        #expect(try !accepts(Self.nonce, Endpoint(Addresses.nat, 500), 1, cookie))
        #expect(try !accepts(Self.nonce, Self.source, 2, cookie))
        #expect(try !accepts(Self.nonce, Self.source, 1, Array(cookie.dropLast())))
        #expect(try !accepts(Self.nonce, Self.source, 1, []))
        #expect(try !accepts(Self.nonce, Self.source, 1, cookie.dropLast() + [cookie[32] ^ 1]))
    }

    @Test(
        arguments: [(119, true), (121, true), (239, true), (241, false), (10_000, false)] as [(Int64, Bool)])
    func `the secret before the current one is honoured, an older one is not`(
        age: Int64, isAccepted: Bool
    ) throws {
        var jar = CookieJar(lifetime: .seconds(120))
        let crypto = SeededCrypto(seed: 1)
        let cookie = try jar.bake(
            nonce: Self.nonce, source: Self.source, initiatorSPI: IKESPI(1), crypto: crypto, now: self.now(0))
        // Somebody asks for cookies all the time.
        for second in stride(from: 1, to: age, by: 10) {
            _ = try jar.bake(
                nonce: Self.nonce, source: Self.source, initiatorSPI: IKESPI(9), crypto: crypto,
                now: self.now(second))
        }
        let verdict = try jar.accepts(
            cookie, nonce: Self.nonce, source: Self.source, initiatorSPI: IKESPI(1), crypto: crypto,
            now: self.now(age))
        #expect(verdict == isAccepted)
    }
}

/// Remembers that a cookie was left out once.
private final class Memory {
    var hasStripped = false
}
