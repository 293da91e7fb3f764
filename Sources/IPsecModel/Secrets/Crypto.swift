/// Why a cryptographic operation gave no result.
package enum CryptoFault: Error, Hashable, Sendable {
    /// The peer's public value is not one that its group allows (RFC 6989 §2); the reason is for the log.
    case invalidPublicValue(reason: String)
    /// The ICV is not that of the text. Nothing of the text may be used.
    case wrongICV
    /// A key, IV or text has a length that the algorithm does not take.
    case wrongLength(what: String, need: Int, have: Int)
    /// The provider does not have the algorithm.
    case unavailable(String)
    /// The library failed; the text is its own.
    case library(operation: String, text: String)
}

/// Makes random bytes.
package protocol RandomSource: AnyObject {
    /// `count` fresh bytes, good enough for keys.
    func bytes(_ count: Int) throws(CryptoFault) -> [UInt8]
}

/// A pseudorandom function of RFC 7296 §2.13.
package protocol PRF: AnyObject {
    /// Bytes of a result, and the preferred length of a key.
    var outputLength: Int { get }

    /// prf(key, parts[0] | parts[1] | …). The key may have any length.
    func compute(key: SecretBytes, _ parts: [ArraySlice<UInt8>]) throws(CryptoFault) -> SecretBytes

    /// prf(key, secretPrefix | parts[0] | …), for inputs that begin with key material.
    func compute(
        key: SecretBytes, secretPrefix: SecretBytes, _ parts: [ArraySlice<UInt8>]
    ) throws(CryptoFault) -> SecretBytes
}

extension PRF {
    /// prf+(key, secretSeed | seed) (RFC 7296 §2.13), `count` bytes of it.
    ///
    /// `secretSeed` is for seeds that begin with g^ir. At most 255 blocks exist, far more than any suite
    /// needs; asking for more is `.wrongLength`.
    package func expand(
        key: SecretBytes, secretSeed: SecretBytes? = nil, seed: [UInt8], count: Int
    ) throws(CryptoFault) -> SecretBytes {
        let limit = 255 * self.outputLength
        guard count >= 0, count <= limit else { throw .wrongLength(what: "prf+", need: limit, have: count) }
        var blocks: [SecretBytes] = []
        while blocks.count * self.outputLength < count {
            // T(n) = prf(key, T(n−1) | seed | n): what is secret of it is joined in memory that is wiped.
            let secret = SecretBytes.joined([blocks.last, secretSeed].compactMap(\.self))
            let counter = UInt8(truncatingIfNeeded: blocks.count + 1)
            blocks.append(try self.compute(key: key, secretPrefix: secret, [seed[...], [counter]]))
        }
        guard let material = SecretBytes.joined(blocks).part(0..<count) else {
            throw .wrongLength(what: "prf+", need: count, have: blocks.count * self.outputLength)
        }
        return material
    }
}

/// Protects the text of a message: a combined-mode cipher, or a cipher with a separate integrity algorithm.
///
/// For AES-CBC with HMAC the ICV covers aad | iv | ciphertext, which is RFC 7296 §3.14 if the aad is the
/// message up to the IV.
package protocol AEAD: AnyObject {
    /// Bytes of the explicit IV on the wire: 8 for combined modes, 16 for CBC.
    var ivLength: Int { get }
    /// Bytes of the ICV.
    var icvLength: Int { get }
    /// The text's length must be a multiple of this: 1 or 16.
    var blockSize: Int { get }

    /// ciphertext | ICV. An (iv, key) pair must never repeat for a combined mode; for CBC the iv must be
    /// unpredictable.
    func seal(_ text: [UInt8], iv: [UInt8], aad: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8]

    /// The text of `sealed` (ciphertext | ICV), or `.wrongICV`.
    func open(
        _ sealed: ArraySlice<UInt8>, iv: ArraySlice<UInt8>, aad: ArraySlice<UInt8>
    ) throws(CryptoFault) -> [UInt8]
}

/// Our half of one key exchange: a private value that is used once.
package protocol KeyExchange: AnyObject {
    /// The method that both sides agreed on.
    var method: KeyExchangeMethod { get }
    /// Our public value as it stands in the KE payload.
    var publicValue: [UInt8] { get }

    /// The shared secret with the peer's public value, which is checked first (RFC 6989 §2, RFC 8031 §5).
    func sharedSecret(with peerValue: ArraySlice<UInt8>) throws(CryptoFault) -> SecretBytes
}

/// Makes key pairs.
package protocol KeyExchangeSource {
    /// A fresh key pair.
    func keyExchange(_ method: KeyExchangeMethod) throws(CryptoFault) -> any KeyExchange
}

/// Makes the algorithms that IANA's numbers name. Nil means that this build does not have the algorithm.
package protocol CryptoProvider: AnyObject, RandomSource, KeyExchangeSource {
    /// The PRF, or nil.
    func prf(_ algorithm: PseudorandomFunction) -> (any PRF)?

    /// The cipher for one direction of an IKE_SA.
    ///
    /// `encryptionKey` holds the key, and for combined modes the salt after it (RFC 5282 §7.1);
    /// `integrityKey` is empty for combined modes.
    func aead(
        _ protection: ProtectionSuite, encryptionKey: SecretBytes, integrityKey: SecretBytes
    ) throws(CryptoFault) -> any AEAD

    /// SHA-1, for the hashes of NAT_DETECTION payloads alone (RFC 7296 §2.23): nothing secret rests on it.
    func sha1(_ bytes: [UInt8]) throws(CryptoFault) -> [UInt8]

    /// True if the encryption (with its integrity algorithm), PRF or group can be used.
    func supports(_ transform: Transform) -> Bool
}
