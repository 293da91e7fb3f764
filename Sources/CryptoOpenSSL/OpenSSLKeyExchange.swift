package import IPsecModel

/// One key exchange: a fresh private value, and what may be done with it once.
final class OpenSSLKeyExchange: KeyExchange {
    /// IANA's number of the group.
    var method: KeyExchangeMethod { self.group.method }
    /// As it stands in the KE payload.
    let publicValue: [UInt8]

    private let group: KeyExchangeGroup
    /// Nil after use.
    private var key: PrivateKey?

    /// The exchange with `key`, a key of `group`.
    init(_ group: KeyExchangeGroup, _ key: PrivateKey) throws(CryptoFault) {
        let encoded = try key.encodedPublicValue()
        // RFC 5903 §7: the payload holds x | y, without the octet that says "uncompressed".
        self.publicValue = group.family == .ecp ? Array(encoded.dropFirst()) : encoded
        guard self.publicValue.count == group.publicLength else {
            throw .wrongLength(
                what: "own public value", need: group.publicLength, have: self.publicValue.count)
        }
        self.group = group
        self.key = key
    }

    /// The shared secret; works once, and then the private value is gone.
    ///
    /// A value that is refused leaves the exchange as it was: what is not authenticated must not end it.
    func sharedSecret(with peerValue: ArraySlice<UInt8>) throws(CryptoFault) -> SecretBytes {
        guard let key = self.key else {
            throw .unavailable("the private value of \(self.method.rawValue), which served already")
        }
        guard peerValue.count == self.group.publicLength else {
            throw .invalidPublicValue(
                reason: "\(peerValue.count) bytes instead of \(self.group.publicLength)")
        }
        let secret: SecretBytes
        switch self.group.family {
        case .modp:
            try Self.checkRange(peerValue, prime: key.prime())
            secret = try key.sharedSecret(with: Array(peerValue))
        case .ecp:
            secret = try key.sharedSecret(with: [0x04] + peerValue)
        case .montgomery:
            secret = try key.sharedSecret(with: Array(peerValue))
            guard !secret.isAllZero else { throw .invalidPublicValue(reason: "the shared secret is zero") }
        }
        self.key = nil
        return secret
    }

    /// 1 < r < p − 1 (RFC 6989 §2.1); `value` and `prime` have the same length.
    private static func checkRange(_ value: ArraySlice<UInt8>, prime: [UInt8]) throws(CryptoFault) {
        let isAtMostOne = value.dropLast().allSatisfy { $0 == 0 } && (value.last ?? 0) <= 1
        guard !isAtMostOne else { throw .invalidPublicValue(reason: "not greater than 1") }
        // p is odd: p − 1 differs from it in the last bit alone.
        let greatest = prime.dropLast() + [(prime.last ?? 0) & 0xfe]
        guard value.lexicographicallyPrecedes(greatest) else {
            throw .invalidPublicValue(reason: "not less than p − 1")
        }
    }
}

/// Makes key pairs of OpenSSL 3: on any thread, as there is nothing that two threads would share.
package struct OpenSSLKeyExchangeSource: KeyExchangeSource, Sendable {
    /// A source of key pairs.
    package init() {}

    package func keyExchange(_ method: KeyExchangeMethod) throws(CryptoFault) -> any KeyExchange {
        guard let group = KeyExchangeGroup(method) else {
            throw .unavailable("key exchange method \(method.rawValue)")
        }
        return try OpenSSLKeyExchange(group, PrivateKey(generatedIn: group))
    }
}
