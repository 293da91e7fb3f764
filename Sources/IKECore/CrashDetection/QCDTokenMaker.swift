internal import IPsecModel

/// Makes the tokens by which our peers know that we have lost an IKE_SA (RFC 6290 §5.1).
///
/// A token is a PRF of the IKE_SA's SPIs under a secret that outlives us: whoever starts after a crash with the same secret makes
/// the same tokens, and knows nothing else of its predecessor.
struct QCDTokenMaker {
    /// Octets of a token: the least that the RFC allows (§5), so that what is sent to strangers stays small.
    static let tokenLength = 16

    private let secret: SecretBytes

    /// A maker whose tokens nobody can guess without `secret`.
    init(secret: SecretBytes) {
        self.secret = secret
    }

    /// The token of the IKE_SA with these SPIs.
    func token(
        initiatorSPI: IKESPI, responderSPI: IKESPI, crypto: any CryptoProvider
    ) throws(CryptoFault) -> [UInt8] {
        guard let prf = crypto.prf(.hmacSHA256) else { throw .unavailable("PRF_HMAC_SHA2_256") }
        let mac = try prf.compute(key: self.secret, [initiatorSPI.bytes[...], responderSPI.bytes[...]])
        return Array(mac.publicBytes.prefix(Self.tokenLength))
    }
}

/// What a taker keeps of the peer's token: 16 octets, however long the token is, and no use to whoever reads our memory.
struct QCDFingerprint: Hashable {
    /// Lengths that a token may have (RFC 6290 §5).
    static let tokenLengths = 16...128

    private let upper: UInt64
    private let lower: UInt64

    /// The fingerprint of `token`; nil if that is none.
    init?(of token: [UInt8], crypto: any CryptoProvider) throws(CryptoFault) {
        guard Self.tokenLengths.contains(token.count) else { return nil }
        guard let prf = crypto.prf(.hmacSHA256) else { throw .unavailable("PRF_HMAC_SHA2_256") }
        let digest = try prf.compute(key: Self.key, [token[...]]).publicBytes
        self.upper = digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.lower = digest.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// True if both are of the same token; the time tells nothing.
    func isEqual(to other: QCDFingerprint) -> Bool {
        (self.upper ^ other.upper) | (self.lower ^ other.lower) == 0
    }

    /// No secret: it makes a hash of the PRF.
    private static let key = SecretBytes(copying: Array("QCD token".utf8))
}
