/// The keywords of strongSwan's proposal strings, which are also the names that we print.
///
/// One table for reading and writing. Where several keywords mean the same, the first is the one printed.
package enum AlgorithmNames {
    /// A keyword and what it stands for; an integrity keyword in an IKE proposal implies the PRF of its hash.
    package struct Entry: Sendable {
        /// The keyword in lower case.
        package let keyword: String
        /// The transform that it stands for.
        package let transform: Transform

        init(_ keyword: String, _ transform: Transform) {
            self.keyword = keyword
            self.transform = transform
        }
    }

    /// All keywords, known to us or only nameable.
    package static let table: [Entry] = encryption + integrity + functions + groups + sequenceNumbers

    private static let encryption: [Entry] = [
        Entry("aes128gcm16", .encryption(.aesGCM16, 128)), Entry("aes256gcm16", .encryption(.aesGCM16, 256)),
        Entry("aes128gcm128", .encryption(.aesGCM16, 128)),
        Entry("aes256gcm128", .encryption(.aesGCM16, 256)),
        Entry("aes192gcm16", .encryption(.aesGCM16, 192)),
        Entry("aes128", .encryption(.aesCBC, 128)), Entry("aes256", .encryption(.aesCBC, 256)),
        Entry("aes192", .encryption(.aesCBC, 192)), Entry("aes", .encryption(.aesCBC, 128)),
        Entry("chacha20poly1305", .encryption(.chacha20Poly1305)),
        Entry("aes128gcm8", .encryption(.aesGCM8, 128)), Entry("aes256gcm8", .encryption(.aesGCM8, 256)),
        Entry("aes128gcm12", .encryption(.aesGCM12, 128)), Entry("aes256gcm12", .encryption(.aesGCM12, 256)),
        Entry("aes128ccm16", .encryption(.aesCCM16, 128)), Entry("aes256ccm16", .encryption(.aesCCM16, 256)),
        Entry("aes128ctr", .encryption(.aesCTR, 128)), Entry("aes256ctr", .encryption(.aesCTR, 256)),
        Entry("3des", .encryption(.tripleDES)), Entry("null", .encryption(.null)),
    ]

    private static let integrity: [Entry] = [
        Entry("sha256", .integrity(.hmacSHA256)), Entry("sha2_256", .integrity(.hmacSHA256)),
        Entry("sha384", .integrity(.hmacSHA384)), Entry("sha2_384", .integrity(.hmacSHA384)),
        Entry("sha512", .integrity(.hmacSHA512)), Entry("sha2_512", .integrity(.hmacSHA512)),
        Entry("sha1", .integrity(.hmacSHA1)), Entry("sha", .integrity(.hmacSHA1)),
        Entry("md5", .integrity(.hmacMD5)), Entry("aesxcbc", .integrity(.aesXCBC)),
        Entry("aescmac", .integrity(.aesCMAC)),
    ]

    private static let functions: [Entry] = [
        Entry("prfsha256", .prf(.hmacSHA256)), Entry("prfsha384", .prf(.hmacSHA384)),
        Entry("prfsha512", .prf(.hmacSHA512)), Entry("prfsha1", .prf(.hmacSHA1)),
        Entry("prfmd5", .prf(.hmacMD5)), Entry("prfaesxcbc", .prf(.aesXCBC)),
        Entry("prfaescmac", .prf(.aesCMAC)),
    ]

    private static let groups: [Entry] = [
        Entry("modp2048", .keyExchange(.modp2048)), Entry("modp3072", .keyExchange(.modp3072)),
        Entry("modp4096", .keyExchange(.modp4096)), Entry("ecp256", .keyExchange(.ecp256)),
        Entry("ecp384", .keyExchange(.ecp384)), Entry("ecp521", .keyExchange(.ecp521)),
        Entry("x25519", .keyExchange(.x25519)), Entry("curve25519", .keyExchange(.x25519)),
        Entry("x448", .keyExchange(.x448)), Entry("curve448", .keyExchange(.x448)),
        Entry("modp1024", .keyExchange(.modp1024)), Entry("modp1536", .keyExchange(.modp1536)),
        Entry("modpnone", .keyExchange(.none)),
    ]

    private static let sequenceNumbers: [Entry] = [
        Entry("noesn", .sequenceNumbers(.short)), Entry("esn", .sequenceNumbers(.extended)),
    ]

    /// The keyword for `transform`; a number that has none is shown as such.
    package static func keyword(_ transform: Transform) -> String {
        if let entry = self.table.first(where: { $0.transform == transform }) { return entry.keyword }
        let bits = transform.keyLength.map { "/\($0)" } ?? ""
        return "type\(transform.type.rawValue):\(transform.id)\(bits)"
    }
}

extension Transform: CustomStringConvertible {
    package var description: String { AlgorithmNames.keyword(self) }
}

extension Proposal: CustomStringConvertible {
    /// The proposal as strongSwan's configuration spells it, such as `aes256gcm16-prfsha384-ecp384`.
    package var description: String {
        self.transforms.filter { $0 != .sequenceNumbers(.short) && $0 != .integrity(.none) }
            .map(\.description).joined(separator: "-")
    }
}

extension ProtectionSuite {
    /// The transforms that this suite came from.
    package var transforms: [Transform] {
        let bits: UInt16? = self.encryption == .chacha20Poly1305 ? nil : UInt16(clamping: self.keyLength)
        return [.encryption(self.encryption, bits)] + (self.integrity.map { [.integrity($0)] } ?? [])
    }
}

extension IKESuite: CustomStringConvertible {
    /// Such as `aes128gcm16-prfsha256-x25519`.
    package var description: String {
        (self.protection.transforms + [.prf(self.prf), .keyExchange(self.keyExchange)])
            .map(\.description).joined(separator: "-")
    }
}

extension ESPSuite: CustomStringConvertible {
    /// Such as `aes128gcm16`, `aes256-sha256-esn` or `aes128gcm16-x25519`.
    package var description: String {
        var transforms = self.protection.transforms
        if let method = self.keyExchange { transforms.append(.keyExchange(method)) }
        if self.sequenceNumbers == .extended { transforms.append(.sequenceNumbers(.extended)) }
        return transforms.map(\.description).joined(separator: "-")
    }
}
