internal import IPsecModel

/// AES-GCM with a 16-byte ICV (RFC 4106, RFC 5282) and ChaCha20-Poly1305 (RFC 7634).
///
/// The nonce is salt | IV, and the salt is the last four bytes of the encryption key.
final class CombinedModeAEAD: AEAD {
    private static let saltLength = 4

    private let cipher: KeyedCipher
    private let salt: SecretBytes

    let ivLength = 8
    let icvLength = 16
    let blockSize = 1

    /// The cipher with its key and the salt behind it.
    init(_ shared: SharedCipher, keyAndSalt: SecretBytes) throws(CryptoFault) {
        let keyLength = shared.cipher.keyLength
        let need = keyLength + Self.saltLength
        guard keyAndSalt.count == need, let key = keyAndSalt.part(0..<keyLength),
            let salt = keyAndSalt.part(keyLength..<need)
        else { throw .wrongLength(what: "encryption key with salt", need: need, have: keyAndSalt.count) }
        self.cipher = try KeyedCipher(shared, key: key)
        self.salt = salt
    }

    func seal(_ text: [UInt8], iv: [UInt8], aad: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8] {
        let context = try self.cipher.encryption()
        let nonce = try self.nonce(iv[...])
        try context.begin(iv: nonce.span)
        try context.authenticate(aad.span)
        let ciphertext = try context.transform(text[...])
        guard context.finish() else { throw .library("EVP_CipherFinal_ex") }
        return ciphertext + (try context.icv(count: self.icvLength))
    }

    func open(
        _ sealed: ArraySlice<UInt8>, iv: ArraySlice<UInt8>, aad: ArraySlice<UInt8>
    ) throws(CryptoFault) -> [UInt8] {
        guard sealed.count >= self.icvLength else {
            throw .wrongLength(what: "sealed text", need: self.icvLength, have: sealed.count)
        }
        let context = try self.cipher.decryption()
        let nonce = try self.nonce(iv)
        try context.begin(iv: nonce.span)
        try context.expect(icv: sealed.suffix(self.icvLength))
        try context.authenticate(aad.span)
        let text = try context.transform(sealed.dropLast(self.icvLength))
        guard context.finish() else { throw .wrongICV }
        return text
    }

    /// salt | IV (RFC 4106 §4, RFC 7634 §2).
    private func nonce(_ iv: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8] {
        guard iv.count == self.ivLength else {
            throw .wrongLength(what: "IV", need: self.ivLength, have: iv.count)
        }
        // The salt may be copied: it makes nonces differ between SAs and protects nothing by itself.
        return self.salt.withBytes { salt in (0..<salt.count).map { salt[$0] } } + iv
    }
}
