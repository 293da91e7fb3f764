internal import COpenSSL
internal import IPsecModel

/// The hash functions that we use HMAC with.
enum HashFunction: String {
    case sha256 = "SHA2-256"
    case sha384 = "SHA2-384"
    case sha512 = "SHA2-512"

    /// Bytes of a digest.
    var digestLength: Int {
        switch self {
        case .sha256: return 32
        case .sha384: return 48
        case .sha512: return 64
        }
    }
}

/// The library's HMAC, looked up once: a lookup costs more than a computation.
@safe final class FetchedHMAC {
    // SAFETY: fetched in `init`, freed in `deinit`, never changed; contexts take references of their own.
    fileprivate let handle: OpaquePointer

    /// Nil if the library does not have it.
    init?() {
        // SAFETY: the name is lent for the call; what it returns is ours, and `deinit` frees it.
        guard let handle = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else {
            drainErrorQueue()
            return nil
        }
        unsafe self.handle = handle
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe EVP_MAC_free(self.handle)
    }
}

/// HMAC with one hash function, in one context of the library that is used again and again.
///
/// The context holds the last key until the next one or `deinit`, which wipe it.
@safe final class HMACContext {
    /// The hash function.
    let hash: HashFunction
    // SAFETY: made in `init`, freed in `deinit`, used by one thread (this class is not `Sendable`).
    private let context: OpaquePointer

    /// A context without a key.
    init(_ hmac: FetchedHMAC, _ hash: HashFunction) throws(CryptoFault) {
        // SAFETY: what the call returns is ours, and `deinit` frees it; it keeps a reference to the algorithm.
        guard let context = unsafe EVP_MAC_CTX_new(hmac.handle) else { throw .library("EVP_MAC_CTX_new") }
        self.hash = hash
        unsafe self.context = context
        guard unsafe Self.setDigest(of: context, to: hash) == 1 else {
            throw .library("EVP_MAC_CTX_set_params")
        }
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe EVP_MAC_CTX_free(self.context)
    }

    private static func setDigest(of context: OpaquePointer, to hash: HashFunction) -> Int32 {
        var name = Array(hash.rawValue.utf8CString)
        // SAFETY: key and value live until the call returns, which copies them.
        return unsafe OSSL_MAC_PARAM_DIGEST.withCString { key in
            unsafe name.withUnsafeMutableBufferPointer { value in
                var parameters = unsafe [
                    OSSL_PARAM_construct_utf8_string(key, value.baseAddress, 0), OSSL_PARAM_construct_end(),
                ]
                return unsafe EVP_MAC_CTX_set_params(context, &parameters)
            }
        }
    }

    /// Begins a computation with a new key, of any length.
    func begin(key: SecretBytes) throws(CryptoFault) {
        // A null key would mean "the one before", so an empty key points to a byte that is not read.
        var unused: UInt8 = 0
        // SAFETY: key and placeholder outlive the call, which reads `count` bytes.
        let result = key.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { pointer in
                unsafe withUnsafePointer(to: &unused) { placeholder in
                    unsafe EVP_MAC_init(self.context, pointer.baseAddress ?? placeholder, pointer.count, nil)
                }
            }
        }
        guard result == 1 else { throw .library("EVP_MAC_init") }
    }

    /// Takes in `bytes`.
    func update(_ bytes: ArraySlice<UInt8>) throws(CryptoFault) {
        // SAFETY: the slice is lent for the call, which reads `count` bytes.
        let result = unsafe bytes.withUnsafeBufferPointer { pointer in
            unsafe EVP_MAC_update(self.context, pointer.baseAddress, pointer.count)
        }
        guard result == 1 else { throw .library("EVP_MAC_update") }
    }

    /// Takes in `secret`.
    func update(_ secret: SecretBytes) throws(CryptoFault) {
        // SAFETY: the secret is lent for the call, which reads `count` bytes.
        let result = secret.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { pointer in
                unsafe EVP_MAC_update(self.context, pointer.baseAddress, pointer.count)
            }
        }
        guard result == 1 else { throw .library("EVP_MAC_update") }
    }

    /// Ends the computation; `output` must have room for the digest.
    func finish(into output: inout MutableSpan<UInt8>) throws(CryptoFault) {
        let need = self.hash.digestLength
        guard output.count == need else {
            throw .wrongLength(what: "HMAC output", need: need, have: output.count)
        }
        var written = 0
        // SAFETY: the span is lent for the call, which writes at most `count` bytes.
        let result = unsafe output.withUnsafeMutableBufferPointer { pointer in
            unsafe EVP_MAC_final(self.context, pointer.baseAddress, &written, pointer.count)
        }
        guard result == 1, written == need else { throw .library("EVP_MAC_final") }
    }
}
