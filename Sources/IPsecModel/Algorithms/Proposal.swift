/// One algorithm on offer (RFC 7296 §3.3.2).
package struct Transform: Hashable, Sendable {
    /// What the algorithm is for.
    package let type: TransformType
    /// The algorithm's number within its type.
    package let id: UInt16
    /// Bits of the key, for algorithms with a choice (RFC 7296 §3.3.5); nil if the attribute is absent.
    package let keyLength: UInt16?

    /// The transform `id` of `type`.
    package init(type: TransformType, id: UInt16, keyLength: UInt16? = nil) {
        self.type = type
        self.id = id
        self.keyLength = keyLength
    }

    /// ENCR.
    package static func encryption(_ algorithm: EncryptionAlgorithm, _ keyLength: UInt16? = nil) -> Transform
    {
        Transform(type: .encryption, id: algorithm.rawValue, keyLength: keyLength)
    }

    /// PRF.
    package static func prf(_ function: PseudorandomFunction) -> Transform {
        Transform(type: .pseudorandomFunction, id: function.rawValue)
    }

    /// INTEG.
    package static func integrity(_ algorithm: IntegrityAlgorithm) -> Transform {
        Transform(type: .integrity, id: algorithm.rawValue)
    }

    /// Key exchange method.
    package static func keyExchange(_ method: KeyExchangeMethod) -> Transform {
        Transform(type: .keyExchange, id: method.rawValue)
    }

    /// ESN.
    package static func sequenceNumbers(_ choice: SequenceNumbers) -> Transform {
        Transform(type: .sequenceNumbers, id: choice.rawValue)
    }
}

/// Algorithms that may be combined: one of each type that occurs, in order of preference.
///
/// For IKE the types are ENCR, PRF, INTEG (unless the ciphers are combined modes) and the key exchange; for
/// ESP they are ENCR, INTEG, ESN and, for PFS, the key exchange.
package struct Proposal: Hashable, Sendable {
    /// IKE or ESP.
    package let securityProtocol: SecurityProtocol
    /// The algorithms, the preferred first within each type.
    package let transforms: [Transform]

    /// A proposal for `securityProtocol`.
    package init(_ securityProtocol: SecurityProtocol, _ transforms: [Transform]) {
        self.securityProtocol = securityProtocol
        self.transforms = transforms
    }

    /// The algorithms of one type, the preferred first.
    package func transforms(_ type: TransformType) -> [Transform] {
        self.transforms.filter { $0.type == type }
    }
}

/// Encryption with its integrity: what seals packets, in IKE as in ESP.
package struct ProtectionSuite: Hashable, Sendable {
    /// The cipher.
    package let encryption: EncryptionAlgorithm
    /// Bits of the cipher's key, salt excluded.
    package let keyLength: Int
    /// The integrity algorithm; nil for combined modes.
    package let integrity: IntegrityAlgorithm?

    /// A cipher with a key of `keyLength` bits, and its integrity algorithm if it needs one.
    package init(encryption: EncryptionAlgorithm, keyLength: Int, integrity: IntegrityAlgorithm?) {
        self.encryption = encryption
        self.keyLength = keyLength
        self.integrity = integrity
    }

    /// Bytes of salt that follow the encryption key in KEYMAT (RFC 4106 §8.1, RFC 7634 §2).
    package var saltLength: Int { self.encryption.isAEAD ? 4 : 0 }

    /// Bytes of KEYMAT for the encryption key and its salt.
    package var encryptionKeyBytes: Int { self.keyLength / 8 + self.saltLength }

    /// Bytes of KEYMAT for the integrity key: the hash's length (RFC 4868 §2.1.1).
    package var integrityKeyBytes: Int {
        switch self.integrity {
        case .hmacSHA256: return 32
        case .hmacSHA384: return 48
        case .hmacSHA512: return 64
        default: return 0
        }
    }
}

/// The algorithms of an IKE_SA, one of each type.
package struct IKESuite: Hashable, Sendable {
    /// What seals the Encrypted payload.
    package let protection: ProtectionSuite
    /// What derives the keys.
    package let prf: PseudorandomFunction
    /// How the shared secret is made.
    package let keyExchange: KeyExchangeMethod

    /// The suite of these three.
    package init(protection: ProtectionSuite, prf: PseudorandomFunction, keyExchange: KeyExchangeMethod) {
        self.protection = protection
        self.prf = prf
        self.keyExchange = keyExchange
    }
}

/// The algorithms of a CHILD_SA, one of each type.
package struct ESPSuite: Hashable, Sendable {
    /// What seals the packets.
    package let protection: ProtectionSuite
    /// 32 or 64 bits.
    package let sequenceNumbers: SequenceNumbers
    /// The group that gave fresh keys (PFS), or nil if they come from SK_d alone.
    package let keyExchange: KeyExchangeMethod?

    /// The suite of these three.
    package init(
        protection: ProtectionSuite, sequenceNumbers: SequenceNumbers, keyExchange: KeyExchangeMethod?
    ) {
        self.protection = protection
        self.sequenceNumbers = sequenceNumbers
        self.keyExchange = keyExchange
    }
}
