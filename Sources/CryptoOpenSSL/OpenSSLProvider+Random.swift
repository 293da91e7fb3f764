internal import COpenSSL
package import IPsecModel

extension OpenSSLProvider {
    /// Bytes of the library's public generator: SPIs, nonces and IVs are what we draw and show.
    ///
    /// It is as strong as the private one, from which the library draws private values by itself.
    package func bytes(_ count: Int) throws(CryptoFault) -> [UInt8] {
        guard let size = Int32(exactly: count), size >= 0 else {
            throw .wrongLength(what: "random bytes", need: Int(Int32.max), have: count)
        }
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the call writes `size` bytes, which the array has.
        let result = unsafe bytes.withUnsafeMutableBufferPointer { pointer in
            unsafe RAND_bytes(pointer.baseAddress, size)
        }
        guard result == 1 else { throw .library("RAND_bytes") }
        return bytes
    }

    /// Bytes of the library's private generator that nobody is to see: a secret of our own.
    package func secret(_ count: Int) throws(CryptoFault) -> SecretBytes {
        guard let size = Int32(exactly: count), size >= 0 else {
            throw .wrongLength(what: "random bytes", need: Int(Int32.max), have: count)
        }
        return try SecretBytes(count: count) { (span: inout MutableSpan<UInt8>) throws(CryptoFault) in
            // SAFETY: the call writes `size` bytes, which the span has.
            let result = unsafe span.withUnsafeMutableBufferPointer { pointer in
                unsafe RAND_priv_bytes(pointer.baseAddress, size)
            }
            guard result == 1 else { throw .library("RAND_priv_bytes") }
        }
    }
}
