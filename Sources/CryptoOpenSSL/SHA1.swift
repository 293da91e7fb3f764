internal import COpenSSL
internal import IPsecModel

/// SHA-1, looked up once; for NAT_DETECTION hashes (RFC 7296 §2.23), where nothing depends on its strength.
@safe final class SHA1 {
    /// Bytes of a digest.
    static let digestLength = 20

    // SAFETY: fetched in `init`, freed in `deinit`, never changed.
    private let handle: OpaquePointer

    /// Nil if the library does not have it.
    init?() {
        // SAFETY: the name is lent for the call; what it returns is ours, and `deinit` frees it.
        guard let handle = unsafe EVP_MD_fetch(nil, "SHA1", nil) else {
            drainErrorQueue()
            return nil
        }
        unsafe self.handle = handle
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe EVP_MD_free(self.handle)
    }

    /// The digest of `bytes`.
    func digest(of bytes: [UInt8]) throws(CryptoFault) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Self.digestLength)
        var written: UInt32 = 0
        // SAFETY: `count` bytes are read, and the array has room for what SHA-1 writes.
        let result = unsafe digest.withUnsafeMutableBufferPointer { target in
            unsafe bytes.withUnsafeBufferPointer { source in
                unsafe EVP_Digest(
                    source.baseAddress, source.count, target.baseAddress, &written, self.handle, nil)
            }
        }
        guard result == 1, written == UInt32(Self.digestLength) else { throw .library("EVP_Digest") }
        return digest
    }
}
