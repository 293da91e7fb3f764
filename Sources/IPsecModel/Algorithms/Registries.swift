// IANA "Internet Key Exchange Version 2 (IKEv2) Parameters". Open types: an unknown number is a value like
// any other and survives decoding; what we do not know we do not choose.

/// Transform types (RFC 7296 §3.3.2).
package struct TransformType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The type with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// ENCR.
    package static let encryption = TransformType(rawValue: 1)
    /// PRF.
    package static let pseudorandomFunction = TransformType(rawValue: 2)
    /// INTEG.
    package static let integrity = TransformType(rawValue: 3)
    /// D-H, renamed "Key Exchange Method" by RFC 9370.
    package static let keyExchange = TransformType(rawValue: 4)
    /// ESN.
    package static let sequenceNumbers = TransformType(rawValue: 5)
}

/// Encryption algorithms (transform type 1).
package struct EncryptionAlgorithm: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The algorithm with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// ENCR_3DES.
    package static let tripleDES = EncryptionAlgorithm(rawValue: 3)
    /// ENCR_NULL.
    package static let null = EncryptionAlgorithm(rawValue: 11)
    /// ENCR_AES_CBC (RFC 3602).
    package static let aesCBC = EncryptionAlgorithm(rawValue: 12)
    /// ENCR_AES_CTR (RFC 3686).
    package static let aesCTR = EncryptionAlgorithm(rawValue: 13)
    /// AES-CCM with a 16-octet ICV (RFC 4309).
    package static let aesCCM16 = EncryptionAlgorithm(rawValue: 16)
    /// AES-GCM with an 8-octet ICV (RFC 4106).
    package static let aesGCM8 = EncryptionAlgorithm(rawValue: 18)
    /// AES-GCM with a 12-octet ICV (RFC 4106).
    package static let aesGCM12 = EncryptionAlgorithm(rawValue: 19)
    /// AES-GCM with a 16-octet ICV (RFC 4106, RFC 5282).
    package static let aesGCM16 = EncryptionAlgorithm(rawValue: 20)
    /// ENCR_CHACHA20_POLY1305 (RFC 7634).
    package static let chacha20Poly1305 = EncryptionAlgorithm(rawValue: 28)

    /// True for combined modes, which bring their own integrity.
    package var isAEAD: Bool {
        (14...16).contains(self.rawValue) || (18...20).contains(self.rawValue) || self == .chacha20Poly1305
    }
}

/// Pseudorandom functions (transform type 2).
package struct PseudorandomFunction: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The function with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// PRF_HMAC_MD5.
    package static let hmacMD5 = PseudorandomFunction(rawValue: 1)
    /// PRF_HMAC_SHA1.
    package static let hmacSHA1 = PseudorandomFunction(rawValue: 2)
    /// PRF_AES128_XCBC.
    package static let aesXCBC = PseudorandomFunction(rawValue: 4)
    /// PRF_HMAC_SHA2_256 (RFC 4868).
    package static let hmacSHA256 = PseudorandomFunction(rawValue: 5)
    /// PRF_HMAC_SHA2_384 (RFC 4868).
    package static let hmacSHA384 = PseudorandomFunction(rawValue: 6)
    /// PRF_HMAC_SHA2_512 (RFC 4868).
    package static let hmacSHA512 = PseudorandomFunction(rawValue: 7)
    /// PRF_AES128_CMAC.
    package static let aesCMAC = PseudorandomFunction(rawValue: 8)
}

/// Integrity algorithms (transform type 3).
package struct IntegrityAlgorithm: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The algorithm with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// NONE.
    package static let none = IntegrityAlgorithm(rawValue: 0)
    /// AUTH_HMAC_MD5_96.
    package static let hmacMD5 = IntegrityAlgorithm(rawValue: 1)
    /// AUTH_HMAC_SHA1_96.
    package static let hmacSHA1 = IntegrityAlgorithm(rawValue: 2)
    /// AUTH_AES_XCBC_96.
    package static let aesXCBC = IntegrityAlgorithm(rawValue: 5)
    /// AUTH_AES_CMAC_96.
    package static let aesCMAC = IntegrityAlgorithm(rawValue: 8)
    /// AUTH_HMAC_SHA2_256_128 (RFC 4868).
    package static let hmacSHA256 = IntegrityAlgorithm(rawValue: 12)
    /// AUTH_HMAC_SHA2_384_192 (RFC 4868).
    package static let hmacSHA384 = IntegrityAlgorithm(rawValue: 13)
    /// AUTH_HMAC_SHA2_512_256 (RFC 4868).
    package static let hmacSHA512 = IntegrityAlgorithm(rawValue: 14)
}

/// Key exchange methods, once called Diffie–Hellman groups (transform type 4).
package struct KeyExchangeMethod: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The method with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// NONE: no key exchange.
    package static let none = KeyExchangeMethod(rawValue: 0)
    /// 1024-bit MODP; too weak to use, named so that it can be shown.
    package static let modp1024 = KeyExchangeMethod(rawValue: 2)
    /// 1536-bit MODP; too weak to use, named so that it can be shown.
    package static let modp1536 = KeyExchangeMethod(rawValue: 5)
    /// 2048-bit MODP (RFC 3526 §3).
    package static let modp2048 = KeyExchangeMethod(rawValue: 14)
    /// 3072-bit MODP (RFC 3526 §4).
    package static let modp3072 = KeyExchangeMethod(rawValue: 15)
    /// 4096-bit MODP (RFC 3526 §5).
    package static let modp4096 = KeyExchangeMethod(rawValue: 16)
    /// 256-bit random ECP, P-256 (RFC 5903).
    package static let ecp256 = KeyExchangeMethod(rawValue: 19)
    /// 384-bit random ECP, P-384 (RFC 5903).
    package static let ecp384 = KeyExchangeMethod(rawValue: 20)
    /// 521-bit random ECP, P-521 (RFC 5903).
    package static let ecp521 = KeyExchangeMethod(rawValue: 21)
    /// Curve25519 (RFC 8031).
    package static let x25519 = KeyExchangeMethod(rawValue: 31)
    /// Curve448 (RFC 8031).
    package static let x448 = KeyExchangeMethod(rawValue: 32)
}

/// Extended sequence numbers (transform type 5, RFC 7296 §3.3.2).
package struct SequenceNumbers: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The choice with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// 32 bits.
    package static let short = SequenceNumbers(rawValue: 0)
    /// 64 bits (RFC 4304).
    package static let extended = SequenceNumbers(rawValue: 1)

    /// The last number that there is: after it a sender stops (RFC 4303 §3.3.3).
    package var last: UInt64 { self == .extended ? .max : 0xffff_ffff }
    /// The number at which rekeying begins: the last eighth of them is left for it.
    package var rekeyAt: UInt64 { self.last - self.last / 8 }
}

/// What an SA protects with (RFC 7296 §3.3.1, "Protocol ID").
package struct SecurityProtocol: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The protocol with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No SA is meant (notifies only).
    package static let none = SecurityProtocol(rawValue: 0)
    /// IKE.
    package static let ike = SecurityProtocol(rawValue: 1)
    /// AH.
    package static let ah = SecurityProtocol(rawValue: 2)
    /// ESP.
    package static let esp = SecurityProtocol(rawValue: 3)
}
