internal import COpenSSL
package import IPsecModel

extension OpenSSLProvider: ESPTransformProvider {
    /// `OpenSSL` with the version of the library that is loaded.
    package var name: String {
        // SAFETY: the library's text is constant and ends with a zero.
        guard let version = unsafe OpenSSL_version(OPENSSL_VERSION_STRING) else { return "OpenSSL" }
        return "OpenSSL " + (unsafe String(cString: version))
    }

    /// A transform that owns its contexts: the provider may go before it, and another thread may use it.
    package func transform(
        _ suite: ESPSuite, keys: ESPKeys, _ direction: ESPDirection
    ) throws(CryptoFault) -> any ESPTransform {
        let protection = suite.protection
        let cipher = try self.cipher(protection)
        let isExtended = suite.sequenceNumbers == .extended
        guard !protection.encryption.isAEAD else {
            try Self.requireNoIntegrity(protection, keys.integrity)
            return try CombinedModeTransform(
                cipher, keyAndSalt: keys.encryption, direction, hasExtendedNumbers: isExtended)
        }
        return try EncryptThenMACTransform(
            cipher, Self.hash(protection), keys, direction, hasExtendedNumbers: isExtended)
    }
}

extension CipherContext.Direction {
    init(_ direction: ESPDirection) {
        switch direction {
        case .outbound: self = .encrypt
        case .inbound: self = .decrypt
        }
    }
}
