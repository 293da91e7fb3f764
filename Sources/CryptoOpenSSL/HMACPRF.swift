internal import IPsecModel

/// PRF_HMAC_SHA2_256, 384 and 512 (RFC 4868 §2.1.2).
final class HMACPRF: PRF {
    private let context: HMACContext

    /// A PRF with a context of its own.
    init(_ hmac: FetchedHMAC, _ hash: HashFunction) throws(CryptoFault) {
        self.context = try HMACContext(hmac, hash)
    }

    var outputLength: Int { self.context.hash.digestLength }

    func compute(key: SecretBytes, _ parts: [ArraySlice<UInt8>]) throws(CryptoFault) -> SecretBytes {
        try self.context.begin(key: key)
        return try self.digest(of: parts)
    }

    func compute(
        key: SecretBytes, secretPrefix: SecretBytes, _ parts: [ArraySlice<UInt8>]
    ) throws(CryptoFault) -> SecretBytes {
        try self.context.begin(key: key)
        try self.context.update(secretPrefix)
        return try self.digest(of: parts)
    }

    private func digest(of parts: [ArraySlice<UInt8>]) throws(CryptoFault) -> SecretBytes {
        for part in parts { try self.context.update(part) }
        return try SecretBytes(count: self.outputLength) { (span) throws(CryptoFault) in
            try self.context.finish(into: &span)
        }
    }
}
