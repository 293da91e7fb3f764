internal import IPsecModel

/// What a word of a proposal string means to us.
enum AlgorithmWord {
    /// An algorithm that we do.
    case implemented(Transform)
    /// An algorithm that strongSwan names and that we do not do; the text says why and what to take instead.
    case refused(String)
    /// Nothing that we know; with the word that was probably meant.
    case unknown(nearest: String?)

    /// The meaning of `word`, in any case.
    init(_ word: String) {
        let word = word.lowercased()
        let entry = AlgorithmNames.table.first { $0.keyword == word }
        if let transform = entry?.transform, Self.implemented.contains(transform) {
            self = .implemented(transform)
        } else if let type = entry?.transform.type ?? Self.strangers[word] {
            self = .refused(Self.refusal(word, type))
        } else {
            let names = AlgorithmNames.table.filter { Self.implemented.contains($0.transform) }.map(\.keyword)
            self = .unknown(nearest: GatewayConfig.nearest(word, among: names))
        }
    }

    /// All that CryptoOpenSSL and the data planes do.
    static let implemented: Set<Transform> = [
        .encryption(.aesGCM16, 128), .encryption(.aesGCM16, 256), .encryption(.aesCBC, 128),
        .encryption(.aesCBC, 256), .encryption(.chacha20Poly1305), .integrity(.hmacSHA256),
        .integrity(.hmacSHA384), .integrity(.hmacSHA512), .prf(.hmacSHA256), .prf(.hmacSHA384),
        .prf(.hmacSHA512), .keyExchange(.modp2048), .keyExchange(.modp3072), .keyExchange(.modp4096),
        .keyExchange(.ecp256), .keyExchange(.ecp384), .keyExchange(.ecp521), .keyExchange(.x25519),
        .keyExchange(.x448), .keyExchange(.none), .sequenceNumbers(.short), .sequenceNumbers(.extended),
    ]

    // RFC-GAP: RFC 8221 §5 ENCR_NULL, which is a MUST there.
    // RFC-GAP: RFC 8221 §6 AUTH_HMAC_SHA1_96, which is MUST-.
    // RFC-GAP: RFC 8247 §2 the same, and PRF_HMAC_SHA1.
    /// What RFC 8247 §2 and RFC 8221 §5 and §6 say MUST NOT or SHOULD NOT of.
    private static let weak: Set<String> = [
        "3des", "des", "null", "blowfish", "blowfish128", "blowfish192", "blowfish256", "cast128", "md5",
        "md5_128", "prfmd5", "modp768", "modp1024", "modp1536", "modp1024s160", "modp2048s224",
        "modp2048s256",
    ]

    private static func refusal(_ word: String, _ type: TransformType) -> String {
        let instead =
            switch type {
            case .encryption: "aes256gcm16 or aes256"
            case .integrity: "sha256, sha384 or sha512"
            case .pseudorandomFunction: "prfsha256, prfsha384 or prfsha512"
            default: "modp2048, ecp256 or x25519"
            }
        guard Self.weak.contains(word) else {
            return "'\(word)' is not implemented; use \(instead)"
        }
        return "'\(word)' is too weak and not implemented (RFC 8247, RFC 8221); use \(instead)"
    }

    /// Words of strongSwan's that `AlgorithmNames` does not have.
    private static let strangers: [String: TransformType] = {
        let ciphers = [
            "des", "cast128", "blowfish", "blowfish128", "blowfish192", "blowfish256", "aes192ctr",
            "aes128ccm8", "aes192ccm8", "aes256ccm8", "aes128ccm64", "aes192ccm64", "aes256ccm64",
            "aes128ccm12",
            "aes192ccm12", "aes256ccm12", "aes128ccm96", "aes192ccm96", "aes256ccm96", "aes192ccm16",
            "aes128ccm128", "aes192ccm128", "aes256ccm128", "aes192gcm8", "aes128gcm64", "aes192gcm64",
            "aes256gcm64", "aes192gcm12", "aes128gcm96", "aes192gcm96", "aes256gcm96", "aes192gcm128",
            "aes128gmac", "aes192gmac", "aes256gmac", "nullgmac128", "camellia", "camellia128", "camellia192",
            "camellia256", "camellia128ctr", "camellia192ctr", "camellia256ctr", "camellia128ccm16",
            "camellia192ccm16", "camellia256ccm16", "serpent", "serpent128", "serpent192", "serpent256",
            "twofish", "twofish128", "twofish192", "twofish256", "chacha20poly1305compat",
        ]
        let integrities = ["sha1_160", "md5_128", "sha256_96", "sha2_256_96", "camelliaxcbc"]
        let functions = ["prfcamelliaxcbc"]
        let groups = [
            "modp768", "modp6144", "modp8192", "modp1024s160", "modp2048s224", "modp2048s256", "modpnull",
            "ecp192", "ecp224", "ecp224bp", "ecp256bp", "ecp384bp", "ecp512bp", "ntru112", "ntru128",
            "ntru192", "ntru256", "newhope128", "mlkem512", "mlkem768", "mlkem1024", "ke1_mlkem512",
            "ke1_mlkem768", "ke1_mlkem1024",
        ]
        let kinds: [([String], TransformType)] = [
            (ciphers, .encryption), (integrities, .integrity), (functions, .pseudorandomFunction),
            (groups, .keyExchange),
        ]
        return Dictionary(
            kinds.flatMap { words, type in words.map { ($0, type) } }, uniquingKeysWith: { first, _ in first }
        )
    }()
}
