internal import COpenSSL

/// A hash function of the SHA-2 family in the middle of a computation. A copy goes on by itself.
///
/// Not by EVP, which allocates memory for each message; these are plain values.
protocol SHA2State {
    /// Bytes that are hashed at once; HMAC's pads have as many.
    static var blockLength: Int { get }
    /// Bytes of a digest.
    static var digestLength: Int { get }

    /// The state before the first byte.
    init()
    /// Takes in `count` bytes.
    mutating func update(_ bytes: UnsafeRawPointer?, _ count: Int)
    /// Ends the computation and writes `digestLength` bytes.
    mutating func finish(_ digest: UnsafeMutablePointer<UInt8>)
}

// The library's functions below cannot fail; what they return is 1, always.

/// SHA-256.
struct SHA256State: SHA2State {
    static let blockLength = 64
    static let digestLength = 32
    private var state = SHA256_CTX()

    // SAFETY: the state is a plain value, lent for the call; likewise below.
    init() { _ = unsafe cossl_sha256_init(&self.state) }

    mutating func update(_ bytes: UnsafeRawPointer?, _ count: Int) {
        // SAFETY: the caller has `count` bytes there.
        _ = unsafe cossl_sha256_update(&self.state, bytes, count)
    }

    mutating func finish(_ digest: UnsafeMutablePointer<UInt8>) {
        // SAFETY: the caller has room for a digest there.
        _ = unsafe cossl_sha256_final(digest, &self.state)
    }
}

/// SHA-384, which is SHA-512 with another beginning, cut short.
struct SHA384State: SHA2State {
    static let blockLength = 128
    static let digestLength = 48
    private var state = SHA512_CTX()

    // SAFETY: as above.
    init() { _ = unsafe cossl_sha384_init(&self.state) }

    mutating func update(_ bytes: UnsafeRawPointer?, _ count: Int) {
        // SAFETY: as above.
        _ = unsafe cossl_sha512_update(&self.state, bytes, count)
    }

    mutating func finish(_ digest: UnsafeMutablePointer<UInt8>) {
        // SAFETY: as above; the state knows that its digest has 48 bytes.
        _ = unsafe cossl_sha512_final(digest, &self.state)
    }
}

/// SHA-512.
struct SHA512State: SHA2State {
    static let blockLength = 128
    static let digestLength = 64
    private var state = SHA512_CTX()

    // SAFETY: as above.
    init() { _ = unsafe cossl_sha512_init(&self.state) }

    mutating func update(_ bytes: UnsafeRawPointer?, _ count: Int) {
        // SAFETY: as above.
        _ = unsafe cossl_sha512_update(&self.state, bytes, count)
    }

    mutating func finish(_ digest: UnsafeMutablePointer<UInt8>) {
        // SAFETY: as above.
        _ = unsafe cossl_sha512_final(digest, &self.state)
    }
}
