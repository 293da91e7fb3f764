internal import IKEWire
internal import IPsecModel

/// Cookies against floods of IKE_SA_INIT from forged addresses (RFC 7296 §2.6).
///
/// A cookie is `version | prf(secret, Ni | address | SPIi)`: we keep nothing of a request until its sender
/// has shown that it receives at its address. The secret changes with time; the one before stays valid.
struct CookieJar {
    private struct Secret {
        let version: UInt8
        let key: SecretBytes
        let madeAt: Instant
    }

    private let lifetime: Duration
    private var current: Secret?
    private var previous: Secret?

    /// A jar that makes its first secret when it is needed.
    init(lifetime: Duration) {
        self.lifetime = lifetime
    }

    /// The cookie for a request, to be sent back by its sender.
    mutating func bake(
        nonce: [UInt8], source: Endpoint, initiatorSPI: IKESPI, crypto: any CryptoProvider, now: Instant
    ) throws(CryptoFault) -> [UInt8] {
        let secret = try self.freshSecret(crypto: crypto, now: now)
        return try Self.cookie(secret, nonce, source, initiatorSPI, crypto)
    }

    /// True if `cookie` is one that we baked for this request, not too long ago.
    mutating func accepts(
        _ cookie: [UInt8], nonce: [UInt8], source: Endpoint, initiatorSPI: IKESPI,
        crypto: any CryptoProvider, now: Instant
    ) throws(CryptoFault) -> Bool {
        _ = try self.freshSecret(crypto: crypto, now: now)
        guard let version = cookie.first else { return false }
        for secret in [self.current, self.previous] {
            guard let secret, secret.version == version else { continue }
            let expected = try Self.cookie(secret, nonce, source, initiatorSPI, crypto)
            return equalInConstantTime(expected, cookie)
        }
        return false
    }

    private mutating func freshSecret(
        crypto: any CryptoProvider, now: Instant
    ) throws(CryptoFault) -> Secret {
        if let current = self.current, now.since(current.madeAt) < self.lifetime { return current }
        let next = Secret(
            version: (self.current?.version ?? 0) &+ 1,  // wraps on purpose: only two are ever valid
            key: SecretBytes(copying: try crypto.bytes(32)), madeAt: now)
        // After a long quiet time even the last secret is too old to honour.
        let isRecent = self.current.map { now.since($0.madeAt) < self.lifetime + self.lifetime } ?? false
        self.previous = isRecent ? self.current : nil
        self.current = next
        return next
    }

    private static func cookie(
        _ secret: Secret, _ nonce: [UInt8], _ source: Endpoint, _ spi: IKESPI, _ crypto: any CryptoProvider
    ) throws(CryptoFault) -> [UInt8] {
        guard let prf = crypto.prf(.hmacSHA256) else { throw .unavailable("PRF_HMAC_SHA2_256") }
        let port = [UInt8(source.port >> 8), UInt8(truncatingIfNeeded: source.port)]
        let address = source.address.bytes + port
        let mac = try prf.compute(key: secret.key, [nonce[...], address[...], spi.bytes[...]])
        // A cookie is shown to anyone who asks: its bytes are no secret once they are made.
        return [secret.version] + mac.publicBytes
    }
}
