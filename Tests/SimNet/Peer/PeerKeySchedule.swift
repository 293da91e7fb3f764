package import IPsecModel

/// The keys of RFC 7296 §2.14–§2.17, written for tests from the RFC's formulas, apart from the engine's own.
///
/// It works on plain bytes: nothing of a test is secret.
package struct PeerKeySchedule {
    private let prf: any PRF

    /// Keys with `algorithm`; nil if `crypto` does not have it.
    package init?(_ algorithm: PseudorandomFunction, crypto: any CryptoProvider) {
        guard let prf = crypto.prf(algorithm) else { return nil }
        self.prf = prf
    }

    /// The seven keys of an IKE_SA.
    package struct IKEKeySet: Hashable {
        package let skD: [UInt8]
        package let skAi: [UInt8]
        package let skAr: [UInt8]
        package let skEi: [UInt8]
        package let skEr: [UInt8]
        package let skPi: [UInt8]
        package let skPr: [UInt8]
    }

    /// prf(key, data).
    package func callAsFunction(_ key: [UInt8], _ data: [UInt8]) throws -> [UInt8] {
        try self.prf.compute(key: SecretBytes(copying: key), [data[...]]).publicBytes
    }

    /// prf+ (§2.13): T1 = prf(K, S | 0x01), T2 = prf(K, T1 | S | 0x02), …
    package func plus(_ key: [UInt8], _ seed: [UInt8], _ count: Int) throws -> [UInt8] {
        var output: [UInt8] = []
        var block: [UInt8] = []
        var number: UInt8 = 1
        while output.count < count {
            block = try self(key, block + seed + [number])
            output += block
            number += 1
        }
        return Array(output.prefix(count))
    }

    /// SKEYSEED = prf(Ni | Nr, g^ir) (§2.14).
    package func skeyseed(ni: [UInt8], nr: [UInt8], secret: [UInt8]) throws -> [UInt8] {
        try self(ni + nr, secret)
    }

    /// SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) (§2.18); this PRF is the old IKE_SA's.
    package func skeyseed(oldSKD: [UInt8], ni: [UInt8], nr: [UInt8], secret: [UInt8]) throws -> [UInt8] {
        try self(oldSKD, secret + ni + nr)
    }

    /// SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) (§2.14).
    package func keys(
        skeyseed: [UInt8], ni: [UInt8], nr: [UInt8], spiI: IKESPI, spiR: IKESPI, _ protection: ProtectionSuite
    ) throws -> IKEKeySet {
        let size = self.prf.outputLength
        let (encryption, integrity) = Self.lengths(protection)
        var material = try self.plus(
            skeyseed, ni + nr + spiI.bytes + spiR.bytes, 3 * size + 2 * encryption + 2 * integrity)[...]
        let take = { (count: Int) -> [UInt8] in
            defer { material = material.dropFirst(count) }
            return Array(material.prefix(count))
        }
        let skD = take(size)
        let (skAi, skAr) = (take(integrity), take(integrity))
        let (skEi, skEr) = (take(encryption), take(encryption))
        return IKEKeySet(
            skD: skD, skAi: skAi, skAr: skAr, skEi: skEi, skEr: skEr, skPi: take(size), skPr: take(size))
    }

    /// KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr) (§2.17): the initiator's direction first, cipher before integrity.
    package func childKeys(
        skD: [UInt8], secret: [UInt8], ni: [UInt8], nr: [UInt8], _ protection: ProtectionSuite
    ) throws -> (initiator: ESPKeys, responder: ESPKeys) {
        let (encryption, integrity) = Self.lengths(protection)
        let half = encryption + integrity
        let material = try self.plus(skD, secret + ni + nr, 2 * half)
        let keys = { (start: Int) in
            ESPKeys(
                encryption: SecretBytes(copying: material[start..<start + encryption]),
                integrity: SecretBytes(copying: material[start + encryption..<start + half]))
        }
        return (keys(0), keys(half))
    }

    /// prf(prf(PSK, "Key Pad for IKEv2"), message | nonce | prf(SK_p, ID)) (§2.15).
    package func auth(
        psk: [UInt8], message: [UInt8], nonce: [UInt8], skP: [UInt8], identity: [UInt8]
    ) throws -> [UInt8] {
        let padded = try self(psk, Array("Key Pad for IKEv2".utf8))
        return try self(padded, message + nonce + (try self(skP, identity)))
    }

    /// Octets of cipher key with salt (RFC 5282 §7.1, RFC 7634 §2), and of the integrity key (RFC 4868).
    private static func lengths(_ protection: ProtectionSuite) -> (encryption: Int, integrity: Int) {
        switch (protection.encryption, protection.integrity) {
        case (.aesGCM16, _), (.chacha20Poly1305, _): return (protection.keyLength / 8 + 4, 0)
        case (_, .hmacSHA256): return (protection.keyLength / 8, 32)
        case (_, .hmacSHA384): return (protection.keyLength / 8, 48)
        case (_, .hmacSHA512): return (protection.keyLength / 8, 64)
        default: return (protection.keyLength / 8, 0)
        }
    }
}
