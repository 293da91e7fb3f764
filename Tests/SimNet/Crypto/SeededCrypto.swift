internal import CryptoOpenSSL
package import IPsecModel

/// OpenSSL's algorithms with random bytes from a seed; key pairs stay random.
///
/// It can be told to fail, and remembers all key material that passes through it, for tests that look for
/// it where it must not be.
package final class SeededCrypto: CryptoProvider {
    private let library = OpenSSLProvider()
    private var random: SeededRandom

    /// Random bytes that come before those of the seed, wherever so many are asked for.
    package var foretold: [[UInt8]] = []
    /// The operations that fail from now on.
    package var failing: Set<Operation> = []
    /// True to remember secrets.
    package var remembersSecrets = false
    /// What was remembered: results of PRFs, keys of ciphers, shared secrets.
    package fileprivate(set) var secrets: [[UInt8]] = []

    /// An operation that can be made to fail.
    package enum Operation: Hashable, Sendable {
        case randomBytes
        case keyExchange
        case cipher
        case sha1
    }

    /// A provider whose random bytes are those of `seed`.
    package init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    package func bytes(_ count: Int) throws(CryptoFault) -> [UInt8] {
        try self.check(.randomBytes)
        if let next = self.foretold.first, next.count == count { return self.foretold.removeFirst() }
        return self.random.bytes(count)
    }

    package func prf(_ algorithm: PseudorandomFunction) -> (any PRF)? {
        guard let prf = self.library.prf(algorithm) else { return nil }
        return self.remembersSecrets ? RememberingPRF(prf: prf, crypto: self) : prf
    }

    package func aead(
        _ protection: ProtectionSuite, encryptionKey: SecretBytes, integrityKey: SecretBytes
    ) throws(CryptoFault) -> any AEAD {
        try self.check(.cipher)
        self.remember(encryptionKey)
        self.remember(integrityKey)
        let cipher = try self.library.aead(
            protection, encryptionKey: encryptionKey, integrityKey: integrityKey)
        guard let recorder = FlightRecorder.current else { return cipher }
        return NotingAEAD(
            cipher, protection, encryptionKey: encryptionKey, integrityKey: integrityKey, recorder: recorder)
    }

    package func keyExchange(_ method: KeyExchangeMethod) throws(CryptoFault) -> any KeyExchange {
        try self.check(.keyExchange)
        let exchange = try self.library.keyExchange(method)
        return self.remembersSecrets ? RememberingKeyExchange(exchange: exchange, crypto: self) : exchange
    }

    package func sha1(_ bytes: [UInt8]) throws(CryptoFault) -> [UInt8] {
        try self.check(.sha1)
        return try self.library.sha1(bytes)
    }

    package func supports(_ transform: Transform) -> Bool { self.library.supports(transform) }

    private func check(_ operation: Operation) throws(CryptoFault) {
        guard !self.failing.contains(operation) else {
            throw .library(operation: "\(operation)", text: "told to fail")
        }
    }

    fileprivate func remember(_ secret: SecretBytes) {
        guard self.remembersSecrets, secret.count > 0 else { return }
        self.secrets.append(secret.publicBytes)
    }
}

private final class RememberingPRF: PRF {
    let prf: any PRF
    let crypto: SeededCrypto

    init(prf: any PRF, crypto: SeededCrypto) {
        self.prf = prf
        self.crypto = crypto
    }

    var outputLength: Int { self.prf.outputLength }

    func compute(key: SecretBytes, _ parts: [ArraySlice<UInt8>]) throws(CryptoFault) -> SecretBytes {
        let result = try self.prf.compute(key: key, parts)
        self.crypto.remember(result)
        return result
    }

    func compute(
        key: SecretBytes, secretPrefix: SecretBytes, _ parts: [ArraySlice<UInt8>]
    ) throws(CryptoFault) -> SecretBytes {
        let result = try self.prf.compute(key: key, secretPrefix: secretPrefix, parts)
        self.crypto.remember(result)
        return result
    }
}

private final class RememberingKeyExchange: KeyExchange {
    let exchange: any KeyExchange
    let crypto: SeededCrypto

    init(exchange: any KeyExchange, crypto: SeededCrypto) {
        self.exchange = exchange
        self.crypto = crypto
    }

    var method: KeyExchangeMethod { self.exchange.method }
    var publicValue: [UInt8] { self.exchange.publicValue }

    func sharedSecret(with peerValue: ArraySlice<UInt8>) throws(CryptoFault) -> SecretBytes {
        let secret = try self.exchange.sharedSecret(with: peerValue)
        self.crypto.remember(secret)
        return secret
    }
}
