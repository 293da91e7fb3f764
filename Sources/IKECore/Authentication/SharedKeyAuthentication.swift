internal import IPsecModel

/// AUTH by a pre-shared key (RFC 7296 §2.15, method 2).
struct SharedKeyAuthentication {
    let prf: any PRF
    let key: SecretBytes

    /// prf(prf(key, "Key Pad for IKEv2"), message | nonce | prf(SK_p, ID body)).
    ///
    /// - `message` is the signer's first message in octets as sent or received, without the non-ESP marker;
    /// - `nonce` is the other side's;
    /// - `identityBody` is the signer's ID payload without its generic header, reserved octets as they came.
    func authenticationData(
        message: [UInt8], nonce: [UInt8], skP: SecretBytes, identityBody: [UInt8]
    ) throws(CryptoFault) -> SecretBytes {
        let padded = try self.prf.compute(key: self.key, [Array("Key Pad for IKEv2".utf8)[...]])
        let maced = try self.prf.compute(key: skP, [identityBody[...]])
        return try self.prf.compute(key: padded, [message[...], nonce[...], maced.publicBytes[...]])
    }
}

/// Finds the pre-shared key of two identities.
struct SharedSecretLookup {
    let secrets: [SharedSecret]

    /// The key that names the peer most closely, then us; nil if none is for this peer.
    ///
    /// A secret without owners is for anybody, and loses against any that names somebody.
    func key(local: Identity, remote: Identity) -> SecretBytes? {
        var best: (rank: Int, key: SecretBytes)?
        for secret in self.secrets {
            guard let rank = Self.rank(secret, local: local, remote: remote) else { continue }
            if rank > best?.rank ?? -1 { best = (rank, secret.key) }
        }
        return best?.key
    }

    private static func rank(_ secret: SharedSecret, local: Identity, remote: Identity) -> Int? {
        guard !secret.owners.isEmpty else { return 0 }
        let remoteRank = secret.owners.map { $0.rank(of: remote) }.max() ?? 0
        let localRank = secret.owners.map { $0.rank(of: local) }.max() ?? 0
        // A key whose owners name only us is for whoever talks to us, as in strongSwan.
        // A wildcard that takes us in as well names a group, not us.
        let isOursAlone = secret.owners.allSatisfy { $0.rank(of: local) == 3 }
        guard remoteRank > 0 || isOursAlone else { return nil }
        return 1 + remoteRank * 4 + localRank
    }
}
