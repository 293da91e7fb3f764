internal import IPsecModel

/// The keys of what went over the simulated wires, in the form in which Wireshark reads them from its tables
/// `ikev2_decryption_table` and `esp_sa`.
struct KeyLog {
    private struct SPIPair: Hashable {
        let initiator: ArraySlice<UInt8>
        let responder: ArraySlice<UInt8>
    }

    /// Encryption key with its salt, and integrity key, of one direction.
    private struct Keys: Hashable {
        let encryption: [UInt8]
        let integrity: [UInt8]

        init(_ encryption: SecretBytes, _ integrity: SecretBytes) {
            self.encryption = encryption.count > 0 ? encryption.publicBytes : []
            self.integrity = integrity.count > 0 ? integrity.publicBytes : []
        }
    }

    private struct IKEEntry {
        let protection: ProtectionSuite
        var initiator: Keys?
        var responder: Keys?
    }

    private struct ESPEntry: Hashable {
        let spi: ESPSPI
        let destination: IPAddress
        let protection: ProtectionSuite
        let keys: Keys
    }

    private var ike: [SPIPair: IKEEntry] = [:]
    private var esp: [ESPEntry] = []

    /// Entries of a kind that are kept at most: the newest ones.
    private static let limit = 1_000

    /// A message with this header was sealed or opened with these keys (RFC 7296 §3.1); nothing if it is no header.
    mutating func note(
        header: ArraySlice<UInt8>, _ protection: ProtectionSuite, encryption: SecretBytes,
        integrity: SecretBytes
    ) {
        guard header.count >= 28 else { return }
        let bytes = Array(header.prefix(20))
        let pair = SPIPair(initiator: bytes[0..<8], responder: bytes[8..<16])
        var entry = self.ike[pair] ?? IKEEntry(protection: protection)
        // The flag of the original initiator tells which direction this is.
        if bytes[19] & 0x08 != 0 {
            entry.initiator = Keys(encryption, integrity)
        } else {
            entry.responder = Keys(encryption, integrity)
        }
        if self.ike.count >= Self.limit { self.ike.removeAll() }
        self.ike[pair] = entry
    }

    /// Packets to `destination` with this SPI are sealed with these keys.
    mutating func note(
        _ spi: ESPSPI, to destination: IPAddress, _ protection: ProtectionSuite, _ keys: ESPKeys
    ) {
        let entry = ESPEntry(
            spi: spi, destination: destination, protection: protection,
            keys: Keys(keys.encryption, keys.integrity))
        guard !self.esp.contains(entry) else { return }
        if self.esp.count >= Self.limit { self.esp.removeFirst(Self.limit / 2) }
        self.esp.append(entry)
    }

    // MARK: Wireshark

    /// The lines of `ikev2_decryption_table`, for what Wireshark can decrypt.
    var ikev2DecryptionTable: String {
        let lines = self.ike.compactMap { pair, entry -> String? in
            guard let initiator = entry.initiator, let responder = entry.responder,
                let cipher = WiresharkName.ikeEncryption(entry.protection),
                let integrity = WiresharkName.ikeIntegrity(entry.protection.integrity)
            else { return nil }
            let fields = [
                Self.hex(pair.initiator), Self.hex(pair.responder), Self.hex(initiator.encryption[...]),
                Self.hex(responder.encryption[...]), "\"\(cipher)\"", Self.hex(initiator.integrity[...]),
                Self.hex(responder.integrity[...]), "\"\(integrity)\"",
            ]
            return fields.joined(separator: ",") + "\n"
        }
        return lines.sorted().joined()
    }

    /// The lines of `esp_sa`, newest first: Wireshark takes the first that fits, and a gateway that restarts may use an
    /// SPI again.
    var espSA: String {
        self.esp.reversed().compactMap { entry -> String? in
            guard let cipher = WiresharkName.espEncryption(entry.protection),
                let integrity = WiresharkName.espIntegrity(entry.protection.integrity)
            else { return nil }
            let family = entry.destination.family == .v4 ? "IPv4" : "IPv6"
            let fields = [
                family, "*", "\(entry.destination)", "0x" + Self.hex(entry.spi.bytes[...]), cipher,
                "0x" + Self.hex(entry.keys.encryption[...]), integrity,
                entry.keys.integrity.isEmpty ? "" : "0x" + Self.hex(entry.keys.integrity[...]),
            ]
            return fields.map { "\"\($0)\"" }.joined(separator: ",") + "\n"
        }.joined()
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// What Wireshark calls algorithms in its tables; nil for those that it cannot decrypt.
private enum WiresharkName {
    static func ikeEncryption(_ protection: ProtectionSuite) -> String? {
        let bits = protection.keyLength
        switch protection.encryption {
        case .aesCBC: return "AES-CBC-\(bits) [RFC3602]"
        case .aesGCM8: return "AES-GCM-\(bits) with 8 octet ICV [RFC5282]"
        case .aesGCM12: return "AES-GCM-\(bits) with 12 octet ICV [RFC5282]"
        case .aesGCM16: return "AES-GCM-\(bits) with 16 octet ICV [RFC5282]"
        default: return nil
        }
    }

    static func ikeIntegrity(_ integrity: IntegrityAlgorithm?) -> String? {
        switch integrity {
        case nil: return "NONE [RFC4306]"
        case .hmacSHA256: return "HMAC_SHA2_256_128 [RFC4868]"
        case .hmacSHA384: return "HMAC_SHA2_384_192 [RFC4868]"
        case .hmacSHA512: return "HMAC_SHA2_512_256 [RFC4868]"
        default: return nil
        }
    }

    static func espEncryption(_ protection: ProtectionSuite) -> String? {
        switch protection.encryption {
        case .aesCBC: return "AES-CBC [RFC3602]"
        case .aesGCM8: return "AES-GCM with 8 octet ICV [RFC4106]"
        case .aesGCM12: return "AES-GCM with 12 octet ICV [RFC4106]"
        case .aesGCM16: return "AES-GCM with 16 octet ICV [RFC4106]"
        default: return nil
        }
    }

    static func espIntegrity(_ integrity: IntegrityAlgorithm?) -> String? {
        switch integrity {
        case nil: return "NULL"
        case .hmacSHA256: return "HMAC-SHA-256-128 [RFC4868]"
        case .hmacSHA384: return "HMAC-SHA-384-192 [RFC4868]"
        case .hmacSHA512: return "HMAC-SHA-512-256 [RFC4868]"
        default: return nil
        }
    }
}
