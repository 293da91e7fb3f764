internal import IPsecModel

/// The keys of one IKE_SA (RFC 7296 §2.14), with the ciphers that hold SK_ei, SK_ai, SK_er and SK_ar.
struct IKEKeys {
    /// The suite that they belong to.
    let suite: IKESuite
    /// The suite's PRF.
    let prf: any PRF
    /// From which CHILD_SA keys, and those of a rekeyed IKE_SA, are derived.
    let skD: SecretBytes
    /// For the AUTH payload of the original initiator.
    let skPi: SecretBytes
    /// For the AUTH payload of the original responder.
    let skPr: SecretBytes
    /// Opens what the original initiator sealed, and seals its messages (SK_ei, SK_ai).
    let initiatorCipher: any AEAD
    /// The same for the original responder (SK_er, SK_ar).
    let responderCipher: any AEAD
}

/// Derives keys (RFC 7296 §2.13–§2.18).
struct KeySchedule {
    /// What both ends put into an exchange of keys.
    struct Ingredients {
        let initiatorNonce: [UInt8]
        let responderNonce: [UInt8]
        let initiatorSPI: IKESPI
        let responderSPI: IKESPI
    }

    let crypto: any CryptoProvider

    /// The keys of a first IKE_SA: SKEYSEED = prf(Ni | Nr, g^ir).
    func initialKeys(
        _ suite: IKESuite, _ ingredients: Ingredients, sharedSecret: SecretBytes
    ) throws(CryptoFault) -> IKEKeys {
        let prf = try self.prf(suite.prf)
        let nonces = SecretBytes(copying: ingredients.initiatorNonce + ingredients.responderNonce)
        let skeyseed = try prf.compute(key: nonces, secretPrefix: sharedSecret, [])
        return try self.keys(suite, prf, ingredients, skeyseed)
    }

    /// The keys of a rekeyed IKE_SA: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the old PRF
    /// (RFC 7296 §2.18).
    func rekeyedKeys(
        _ suite: IKESuite, _ ingredients: Ingredients, sharedSecret: SecretBytes, old: IKEKeys
    ) throws(CryptoFault) -> IKEKeys {
        let skeyseed = try old.prf.compute(
            key: old.skD, secretPrefix: sharedSecret,
            [ingredients.initiatorNonce[...], ingredients.responderNonce[...]])
        return try self.keys(suite, try self.prf(suite.prf), ingredients, skeyseed)
    }

    /// The keys of a CHILD_SA: KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr) (RFC 7296 §2.17).
    ///
    /// The requester's direction comes first, and in it the encryption key before the integrity key.
    func childKeys(
        _ protection: ProtectionSuite, skD: SecretBytes, prf: any PRF, requesterNonce: [UInt8],
        answererNonce: [UInt8], sharedSecret: SecretBytes?
    ) throws(CryptoFault) -> (fromRequester: ESPKeys, fromAnswerer: ESPKeys) {
        let encryption = protection.encryptionKeyBytes
        let integrity = protection.integrityKeyBytes
        let material = try prf.expand(
            key: skD, secretSeed: sharedSecret, seed: requesterNonce + answererNonce,
            count: 2 * (encryption + integrity))
        let parts = try Self.split(material, [encryption, integrity, encryption, integrity])
        return (
            ESPKeys(encryption: parts[0], integrity: parts[1]),
            ESPKeys(encryption: parts[2], integrity: parts[3])
        )
    }

    /// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
    private func keys(
        _ suite: IKESuite, _ prf: any PRF, _ ingredients: Ingredients, _ skeyseed: SecretBytes
    ) throws(CryptoFault) -> IKEKeys {
        let length = prf.outputLength
        let integrity = suite.protection.integrityKeyBytes
        let encryption = suite.protection.encryptionKeyBytes
        let lengths = [length, integrity, integrity, encryption, encryption, length, length]
        let seed =
            ingredients.initiatorNonce + ingredients.responderNonce + ingredients.initiatorSPI.bytes
            + ingredients.responderSPI.bytes
        let material = try prf.expand(key: skeyseed, seed: seed, count: lengths.reduce(0, +))
        let parts = try Self.split(material, lengths)
        return IKEKeys(
            suite: suite, prf: prf, skD: parts[0], skPi: parts[5], skPr: parts[6],
            initiatorCipher: try self.crypto.aead(
                suite.protection, encryptionKey: parts[3], integrityKey: parts[1]),
            responderCipher: try self.crypto.aead(
                suite.protection, encryptionKey: parts[4], integrityKey: parts[2]))
    }

    private func prf(_ algorithm: PseudorandomFunction) throws(CryptoFault) -> any PRF {
        guard let prf = self.crypto.prf(algorithm) else {
            throw .unavailable(AlgorithmNames.keyword(.prf(algorithm)))
        }
        return prf
    }

    private static func split(_ material: SecretBytes, _ lengths: [Int]) throws(CryptoFault) -> [SecretBytes]
    {
        var parts: [SecretBytes] = []
        var offset = 0
        for length in lengths {
            guard let part = material.part(offset..<(offset + length)) else {
                throw .wrongLength(what: "KEYMAT", need: offset + length, have: material.count)
            }
            parts.append(part)
            offset += length
        }
        return parts
    }
}
