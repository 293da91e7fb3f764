internal import IPsecModel

/// A cipher with one context of the library for each direction, which all keys share.
///
/// An IKE_SA has few messages, and between them it should hold its key alone: a context takes a kilobyte, and a new key
/// costs less than a new context. A context holds the last key until the next one or `deinit`, which wipe it.
final class SharedCipher {
    /// The cipher itself.
    let cipher: FetchedCipher
    private var encrypting: CipherContext?
    private var decrypting: CipherContext?

    /// Contexts are made when they are first needed.
    init(_ cipher: FetchedCipher) {
        self.cipher = cipher
    }

    /// The context that enciphers, with `key`, for one message.
    fileprivate func encryption(_ key: SecretBytes) throws(CryptoFault) -> CipherContext {
        let context = try self.context(self.encrypting, key, .encrypt)
        self.encrypting = context
        return context
    }

    /// The context that deciphers, with `key`, for one message.
    fileprivate func decryption(_ key: SecretBytes) throws(CryptoFault) -> CipherContext {
        let context = try self.context(self.decrypting, key, .decrypt)
        self.decrypting = context
        return context
    }

    /// `kept` with another key, or the first context of its direction.
    private func context(
        _ kept: CipherContext?, _ key: SecretBytes, _ direction: CipherContext.Direction
    ) throws(CryptoFault) -> CipherContext {
        guard let kept else { return try CipherContext(self.cipher, key: key, direction) }
        try kept.change(key: key)
        return kept
    }
}

/// A cipher with its key.
final class KeyedCipher {
    private let shared: SharedCipher
    private let key: SecretBytes

    /// `key` must have the cipher's length.
    init(_ shared: SharedCipher, key: SecretBytes) throws(CryptoFault) {
        guard key.count == shared.cipher.keyLength else {
            throw .wrongLength(what: "encryption key", need: shared.cipher.keyLength, have: key.count)
        }
        self.shared = shared
        self.key = key
    }

    /// The context that enciphers the next message; nobody else's message may come before that is done.
    func encryption() throws(CryptoFault) -> CipherContext { try self.shared.encryption(self.key) }

    /// The context that deciphers the next message; nobody else's message may come before that is done.
    func decryption() throws(CryptoFault) -> CipherContext { try self.shared.decryption(self.key) }
}
