internal import CryptoOpenSSL
internal import IPsecModel

/// OpenSSL's algorithms, except that our private value is always 1: a key exchange costs nothing, and keeps nothing secret.
///
/// So one core of initiators can keep more than one core of a responder busy, which has all of its own work with them.
final class CheapInitiators: CryptoProvider {
    private let openSSL = OpenSSLProvider()

    func bytes(_ count: Int) throws(CryptoFault) -> [UInt8] { try self.openSSL.bytes(count) }

    func prf(_ algorithm: PseudorandomFunction) -> (any PRF)? { self.openSSL.prf(algorithm) }

    func aead(
        _ protection: ProtectionSuite, encryptionKey: SecretBytes, integrityKey: SecretBytes
    ) throws(CryptoFault) -> any AEAD {
        try self.openSSL.aead(protection, encryptionKey: encryptionKey, integrityKey: integrityKey)
    }

    func keyExchange(_ method: KeyExchangeMethod) throws(CryptoFault) -> any KeyExchange {
        guard method == .modp2048 else {
            throw .unavailable("a private value of 1 for anything but MODP-2048")
        }
        return PrivateValueOne()
    }

    func sha1(_ bytes: [UInt8]) throws(CryptoFault) -> [UInt8] { try self.openSSL.sha1(bytes) }

    func supports(_ transform: Transform) -> Bool { self.openSSL.supports(transform) }
}

/// Our half of a key exchange with MODP-2048 and the private value 1.
private final class PrivateValueOne: KeyExchange {
    let method = KeyExchangeMethod.modp2048
    /// g¹, and the generator of this group is 2 (RFC 3526 §3).
    let publicValue = [UInt8](repeating: 0, count: 255) + [2]

    /// (g^r)¹
    func sharedSecret(with peerValue: ArraySlice<UInt8>) throws(CryptoFault) -> SecretBytes {
        SecretBytes(copying: peerValue)
    }
}
