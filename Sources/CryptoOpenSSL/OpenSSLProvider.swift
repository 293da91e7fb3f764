package import IPsecModel

/// The algorithms of OpenSSL 3.
///
/// Algorithms are looked up once, when the provider is made, and live as long as it does. One thread at a time
/// may use a provider and what comes from it.
package final class OpenSSLProvider: CryptoProvider {
    private let functions: [PseudorandomFunction: HMACPRF]
    private let hmac: FetchedHMAC?
    /// Made when they are first needed.
    private var integrity: [HashFunction: HMACContext] = [:]
    private let ciphers: [CipherName: SharedCipher]
    private let hash: SHA1?

    /// A cipher with the length of its key.
    private struct CipherName: Hashable {
        let encryption: EncryptionAlgorithm
        let keyLength: Int
    }

    /// A provider with what the library on this machine has; ask `supports` what that is.
    package init() {
        let hmac = FetchedHMAC()
        self.hmac = hmac
        self.functions = Self.hashes.compactMapValues { hash in
            // A hash that the library lacks is the same as a PRF that we do not have.
            hmac.flatMap { try? HMACPRF($0, hash) }
        }
        self.ciphers = Self.cipherNames.compactMapValues { FetchedCipher($0).map { SharedCipher($0) } }
        self.hash = SHA1()
    }

    private static let hashes: [PseudorandomFunction: HashFunction] = [
        .hmacSHA256: .sha256, .hmacSHA384: .sha384, .hmacSHA512: .sha512,
    ]

    private static let integrityHashes: [IntegrityAlgorithm: HashFunction] = [
        .hmacSHA256: .sha256, .hmacSHA384: .sha384, .hmacSHA512: .sha512,
    ]

    private static let cipherNames: [CipherName: String] = [
        CipherName(encryption: .aesGCM16, keyLength: 128): "AES-128-GCM",
        CipherName(encryption: .aesGCM16, keyLength: 256): "AES-256-GCM",
        CipherName(encryption: .aesCBC, keyLength: 128): "AES-128-CBC",
        CipherName(encryption: .aesCBC, keyLength: 256): "AES-256-CBC",
        CipherName(encryption: .chacha20Poly1305, keyLength: 256): "ChaCha20-Poly1305",
    ]

    /// The same object each time; it keeps the last key until the next.
    package func prf(_ algorithm: PseudorandomFunction) -> (any PRF)? { self.functions[algorithm] }

    package func aead(
        _ protection: ProtectionSuite, encryptionKey: SecretBytes, integrityKey: SecretBytes
    ) throws(CryptoFault) -> any AEAD {
        let shared = try self.sharedCipher(protection)
        guard !protection.encryption.isAEAD else {
            try Self.requireNoIntegrity(protection, integrityKey)
            return try CombinedModeAEAD(shared, keyAndSalt: encryptionKey)
        }
        return try EncryptThenMACAEAD(
            shared, encryptionKey: encryptionKey, self.hmac(Self.hash(protection)), integrityKey: integrityKey
        )
    }

    private func hmac(_ hash: HashFunction) throws(CryptoFault) -> HMACContext {
        if let context = self.integrity[hash] { return context }
        guard let hmac = self.hmac else { throw .unavailable("HMAC") }
        let context = try HMACContext(hmac, hash)
        self.integrity[hash] = context
        return context
    }

    /// The cipher of `protection`.
    func cipher(_ protection: ProtectionSuite) throws(CryptoFault) -> FetchedCipher {
        try self.sharedCipher(protection).cipher
    }

    private func sharedCipher(_ protection: ProtectionSuite) throws(CryptoFault) -> SharedCipher {
        let name = CipherName(encryption: protection.encryption, keyLength: protection.keyLength)
        guard let cipher = self.ciphers[name] else {
            throw .unavailable("encryption \(name.encryption.rawValue) with \(name.keyLength) bits")
        }
        return cipher
    }

    /// The hash function of the integrity algorithm of `protection`.
    static func hash(_ protection: ProtectionSuite) throws(CryptoFault) -> HashFunction {
        guard let integrity = protection.integrity, let hash = Self.integrityHashes[integrity] else {
            throw .unavailable("integrity \(protection.integrity?.rawValue ?? 0)")
        }
        return hash
    }

    /// Refuses an integrity key beside a combined mode.
    static func requireNoIntegrity(
        _ protection: ProtectionSuite, _ key: SecretBytes
    ) throws(CryptoFault) {
        guard protection.integrity == nil, key.count == 0 else {
            throw .wrongLength(what: "integrity key", need: 0, have: key.count)
        }
    }

    package func keyExchange(_ method: KeyExchangeMethod) throws(CryptoFault) -> any KeyExchange {
        try OpenSSLKeyExchangeSource().keyExchange(method)
    }

    package func sha1(_ bytes: [UInt8]) throws(CryptoFault) -> [UInt8] {
        guard let hash = self.hash else { throw .unavailable("SHA-1") }
        return try hash.digest(of: bytes)
    }

    /// Extended sequence numbers ask nothing of us, and neither does "no integrity" beside a combined mode.
    package func supports(_ transform: Transform) -> Bool {
        switch transform.type {
        case .encryption:
            let algorithm = EncryptionAlgorithm(rawValue: transform.id)
            // RFC 7634 §4: ChaCha20-Poly1305 has one length, which is not said.
            let isFixed = algorithm == .chacha20Poly1305
            guard isFixed == (transform.keyLength == nil) else { return false }
            let bits = transform.keyLength.map(Int.init) ?? 256
            return self.ciphers[CipherName(encryption: algorithm, keyLength: bits)] != nil
        case .pseudorandomFunction:
            return self.functions[PseudorandomFunction(rawValue: transform.id)] != nil
        case .integrity:
            let algorithm = IntegrityAlgorithm(rawValue: transform.id)
            return algorithm == .none || (self.hmac != nil && Self.integrityHashes[algorithm] != nil)
        case .keyExchange:
            return KeyExchangeGroup(KeyExchangeMethod(rawValue: transform.id)) != nil
        case .sequenceNumbers:
            return transform.id <= SequenceNumbers.extended.rawValue
        default: return false
        }
    }
}
