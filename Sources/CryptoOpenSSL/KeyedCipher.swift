internal import IPsecModel

/// A cipher with its key, which makes the library's contexts when they are first needed.
///
/// An SA's direction needs one of the two, so the other is not paid for.
final class KeyedCipher {
    private let cipher: FetchedCipher
    private let key: SecretBytes
    private var encrypting: CipherContext?
    private var decrypting: CipherContext?

    /// `key` must have the cipher's length.
    init(_ cipher: FetchedCipher, key: SecretBytes) throws(CryptoFault) {
        guard key.count == cipher.keyLength else {
            throw .wrongLength(what: "encryption key", need: cipher.keyLength, have: key.count)
        }
        self.cipher = cipher
        self.key = key
    }

    /// The context that enciphers.
    func encryption() throws(CryptoFault) -> CipherContext {
        if let context = self.encrypting { return context }
        let context = try CipherContext(self.cipher, key: self.key, .encrypt)
        self.encrypting = context
        return context
    }

    /// The context that deciphers.
    func decryption() throws(CryptoFault) -> CipherContext {
        if let context = self.decrypting { return context }
        let context = try CipherContext(self.cipher, key: self.key, .decrypt)
        self.decrypting = context
        return context
    }
}
