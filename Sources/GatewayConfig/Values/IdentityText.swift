internal import IPsecModel

/// Readers of `id`: swanctl's rules for what type of identity a text is.
///
///     %any                      whoever it is
///     192.0.2.1, 2001:db8::1    ID_IPV4_ADDR, ID_IPV6_ADDR
///     gw.example.org, @name     ID_FQDN
///     user@example.org, @@text  ID_RFC822_ADDR
///     @#0a1b                    ID_KEY_ID, hexadecimal
///     type:text, type:#0a1b     the named type, the text or the hexadecimal bytes as they are
///     *.example.org, *@x.org    any name or address that ends so
enum IdentityText {
    private static let prefixes: [String: IdentityType] = [
        "ipv4": .ipv4, "ipv6": .ipv6, "rfc822": .email, "email": .email, "userfqdn": .email, "fqdn": .fqdn,
        "dns": .fqdn, "asn1dn": .distinguishedName, "asn1gn": .generalName, "keyid": .keyID,
    ]

    /// Whoever the text means.
    static func pattern(_ text: LocatedText) throws(ValueFault) -> IdentityPattern {
        if ["%any", "%any4", "%any6", "*", "0.0.0.0", "::"].contains(text.string) { return .any }
        let identity = try Self.identity(text)
        let isName = identity.type == .fqdn || identity.type == .email
        guard isName, identity.data.contains(UInt8(ascii: "*")) else { return .exact(identity) }
        let rest = identity.data.dropFirst()
        let separator = identity.type == .fqdn ? UInt8(ascii: ".") : UInt8(ascii: "@")
        guard identity.data.first == UInt8(ascii: "*"), rest.first == separator, rest.count > 1,
            !rest.contains(UInt8(ascii: "*"))
        else {
            throw ValueFault(
                text, "\(text.quoted): a wildcard has the form *.example.org or *@example.org")
        }
        return .suffix(identity.type, String(decoding: rest, as: UTF8.self))
    }

    /// The one identity that the text means.
    static func identity(_ text: LocatedText) throws(ValueFault) -> Identity {
        let string = text.string
        if let (type, data) = Self.explicit(string) { return try Self.identity(type, data, text) }
        guard !string.contains("=") else { throw Self.distinguishedName(text) }
        if let address = IPAddress(string) { return Identity(address) }
        let identity: Identity
        if string.hasPrefix("@#") {
            identity = Identity(type: .keyID, data: try Self.hexadecimal(string.dropFirst(2), text))
        } else if string.hasPrefix("@@") {
            identity = .email(String(string.dropFirst(2)))
        } else if string.hasPrefix("@") {
            identity = .fqdn(String(string.dropFirst()))
        } else if string.contains("@") {
            identity = .email(string)
        } else if string.contains(":") {
            // What is neither an address nor a name is a key ID for swanctl.
            identity = Identity(type: .keyID, data: Array(string.utf8))
        } else {
            identity = .fqdn(string)
        }
        return try Self.checked(identity, text)
    }

    private static func explicit(_ string: String) -> (IdentityType, Substring)? {
        guard let colon = string.firstIndex(of: ":") else { return nil }
        let prefix = string[..<colon]
        let data = string[string.index(after: colon)...]
        if let type = Self.prefixes[prefix.lowercased()] { return (type, data) }
        guard prefix.hasPrefix("{"), prefix.hasSuffix("}"), let number = UInt8(prefix.dropFirst().dropLast())
        else { return nil }
        return (IdentityType(rawValue: number), data)
    }

    private static func identity(
        _ type: IdentityType, _ data: Substring, _ text: LocatedText
    ) throws(ValueFault) -> Identity {
        guard type != .distinguishedName, type != .generalName else { throw Self.distinguishedName(text) }
        let isHexadecimal = data.hasPrefix("#")
        let bytes = isHexadecimal ? try Self.hexadecimal(data.dropFirst(), text) : Array(data.utf8)
        let length = type == .ipv4 ? 4 : type == .ipv6 ? 16 : nil
        guard length == nil || length == bytes.count else {
            let form = "\(type == .ipv4 ? "ipv4" : "ipv6"):# and \(length ?? 0) bytes in hexadecimal"
            throw ValueFault(text, "\(text.quoted): write the address alone, or \(form)")
        }
        return try Self.checked(Identity(type: type, data: bytes), text)
    }

    /// Names have no blanks and no control characters, and nothing is empty or longer than a payload takes.
    private static func checked(_ identity: Identity, _ text: LocatedText) throws(ValueFault) -> Identity {
        guard !identity.data.isEmpty else { throw ValueFault(text, "\(text.quoted) is an empty identity") }
        guard identity.data.count <= 1_024 else {
            throw ValueFault(text, "an identity of more than 1024 bytes")
        }
        let isName = identity.type == .fqdn || identity.type == .email
        guard !isName || identity.data.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw ValueFault(text, "\(text.quoted): a name has no blanks; for other text write keyid:…")
        }
        return identity
    }

    private static func distinguishedName(_ text: LocatedText) -> ValueFault {
        ValueFault(
            text, "\(text.quoted): distinguished names are not implemented yet; use a name or an address")
    }

    private static func hexadecimal(
        _ digits: Substring, _ text: LocatedText
    ) throws(ValueFault) -> [UInt8] {
        guard let bytes = hexadecimalBytes(digits.utf8) else {
            throw ValueFault(text, "\(text.quoted): what follows '#' is not hexadecimal")
        }
        return bytes
    }
}

/// The bytes that pairs of hexadecimal digits mean, or nil for anything else.
func hexadecimalBytes(_ digits: some Collection<UInt8>) -> [UInt8]? {
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in digits {
        guard let value = digit.hexValue else { return nil }
        if let upper = high {
            bytes.append(upper << 4 | value)
            high = nil
        } else {
            high = value
        }
    }
    return bytes
}

extension UInt8 {
    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        guard self.isHexDigit else { return nil }
        return self.isDigit ? self - 0x30 : (self | 0x20) - 0x61 + 10
    }
}
