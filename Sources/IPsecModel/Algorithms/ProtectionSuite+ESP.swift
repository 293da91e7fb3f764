// What a suite adds to a packet of ESP (RFC 4303 §2), which decides how much fits into it.
extension ProtectionSuite {
    /// Bytes of the explicit IV: half a nonce for combined modes (RFC 4106 §3.1, RFC 7634 §2), a block for CBC
    /// (RFC 3602 §3).
    package var espIVLength: Int { self.encryption.isAEAD ? 8 : 16 }

    /// Bytes of the ICV: 16 for the combined modes that we have, half of the hash for HMAC (RFC 4868 §2.1).
    package var espICVLength: Int { self.encryption.isAEAD ? 16 : self.integrityKeyBytes / 2 }

    /// What the length of the text is a multiple of: 4 (RFC 4303 §2.4), or a block of CBC.
    package var espAlignment: Int { self.encryption.isAEAD ? 4 : 16 }
}
