internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// The kernel's name of an algorithm, with the bits of its ICV.
struct KernelAlgorithm: Hashable {
    let name: String
    let icvBits: UInt32

    /// The combined mode `algorithm`, or nil if the kernel engine does not have it.
    static func combined(_ algorithm: EncryptionAlgorithm) -> KernelAlgorithm? {
        switch algorithm {
        case .aesGCM16: return KernelAlgorithm(name: "rfc4106(gcm(aes))", icvBits: 128)
        case .chacha20Poly1305:
            return KernelAlgorithm(name: "rfc7539esp(chacha20,poly1305)", icvBits: 128)
        default: return nil
        }
    }

    /// The cipher `algorithm`, or nil.
    static func cipher(_ algorithm: EncryptionAlgorithm) -> KernelAlgorithm? {
        algorithm == .aesCBC ? KernelAlgorithm(name: "cbc(aes)", icvBits: 0) : nil
    }

    /// The integrity algorithm, or nil; the ICV is half of the hash (RFC 4868 §2.3).
    static func integrity(_ algorithm: IntegrityAlgorithm) -> KernelAlgorithm? {
        switch algorithm {
        case .hmacSHA256: return KernelAlgorithm(name: "hmac(sha256)", icvBits: 128)
        case .hmacSHA384: return KernelAlgorithm(name: "hmac(sha384)", icvBits: 192)
        case .hmacSHA512: return KernelAlgorithm(name: "hmac(sha512)", icvBits: 256)
        default: return nil
        }
    }
}

extension KernelState {
    /// XFRMA_ALG_AEAD, or XFRMA_ALG_AUTH_TRUNC and XFRMA_ALG_CRYPT.
    func appendAlgorithms(to request: NetlinkRequest) throws(KernelFault) {
        let protection = self.suite.protection
        try self.check(self.keys.encryption, protection.encryptionKeyBytes, "encryption")
        try self.check(self.keys.integrity, protection.integrityKeyBytes, "integrity")
        if let combined = KernelAlgorithm.combined(protection.encryption) {
            Self.append(.combinedAlgorithm, combined, key: self.keys.encryption, saysICV: true, to: request)
            return
        }
        guard let cipher = KernelAlgorithm.cipher(protection.encryption),
            let integrity = protection.integrity.flatMap(KernelAlgorithm.integrity)
        else {
            throw self.fault("the kernel engine does not have the algorithms \(self.suite)")
        }
        Self.append(.integrityAlgorithm, integrity, key: self.keys.integrity, saysICV: true, to: request)
        Self.append(.encryptionAlgorithm, cipher, key: self.keys.encryption, saysICV: false, to: request)
    }

    private func check(_ key: SecretBytes, _ length: Int, _ name: String) throws(KernelFault) {
        guard key.count == length else {
            throw self.fault("the \(name) key of \(self.suite) has \(key.count) bytes instead of \(length)")
        }
    }

    private func fault(_ text: String) -> KernelFault {
        KernelFault(operation: "NEWSA", object: "\(self.identifier)", errno: Errno.invalid, text: text)
    }

    /// A name of 64 bytes, the bits of the key, the bits of the ICV if there is a field for them, the key.
    private static func append(
        _ attribute: XFRMAttribute, _ algorithm: KernelAlgorithm, key: SecretBytes, saysICV: Bool,
        to request: NetlinkRequest
    ) {
        request.attribute(attribute) {
            let name = Array(algorithm.name.utf8.prefix(63))
            $0.append(bytes: name)
            $0.appendZeros(64 - name.count)
            // The key's length was checked: at most 64 bytes.
            $0.append(native: UInt32(truncatingIfNeeded: key.count * 8))
            if saysICV { $0.append(native: algorithm.icvBits) }
            $0.append(secret: key)
        }
    }
}
