internal import IPsecModel

/// What `default` stands for in `proposals` and `esp_proposals`; `conf/culvert.conf` shows it to operators.
///
/// Combined modes first, then AES-CBC with HMAC-SHA-2 for peers without them: RFC 5282 §8 keeps the two kinds
/// in proposals of their own.
enum DefaultProposals {
    private static let combined: [Transform] = [
        .encryption(.aesGCM16, 256), .encryption(.aesGCM16, 128), .encryption(.chacha20Poly1305),
    ]
    private static let classic: [Transform] = [
        .encryption(.aesCBC, 256), .encryption(.aesCBC, 128), .integrity(.hmacSHA256),
        .integrity(.hmacSHA384), .integrity(.hmacSHA512),
    ]
    private static let groups: [Transform] = [
        .keyExchange(.x25519), .keyExchange(.ecp384), .keyExchange(.ecp256), .keyExchange(.modp3072),
        .keyExchange(.modp2048),
    ]

    /// For the IKE_SA.
    static let ike: [Proposal] = [
        Proposal(.ike, combined + [.prf(.hmacSHA384), .prf(.hmacSHA256)] + groups),
        Proposal(
            .ike, classic + [.prf(.hmacSHA256), .prf(.hmacSHA384), .prf(.hmacSHA512)] + groups),
    ]

    /// For CHILD_SAs: fresh keys by one of the groups when the peer wants them, from SK_d alone when it does
    /// not (the NONE at the end), so that no peer's idea of PFS makes a rekeying fail.
    static let esp: [Proposal] = [combined, classic].map { ciphers in
        Proposal(.esp, ciphers + groups + [.keyExchange(.none), .sequenceNumbers(.short)])
    }

    /// For `securityProtocol`, which is IKE or ESP.
    static func of(_ securityProtocol: SecurityProtocol) -> [Proposal] {
        securityProtocol == .ike ? Self.ike : Self.esp
    }
}
