internal import IPsecModel

/// AES-CBC (RFC 3602) with HMAC-SHA2-256-128, 384-192 or 512-256 (RFC 4868).
///
/// The ICV is the first half of HMAC(aad | iv | ciphertext), and it is compared before anything is deciphered
/// (RFC 7296 §3.14).
final class EncryptThenMACAEAD: AEAD {
    private let cipher: KeyedCipher
    private let hmac: HMACContext
    private let integrityKey: SecretBytes

    let ivLength = 16
    let blockSize = 16
    var icvLength: Int { self.hmac.hash.digestLength / 2 }

    /// The cipher with its key, and an HMAC context, which others may use as well, with a key of the hash's length.
    init(
        _ shared: SharedCipher, encryptionKey: SecretBytes, _ hmac: HMACContext, integrityKey: SecretBytes
    ) throws(CryptoFault) {
        let need = hmac.hash.digestLength
        guard integrityKey.count == need else {
            throw .wrongLength(what: "integrity key", need: need, have: integrityKey.count)
        }
        self.cipher = try KeyedCipher(shared, key: encryptionKey)
        self.hmac = hmac
        self.integrityKey = integrityKey
    }

    func seal(_ text: [UInt8], iv: [UInt8], aad: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8] {
        try self.requireWholeBlocks(text.count)
        let context = try self.cipher.encryption()
        try context.begin(iv: iv.span)
        let ciphertext = try context.transform(text[...])
        return ciphertext + (try self.icv(aad: aad, iv: iv[...], ciphertext: ciphertext[...]))
    }

    func open(
        _ sealed: ArraySlice<UInt8>, iv: ArraySlice<UInt8>, aad: ArraySlice<UInt8>
    ) throws(CryptoFault) -> [UInt8] {
        guard sealed.count >= self.icvLength else {
            throw .wrongLength(what: "sealed text", need: self.icvLength, have: sealed.count)
        }
        guard iv.count == self.ivLength else {
            throw .wrongLength(what: "IV", need: self.ivLength, have: iv.count)
        }
        let ciphertext = sealed.dropLast(self.icvLength)
        try self.requireWholeBlocks(ciphertext.count)
        let icv = try self.icv(aad: aad, iv: iv, ciphertext: ciphertext)
        guard equalInConstantTime(icv, sealed.suffix(self.icvLength)) else { throw .wrongICV }
        let context = try self.cipher.decryption()
        try context.begin(iv: iv.span)
        return try context.transform(ciphertext)
    }

    private func requireWholeBlocks(_ count: Int) throws(CryptoFault) {
        let excess = count % self.blockSize
        guard excess == 0 else {
            throw .wrongLength(what: "text", need: count + self.blockSize - excess, have: count)
        }
    }

    private func icv(
        aad: ArraySlice<UInt8>, iv: ArraySlice<UInt8>, ciphertext: ArraySlice<UInt8>
    ) throws(CryptoFault) -> ArraySlice<UInt8> {
        try self.hmac.begin(key: self.integrityKey)
        for part in [aad, iv, ciphertext] { try self.hmac.update(part) }
        var digest = [UInt8](repeating: 0, count: self.hmac.hash.digestLength)
        var span = digest.mutableSpan
        try self.hmac.finish(into: &span)
        return digest.prefix(self.icvLength)
    }
}
