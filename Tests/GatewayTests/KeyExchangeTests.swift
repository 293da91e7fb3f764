import CryptoOpenSSL
import IPsecModel
import NIOCore
import NIOPosix
import Testing

@testable import Gateway
@testable import IKECore

/// Key exchanges beside the control thread, with real threads.
struct KeyExchangeTests {
    /// A peer's half of a key exchange, and the request that it leads to.
    private struct Peer {
        let exchange: any KeyExchange
        let request: KeyAgreementRequest

        init(_ method: KeyExchangeMethod, _ number: UInt64) throws {
            self.exchange = try OpenSSLKeyExchangeSource().keyExchange(method)
            self.request = KeyAgreementRequest(
                requestID: number, method: method, peerValue: self.exchange.publicValue)
        }

        /// True if both have the same secret.
        func agrees(_ result: Result<KeyAgreement, CryptoFault>) throws -> Bool {
            let agreement = try result.get()
            return try self.exchange.sharedSecret(with: agreement.publicValue[...])
                .isEqual(to: agreement.sharedSecret)
        }
    }

    /// What becomes of `request` on `threads`.
    private func result(
        of request: KeyAgreementRequest, _ driver: KeyExchangeDriver, _ eventLoop: any EventLoop
    ) async throws -> Result<KeyAgreement, CryptoFault> {
        let promise = eventLoop.makePromise(of: Result<KeyAgreement, CryptoFault>.self)
        let atOnce = driver.perform(request, eventLoop: eventLoop) { result in
            #expect(eventLoop.inEventLoop)
            promise.succeed(result)
        }
        if let atOnce { promise.succeed(atOnce) }
        return try await promise.futureResult.get()
    }

    @Test func `many at once come back to the event loop, each with the secret that its peer has`()
        async throws
    {
        let threads = KeyExchangeThreads(2)
        defer { #expect(throws: Never.self) { try threads.stop() } }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let methods: [KeyExchangeMethod] = [.x25519, .modp2048, .ecp256, .x448, .ecp384]
        let peers = try (0..<40).map { try Peer(methods[$0 % methods.count], UInt64($0)) }
        let results = try await withThrowingTaskGroup(of: (Int, Result<KeyAgreement, CryptoFault>).self) {
            group in
            for (index, peer) in peers.enumerated() {
                let request = peer.request
                group.addTask {
                    (index, try await self.result(of: request, .threads(threads), eventLoop))
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for (index, peer) in peers.enumerated() {
            #expect(try peer.agrees(#require(results[index])))
        }
    }

    @Test func `the control thread does it at once where it has the only core`() async throws {
        guard case .here(let source) = KeyExchangeDriver.suited(to: 1) else {
            Issue.record("there are threads")
            return
        }
        let peer = try Peer(.x25519, 1)
        let result = KeyExchangeDriver.here(source)
            .perform(peer.request, eventLoop: MultiThreadedEventLoopGroup.singleton.next()) { _ in
                Issue.record("later")
            }
        #expect(try peer.agrees(#require(result)))
    }

    @Test func `every core has a thread, up to four, but an only one has none`() {
        #expect(
            [0, 1, 2, 3, 5, 6, 64].map { KeyExchangeThreads.worthHaving(cores: $0) } == [0, 0, 2, 3, 4, 4, 4])
    }

    @Test func `what cannot be done comes back as such`() async throws {
        let threads = KeyExchangeThreads(1)
        defer { #expect(throws: Never.self) { try threads.stop() } }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let tooShort = KeyAgreementRequest(requestID: 1, method: .x25519, peerValue: [1, 2, 3])
        let unknown = KeyAgreementRequest(
            requestID: 2, method: KeyExchangeMethod(rawValue: 65_000), peerValue: [])
        let refused = try await self.result(of: tooShort, .threads(threads), eventLoop)
        guard case .failure(.invalidPublicValue) = refused else {
            Issue.record("\(refused)")
            return
        }
        let impossible = try await self.result(of: unknown, .threads(threads), eventLoop)
        guard case .failure(.unavailable) = impossible else {
            Issue.record("\(impossible)")
            return
        }
    }

    @Test func `what is asked for after the end is not done, and harms nobody`() async throws {
        let threads = KeyExchangeThreads(1)
        try threads.stop()
        threads.perform(
            try Peer(.x25519, 1).request, eventLoop: MultiThreadedEventLoopGroup.singleton.next()
        ) { _ in Issue.record("done after the end") }
        try await Task.sleep(for: .milliseconds(50))
    }
}
