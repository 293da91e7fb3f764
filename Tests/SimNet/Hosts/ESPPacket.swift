package import IPsecModel

/// ESP as far as the simulation needs it: SPI, sequence number, IV, and a text that is really sealed
/// (RFC 4303 §2).
package struct ESPPacket {
    /// The receiver's SPI.
    package let spi: ESPSPI
    /// The sequence number.
    package let sequence: UInt32
    /// IV, ciphertext and ICV.
    private let rest: ArraySlice<UInt8>

    /// Reads a packet; nil if it is too short to be one.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count > 8 else { return nil }
        self.spi = ESPSPI(bytes[0..<4].reduce(0) { $0 << 8 | UInt32($1) })
        self.sequence = bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
        self.rest = bytes[8...]
    }

    private static func header(_ spi: ESPSPI, _ sequence: UInt32) -> [UInt8] {
        spi.bytes + ESPSPI(sequence).bytes
    }

    /// A packet that carries `text`, which is padded with spaces.
    package static func seal(
        _ text: String, spi: ESPSPI, sequence: UInt32, suite: ESPSuite, keys: ESPKeys,
        crypto: any CryptoProvider
    ) throws(CryptoFault) -> [UInt8] {
        let cipher = try crypto.aead(
            suite.protection, encryptionKey: keys.encryption, integrityKey: keys.integrity)
        var bytes = Array(text.utf8)
        while bytes.count % 16 != 0 { bytes.append(0x20) }
        let iv = [UInt8](repeating: 0, count: cipher.ivLength - 4) + ESPSPI(sequence).bytes
        let header = Self.header(spi, sequence)
        // As in IKE, the associated data of AES-CBC goes up to the IV.
        return header + iv + (try cipher.seal(bytes, iv: iv, aad: header[...]))
    }

    /// The text, if `keys` are those that it was sealed with.
    package func open(suite: ESPSuite, keys: ESPKeys, crypto: any CryptoProvider) -> String? {
        let cipher = try? crypto.aead(
            suite.protection, encryptionKey: keys.encryption, integrityKey: keys.integrity)
        guard let cipher, self.rest.count > cipher.ivLength else { return nil }
        let text = try? cipher.open(
            self.rest.dropFirst(cipher.ivLength), iv: self.rest.prefix(cipher.ivLength),
            aad: Self.header(self.spi, self.sequence)[...])
        return text.map { bytes in
            String(decoding: bytes.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
        }
    }
}
