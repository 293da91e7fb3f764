internal import IPsecModel

/// A key exchange method that we have, with its names in the library and its lengths on the wire.
struct KeyExchangeGroup: Equatable {
    /// What kind of numbers the values are.
    enum Family {
        /// Integers modulo a safe prime (RFC 3526); values are padded to the prime's length.
        case modp
        /// Points of a curve modulo a prime (RFC 5903); the public value is x | y, the shared secret x.
        case ecp
        /// Curve25519 and Curve448 (RFC 8031); any bytes are a public value.
        case montgomery
    }

    /// IANA's number.
    let method: KeyExchangeMethod
    /// What kind of numbers the values are.
    let family: Family
    /// The library's name of the key type.
    let keyType: String
    /// The library's name of the group, if the key type has several.
    let groupName: String?
    /// Bytes of a public value in the KE payload.
    let publicLength: Int
    /// Bytes of the shared secret.
    let secretLength: Int

    /// The group of `method`, or nil if we do not have it.
    init?(_ method: KeyExchangeMethod) {
        guard let group = Self.all.first(where: { $0.method == method }) else { return nil }
        self = group
    }

    /// Every group that we have.
    static let all: [KeyExchangeGroup] = [
        KeyExchangeGroup(modp: .modp2048, bits: 2_048), KeyExchangeGroup(modp: .modp3072, bits: 3_072),
        KeyExchangeGroup(modp: .modp4096, bits: 4_096), KeyExchangeGroup(ecp: .ecp256, bits: 256),
        KeyExchangeGroup(ecp: .ecp384, bits: 384), KeyExchangeGroup(ecp: .ecp521, bits: 521),
        KeyExchangeGroup(montgomery: .x25519, keyType: "X25519", length: 32),
        KeyExchangeGroup(montgomery: .x448, keyType: "X448", length: 56),
    ]

    private init(modp method: KeyExchangeMethod, bits: Int) {
        self.method = method
        self.family = .modp
        self.keyType = "DH"
        self.groupName = "modp_\(bits)"
        self.publicLength = bits / 8
        self.secretLength = bits / 8
    }

    private init(ecp method: KeyExchangeMethod, bits: Int) {
        self.method = method
        self.family = .ecp
        self.keyType = "EC"
        self.groupName = "P-\(bits)"
        self.secretLength = (bits + 7) / 8
        self.publicLength = 2 * self.secretLength
    }

    private init(montgomery method: KeyExchangeMethod, keyType: String, length: Int) {
        self.method = method
        self.family = .montgomery
        self.keyType = keyType
        self.groupName = nil
        self.publicLength = length
        self.secretLength = length
    }
}
