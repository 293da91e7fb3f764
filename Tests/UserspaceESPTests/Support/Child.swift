internal import IPsecModel
internal import Testing

/// The CHILD_SA that tests use, as the near host has it.
struct Child {
    /// The suites that the engine has.
    enum Suite: String, CaseIterable, CustomTestStringConvertible {
        case aes128GCM, aes256GCM, chacha20Poly1305, aes128SHA256, aes256SHA384, aes256SHA512

        var testDescription: String { self.rawValue }

        var protection: ProtectionSuite {
            switch self {
            case .aes128GCM: return .init(encryption: .aesGCM16, keyLength: 128, integrity: nil)
            case .aes256GCM: return .init(encryption: .aesGCM16, keyLength: 256, integrity: nil)
            case .chacha20Poly1305:
                return .init(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil)
            case .aes128SHA256: return .init(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256)
            case .aes256SHA384: return .init(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA384)
            case .aes256SHA512: return .init(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512)
            }
        }
    }

    /// What is between the two hosts.
    enum Transport: String, CaseIterable, CustomTestStringConvertible {
        case udp4, udp6, bare4, bare6

        var testDescription: String { self.rawValue }
        var isUDP: Bool { self == .udp4 || self == .udp6 }
        var isIPv4: Bool { self == .udp4 || self == .bare4 }
    }

    static let port: UInt16 = 4_500

    /// The path between the two hosts, as the near one has it.
    static func path(
        _ transport: Transport = .udp4, remote: String? = nil, remotePort: UInt16 = port
    ) throws -> Path {
        let (near, far) = (Wire.Addresses.near, Wire.Addresses.far)
        let local = try address(transport.isIPv4 ? near.v4 : near.v6)
        let peer = try address(remote ?? (transport.isIPv4 ? far.v4 : far.v6))
        return Path(
            local: Endpoint(local, self.port), remote: Endpoint(peer, remotePort),
            usesUDPEncapsulation: transport.isUDP, confirmedAt: .origin)
    }

    /// The near half; `generation` makes SPIs and keys different.
    static func near(
        _ suite: Suite = .aes128GCM, _ transport: Transport = .udp4, reqid: UInt32 = 1,
        generation: UInt32 = 1, sequenceNumbers: SequenceNumbers = .short
    ) throws -> ChildSASpec {
        let (near, far) = (Wire.Addresses.near, Wire.Addresses.far)
        return ChildSASpec(
            reqid: reqid, inboundSPI: ESPSPI(0xc000_0000 + generation),
            outboundSPI: ESPSPI(0xc100_0000 + generation), path: try self.path(transport),
            suite: ESPSuite(
                protection: suite.protection, sequenceNumbers: sequenceNumbers, keyExchange: nil),
            inboundKeys: self.keys(suite.protection, UInt8(truncatingIfNeeded: generation)),
            outboundKeys: self.keys(suite.protection, UInt8(truncatingIfNeeded: 100 + generation)),
            localSelectors: try self.selectors(near.inner4, near.inner6),
            remoteSelectors: try self.selectors(far.inner4, far.inner6),
            lifetime: Lifetime(rekey: nil, hard: nil, jitter: .zero))
    }

    private static func selectors(_ v4: String, _ v6: String) throws -> [TrafficSelector] {
        try [(v4, 32), (v6, 128)].map { text, length in
            TrafficSelector(try #require(IPPrefix(try address(text), length: length)))
        }
    }

    private static func keys(_ protection: ProtectionSuite, _ first: UInt8) -> ESPKeys {
        func key(_ count: Int, _ first: UInt8) -> SecretBytes {
            SecretBytes(copying: (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0 &* 7) }[...])
        }
        return ESPKeys(
            encryption: key(protection.encryptionKeyBytes, first),
            integrity: key(protection.integrityKeyBytes, first &+ 50))
    }
}

extension ChildSASpec {
    /// The same CHILD_SA as the other host has it.
    var reversed: ChildSASpec {
        var child = self
        (child.inboundSPI, child.outboundSPI) = (self.outboundSPI, self.inboundSPI)
        (child.inboundKeys, child.outboundKeys) = (self.outboundKeys, self.inboundKeys)
        (child.localSelectors, child.remoteSelectors) = (self.remoteSelectors, self.localSelectors)
        (child.path.local, child.path.remote) = (self.path.remote, self.path.local)
        return child
    }
}
