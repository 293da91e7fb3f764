internal import CryptoOpenSSL
internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import NIOCore
internal import NIOPosix

/// Where the key exchanges of IKE_SA_INIT responses are done.
enum KeyExchangeDriver {
    /// On the control thread.
    case here(any KeyExchangeSource)
    /// On threads of their own.
    case threads(KeyExchangeThreads)

    /// What `cores` processor cores are good for.
    static func suited(to cores: Int) -> KeyExchangeDriver {
        let threads = KeyExchangeThreads.worthHaving(cores: cores)
        return threads > 0 ? .threads(KeyExchangeThreads(threads)) : .here(OpenSSLKeyExchangeSource())
    }

    /// Does what is asked. Gives the result, or nil if `later` will be called with it on `eventLoop`.
    func perform(
        _ request: KeyAgreementRequest, eventLoop: any EventLoop,
        later: @escaping @Sendable (Result<KeyAgreement, CryptoFault>) -> Void
    ) -> Result<KeyAgreement, CryptoFault>? {
        switch self {
        case .here(let source): return request.perform(source)
        case .threads(let threads):
            threads.perform(request, eventLoop: eventLoop, later: later)
            return nil
        }
    }

    /// Ends what runs beside the control thread, and waits for it.
    func stop() throws {
        switch self {
        case .here: return
        case .threads(let threads): try threads.stop()
        }
    }
}

/// Threads for key exchanges alone.
///
/// So a crowd of peers that begin at once, or somebody who pretends to be one, takes as little as possible of the control thread's
/// time: the tunnels that stand are looked after meanwhile, and a large MODP group holds up nobody else. How much may wait here is
/// bounded by the engine, for which each request is a half-open IKE_SA, and what a reload has abandoned is soon worked off.
final class KeyExchangeThreads: Sendable {
    private let pool: NIOThreadPool

    /// What the control thread can keep busy: with MODP-2048 its own part of a set-up takes it about a quarter of what the key
    /// exchange takes one of these.
    private static let most = 4

    /// How many to have: one for each core. They give precedence to all else, and the control thread is short of work whenever they
    /// are short of cores. With a single core, passing work on costs a tenth of a set-up and gains nothing.
    static func worthHaving(cores: Int) -> Int { cores > 1 ? min(cores, Self.most) : 0 }

    /// `count` threads, which wait for work.
    init(_ count: Int) {
        self.pool = NIOThreadPool(numberOfThreads: count)
        self.pool.start()
    }

    /// Calls `later` on `eventLoop` when the key exchange is done; after `stop`, perhaps never.
    func perform(
        _ request: KeyAgreementRequest, eventLoop: any EventLoop,
        later: @escaping @Sendable (Result<KeyAgreement, CryptoFault>) -> Void
    ) {
        self.pool.submit { state in
            guard case .active = state else { return }
            // Packets and the control thread come first, whoever has begun how many IKE_SAs.
            LinuxThread.givePrecedenceToOthers()
            let result = request.perform(OpenSSLKeyExchangeSource())
            eventLoop.execute { later(result) }
        }
    }

    /// Ends the threads, as soon as they are done with what they have begun: milliseconds. The rest is not done any more.
    func stop() throws { try self.pool.syncShutdownGracefully() }
}
