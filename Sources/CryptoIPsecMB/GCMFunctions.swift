internal import Glibc
internal import IPsecModel

/// The library's functions for AES-GCM with one length of key.
@safe struct GCMFunctions {
    /// `void pre(const void *key, struct gcm_key_data *)`.
    typealias Precompute = @convention(c) (UnsafeRawPointer?, UnsafeMutableRawPointer) -> Void
    /// `void enc(const struct gcm_key_data *, struct gcm_context_data *, uint8_t *out, const uint8_t *in, uint64_t length,
    /// const uint8_t *iv, const uint8_t *aad, uint64_t aadLength, uint8_t *icv, uint64_t icvLength)`; `dec` is alike.
    typealias Message =
        @convention(c) (
            UnsafeRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeRawPointer, UInt64,
            UnsafeRawPointer, UnsafeRawPointer, UInt64, UnsafeMutableRawPointer, UInt64
        ) -> Void

    /// Bytes of a key.
    let keyLength: Int
    let precompute: Precompute
    let seal: Message
    let open: Message

    /// Bytes of `struct gcm_key_data` in 1.x: 15 round keys and 48 powers of the hash key, of 16 bytes each.
    static let keyDataSize = 1_008
    /// Bytes of `struct gcm_context_data` in 1.x.
    static let contextSize = 88
    /// What the library's functions load at once.
    static let alignment = 64

    /// The functions for keys of `keyLength` bytes: 16 or 32.
    init(_ library: IPsecMBLibrary, keyLength: Int) throws(IPsecMBUnavailable) {
        let bits = keyLength * 8
        let precompute = unsafe try library.symbol("aes_gcm_pre_\(bits)")
        let seal = unsafe try library.symbol("aes_gcm_enc_\(bits)")
        let open = unsafe try library.symbol("aes_gcm_dec_\(bits)")
        self.keyLength = keyLength
        // SAFETY: these are the types that the library's header gives these names in all versions 1.x.
        unsafe self.precompute = unsafeBitCast(precompute, to: Precompute.self)
        unsafe self.seal = unsafeBitCast(seal, to: Message.self)
        unsafe self.open = unsafeBitCast(open, to: Message.self)
        try self.checkSizes(library.version)
    }

    /// Tries out, in memory with room to spare, that the library's structures are no longer than we think: else its
    /// functions would write beyond ours.
    private func checkSizes(_ version: String) throws(IPsecMBUnavailable) {
        let (canary, room): (UInt8, Int) = (0xa5, 8_192)
        // SAFETY: freed below; it is far larger than the structures of any version.
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 2 * room, alignment: Self.alignment)
        defer { unsafe memory.deallocate() }
        unsafe memory.initializeMemory(as: UInt8.self, repeating: canary)
        guard let keyData = memory.baseAddress else { return }
        let key = [UInt8](repeating: 1, count: self.keyLength)
        var text = [UInt8](repeating: 2, count: 600)
        // SAFETY: the arrays are lent for the calls, which read a key, an IV of 12 bytes and additional data of 12 from
        // the one, and write a text and an ICV of 16 bytes to the other.
        unsafe key.withUnsafeBytes { key in
            unsafe text.withUnsafeMutableBytes { text in
                guard let key = key.baseAddress, let text = text.baseAddress else { return }
                unsafe self.precompute(key, keyData)
                unsafe self.seal(keyData, keyData + room, text, text, 500, key, key, 12, text + 500, 16)
                unsafe self.open(keyData, keyData + room, text, text, 500, key, key, 12, text + 500, 16)
            }
        }

        let isIntact =
            unsafe memory[Self.keyDataSize..<room].allSatisfy { $0 == canary }
            && memory[(room + Self.contextSize)...].allSatisfy { $0 == canary }
        guard isIntact else {
            throw IPsecMBUnavailable(
                reason: "intel-ipsec-mb \(version) has data structures that we do not know")
        }
    }
}
