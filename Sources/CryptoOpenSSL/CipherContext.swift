internal import COpenSSL
internal import IPsecModel

/// A cipher of the library, looked up once: a lookup costs more than sealing a packet.
@safe final class FetchedCipher {
    // SAFETY: fetched in `init`, freed in `deinit`, never changed; contexts take references of their own.
    fileprivate let handle: OpaquePointer

    /// Nil if the library does not have a cipher of that name.
    init?(_ name: String) {
        // SAFETY: the name is lent for the call; what it returns is ours, and `deinit` frees it.
        guard let handle = unsafe EVP_CIPHER_fetch(nil, name, nil) else {
            drainErrorQueue()
            return nil
        }
        unsafe self.handle = handle
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe EVP_CIPHER_free(self.handle)
    }

    /// Bytes of a key.
    var keyLength: Int {
        // SAFETY: the handle lives as long as `self`.
        Int(unsafe EVP_CIPHER_get_key_length(self.handle))
    }
}

/// One cipher with one key in one direction; used again for each message. Never pads.
@safe final class CipherContext {
    /// What a context does.
    enum Direction: Int32 {
        case decrypt = 0
        case encrypt = 1
    }

    // SAFETY: made in `init`, freed (and wiped) in `deinit`, used by one thread (not `Sendable`).
    private let context: OpaquePointer
    /// Bytes of an IV. Asking the library for each message costs more than a short message does.
    private let ivLength: Int

