/// ID types (RFC 7296 §3.5).
package struct IdentityType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The type with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// ID_IPV4_ADDR.
    package static let ipv4 = IdentityType(rawValue: 1)
    /// ID_FQDN.
    package static let fqdn = IdentityType(rawValue: 2)
    /// ID_RFC822_ADDR.
    package static let email = IdentityType(rawValue: 3)
    /// ID_IPV6_ADDR.
    package static let ipv6 = IdentityType(rawValue: 5)
    /// ID_DER_ASN1_DN.
    package static let distinguishedName = IdentityType(rawValue: 9)
    /// ID_DER_ASN1_GN.
    package static let generalName = IdentityType(rawValue: 10)
    /// ID_KEY_ID.
    package static let keyID = IdentityType(rawValue: 11)
}

/// Who a peer says it is (RFC 7296 §3.5).
package struct Identity: Hashable, Sendable {
    /// How `data` is to be read.
    package let type: IdentityType
    /// The identification data.
    package let data: [UInt8]

    /// The identity `data` of `type`.
    package init(type: IdentityType, data: [UInt8]) {
        self.type = type
        self.data = data
    }

    /// An ID_IPV4_ADDR or ID_IPV6_ADDR.
    package init(_ address: IPAddress) {
        self.type = address.family == .v4 ? .ipv4 : .ipv6
        self.data = address.bytes
    }

    /// An ID_FQDN.
    package static func fqdn(_ name: String) -> Identity { Identity(type: .fqdn, data: Array(name.utf8)) }

    /// An ID_RFC822_ADDR.
    package static func email(_ address: String) -> Identity {
        Identity(type: .email, data: Array(address.utf8))
    }
}

extension Identity: CustomStringConvertible {
    private static let shownOctets = 255

    /// The data as text without its type; bytes that are no printable ASCII make it hexadecimal.
    package var description: String {
        if self.type == .ipv4 || self.type == .ipv6, let address = IPAddress(bytes: self.data) {
            return address.description
        }
        let isText = self.type == .fqdn || self.type == .email || self.type == .keyID
        guard isText, !self.data.isEmpty, self.data.count <= Self.shownOctets,
            self.data.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            // A peer may send 64 KiB of anything: neither its length nor its bytes may spoil a log.
            let rest = self.data.count > Self.shownOctets ? "…(\(self.data.count) octets)" : ""
            return "#" + hexadecimal(self.data.prefix(Self.shownOctets)) + rest
        }
        return String(decoding: self.data, as: UTF8.self)
    }

    /// Type and data, such as `ID_FQDN gw.example.org`, for messages about mismatches.
    package var explanation: String { "\(self.type.name) \(self.description)" }
}

extension IdentityType {
    /// The RFC's name of the type.
    package var name: String {
        switch self {
        case .ipv4: return "ID_IPV4_ADDR"
        case .fqdn: return "ID_FQDN"
        case .email: return "ID_RFC822_ADDR"
        case .ipv6: return "ID_IPV6_ADDR"
        case .distinguishedName: return "ID_DER_ASN1_DN"
        case .generalName: return "ID_DER_ASN1_GN"
        case .keyID: return "ID_KEY_ID"
        default: return "ID type \(self.rawValue)"
        }
    }
}

/// Which identities a connection accepts.
package enum IdentityPattern: Hashable, Sendable {
    /// `%any`.
    case any
    /// Just this one; names and e-mail addresses without regard to case.
    case exact(Identity)
    /// `*.example.org` (ID_FQDN) or `*@example.org` (ID_RFC822_ADDR): the text after the asterisk, which
    /// at least one character must precede.
    case suffix(IdentityType, String)

    /// True if `identity` is one of those meant.
    package func matches(_ identity: Identity) -> Bool { self.rank(of: identity) > 0 }

    /// How closely the pattern names `identity`: 0 not at all, then any, suffix, exact.
    package func rank(of identity: Identity) -> Int {
        switch self {
        case .any: return 1
        case .suffix(let type, let suffix):
            guard identity.type == type, identity.data.count > suffix.utf8.count else { return 0 }
            let tail = identity.data.suffix(suffix.utf8.count)
            return tail.elementsEqual(suffix.utf8) { $0.lowercaseASCII == $1.lowercaseASCII } ? 2 : 0
        case .exact(let own):
            guard own.type == identity.type, own.data.count == identity.data.count else { return 0 }
            let ignoresCase = own.type == .fqdn || own.type == .email
            guard ignoresCase else { return own.data == identity.data ? 3 : 0 }
            return own.data.elementsEqual(identity.data) { $0.lowercaseASCII == $1.lowercaseASCII } ? 3 : 0
        }
    }
}

extension IdentityPattern: CustomStringConvertible {
    package var description: String {
        switch self {
        case .any: return "%any"
        case .exact(let identity): return identity.description
        case .suffix(_, let suffix): return "*" + suffix
        }
    }

    /// Type and data, for messages about mismatches.
    package var explanation: String {
        switch self {
        case .any: return "%any"
        case .exact(let identity): return identity.explanation
        case .suffix(let type, let suffix): return "\(type.name) *\(suffix)"
        }
    }
}

extension UInt8 {
    /// The ASCII letter in lower case; any other byte as it is.
    var lowercaseASCII: UInt8 { (0x41...0x5a).contains(self) ? self | 0x20 : self }
}