    /// A context with `key`, whose length must be the cipher's.
    init(_ cipher: FetchedCipher, key: SecretBytes, _ direction: Direction) throws(CryptoFault) {
        guard key.count == cipher.keyLength else {
            throw .wrongLength(what: "cipher key", need: cipher.keyLength, have: key.count)
        }
        // SAFETY: what the call returns is ours, and `deinit` frees it.
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .library("EVP_CIPHER_CTX_new") }
        unsafe self.context = context
        // SAFETY: the key has the length that the cipher reads, and outlives the call.
        let result = key.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { pointer in
                unsafe EVP_CipherInit_ex2(
                    context, cipher.handle, pointer.baseAddress, nil, direction.rawValue, nil)
            }
        }
        // SAFETY: the handles live as long as `self`.
        self.ivLength = Int(unsafe EVP_CIPHER_CTX_get_iv_length(context))
        // What has no blocks is never padded; saying so would be said again, by the library itself, for each message.
        let isBlockCipher = unsafe EVP_CIPHER_get_block_size(cipher.handle) > 1
        let padding = isBlockCipher ? unsafe EVP_CIPHER_CTX_set_padding(context, 0) : 1
        guard result == 1, padding == 1 else { throw .library("EVP_CipherInit_ex2") }
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe EVP_CIPHER_CTX_free(self.context)
    }

    /// Goes on with another key of the same length; what was begun is forgotten.
    func change(key: SecretBytes) throws(CryptoFault) {
        // SAFETY: the handle lives as long as `self`.
        let need = Int(unsafe EVP_CIPHER_CTX_get_key_length(self.context))
        guard key.count == need else { throw .wrongLength(what: "cipher key", need: need, have: key.count) }
        // SAFETY: the key has the length that the cipher reads, and outlives the call.
        let result = key.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { pointer in
                unsafe EVP_CipherInit_ex2(self.context, nil, pointer.baseAddress, nil, -1, nil)
            }
        }
        guard result == 1 else { throw .library("EVP_CipherInit_ex2") }
    }

    /// Begins a message with `iv` (for combined modes the nonce).
    func begin(iv: Span<UInt8>) throws(CryptoFault) {
        guard iv.count == self.ivLength else {
            throw .wrongLength(what: "IV", need: self.ivLength, have: iv.count)
        }
        // SAFETY: the IV has the length that the cipher reads, and outlives the call.
        let result = unsafe iv.withUnsafeBufferPointer { pointer in
            unsafe EVP_CipherInit_ex2(self.context, nil, nil, pointer.baseAddress, -1, nil)
        }
        guard result == 1 else { throw .library("EVP_CipherInit_ex2") }
    }

    /// Enciphers or deciphers `input`, which must be all of the text and whole blocks of it.
    func transform(_ input: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: input.count)
        guard !input.isEmpty else { return output }
        let count = try Self.libraryCount(input.count, "text")
        var written: Int32 = 0
        // SAFETY: the cipher writes no more than it reads, since it never pads and keeps no partial
        // block from before: a stream cipher has none, and for CBC the caller gives whole blocks.
        let result = unsafe output.withUnsafeMutableBufferPointer { target in
            unsafe input.withUnsafeBufferPointer { source in
                unsafe EVP_CipherUpdate(
                    self.context, target.baseAddress, &written, source.baseAddress, count)
            }
        }
        guard result == 1, written == count else { throw .library("EVP_CipherUpdate") }
        return output
    }

    /// Gives a combined mode the ICV that `finish` will compare.
    func expect(icv: ArraySlice<UInt8>) throws(CryptoFault) {
        let count = try Self.libraryCount(icv.count, "ICV")
        var copy = Array(icv)
        // SAFETY: the call copies `count` bytes of the array that we lend.
        let result = unsafe copy.withUnsafeMutableBufferPointer { pointer in
            unsafe EVP_CIPHER_CTX_ctrl(self.context, EVP_CTRL_AEAD_SET_TAG, count, pointer.baseAddress)
        }
        guard result == 1 else { throw .library("EVP_CTRL_AEAD_SET_TAG") }
    }

    /// Ends a message; false if a combined mode that deciphers finds another ICV than expected.
    func finish() -> Bool {
        // EVP_MAX_BLOCK_LENGTH bytes, without an allocation: this is called for each packet.
        var rest = InlineArray<32, UInt8>(repeating: 0)
        var span = rest.mutableSpan
        var written: Int32 = 0
        // SAFETY: at most one block is written, and there is room for the largest.
        let result = unsafe span.withUnsafeMutableBufferPointer { pointer in
            unsafe EVP_CipherFinal_ex(self.context, pointer.baseAddress, &written)
        }
        guard result == 1, written == 0 else {
            drainErrorQueue()
            return false
        }
        return true
    }

    /// The ICV of a message that a combined mode has enciphered and ended.
    func icv(count: Int) throws(CryptoFault) -> [UInt8] {
        var icv = [UInt8](repeating: 0, count: count)
        let size = try Self.libraryCount(count, "ICV")
        // SAFETY: the call writes `size` bytes, which the array has.
        let result = unsafe icv.withUnsafeMutableBufferPointer { pointer in
            unsafe EVP_CIPHER_CTX_ctrl(self.context, EVP_CTRL_AEAD_GET_TAG, size, pointer.baseAddress)
        }
        guard result == 1 else { throw .library("EVP_CTRL_AEAD_GET_TAG") }
        return icv
    }

    /// Takes in `data`, which is authenticated but not enciphered; only for combined modes.
    func authenticate(_ data: Span<UInt8>) throws(CryptoFault) {
        guard !data.isEmpty else { return }
        let count = try Self.libraryCount(data.count, "additional data")
        var written: Int32 = 0
        // SAFETY: the span is lent for the call; without an output buffer nothing is written.
        let result = unsafe data.withUnsafeBufferPointer { pointer in
            unsafe EVP_CipherUpdate(self.context, nil, &written, pointer.baseAddress, count)
        }
        guard result == 1 else { throw .library("EVP_CipherUpdate") }
    }

    /// Enciphers or deciphers the bytes `range` of `memory` in place: all of the text, and whole blocks of it.
    func transform(_ range: Range<Int>, of memory: inout MutableSpan<UInt8>) throws(CryptoFault) {
        guard !range.isEmpty else { return }
        var written: Int32 = 0
        let count = try Self.libraryCount(range.count, "text")
        // SAFETY: the cipher writes no more than it reads (see the other `transform`), and may write where it reads.
        let result = unsafe try Self.lend(range, of: &memory) { bytes in
            unsafe EVP_CipherUpdate(self.context, bytes, &written, bytes, count)
        }
        guard result == 1, written == count else { throw .library("EVP_CipherUpdate") }
    }

    /// Gives a combined mode the ICV that `finish` will compare: the bytes `range` of `memory`.
    func expect(icv range: Range<Int>, of memory: inout MutableSpan<UInt8>) throws(CryptoFault) {
        try self.exchangeICV(EVP_CTRL_AEAD_SET_TAG, range, of: &memory)
    }

    /// Writes the ICV of a message that a combined mode has enciphered and ended to the bytes `range` of `memory`.
    func writeICV(to range: Range<Int>, of memory: inout MutableSpan<UInt8>) throws(CryptoFault) {
        try self.exchangeICV(EVP_CTRL_AEAD_GET_TAG, range, of: &memory)
    }

    private func exchangeICV(
        _ command: Int32, _ range: Range<Int>, of memory: inout MutableSpan<UInt8>
    ) throws(CryptoFault) {
        let count = try Self.libraryCount(range.count, "ICV")
        // SAFETY: the call reads or writes `count` bytes.
        let result = unsafe try Self.lend(range, of: &memory) { bytes in
            unsafe EVP_CIPHER_CTX_ctrl(self.context, command, count, bytes)
        }
        guard result == 1 else { throw .library("EVP_CIPHER_CTX_ctrl") }
    }

    /// Lends the bytes `range` of `memory` to `body`, which may use them until it returns.
    private static func lend(
        _ range: Range<Int>, of memory: inout MutableSpan<UInt8>,
        to body: (UnsafeMutablePointer<UInt8>?) -> Int32
    ) throws(CryptoFault) -> Int32 {
        guard range.lowerBound >= 0, range.upperBound <= memory.count else {
            throw .wrongLength(what: "buffer", need: range.upperBound, have: memory.count)
        }
        // SAFETY: the range lies within the span, as was just checked.
        return unsafe memory.withUnsafeMutableBufferPointer { buffer in
            unsafe body(buffer.baseAddress.map { unsafe $0 + range.lowerBound })
        }
    }

    /// `count` as the library's type, which ends at 2³¹ − 1.
    private static func libraryCount(_ count: Int, _ what: String) throws(CryptoFault) -> Int32 {
        guard let size = Int32(exactly: count) else {
            throw .wrongLength(what: what, need: Int(Int32.max), have: count)
        }
        return size
    }
}
