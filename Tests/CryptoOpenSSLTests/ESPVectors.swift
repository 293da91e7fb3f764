import IPsecModel
import Testing

@testable import CryptoOpenSSL

/// A whole ESP packet with its keys and the text that it carries, trailer included.
struct ESPCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: CipherName
    let keyLength: Int
    let hash: HashName?
    let encryptionKey: Hex
    let integrityKey: Hex?
    /// 64 bits in hexadecimal.
    let sequenceNumber: Hex
    let extended: Bool
    let packet: Hex
    /// The text with its trailer; captures have `inner` in its place.
    private let text: Hex?
    private let inner: Hex?
    var testDescription: String { "\(self.name), \(self.number)" }

    static let files = ["esp-combined", "esp-cbc", "linux-esp", "strongswan-esp"]

    /// What the packet carries. An inner packet, an IPv4 one, has the trailer of RFC 4303 §2.4 to §2.6: octets that count up
    /// from 1 to the next multiple of 4 or of the cipher's block, how many they are, and 4.
    var content: [UInt8] {
        if let text = self.text { return text.bytes }
        let inner = self.inner?.bytes ?? []
        let block = self.algorithm == .aesCBC ? 16 : 4
        let padding = (block - (inner.count + 2) % block) % block
        return inner + (0..<padding).map { UInt8($0 + 1) } + [UInt8(padding), 4]
    }

    var number: UInt64 { self.sequenceNumber.bytes.span.load64(0) }

    var suite: ESPSuite {
        ESPSuite(
            protection: ProtectionSuite(
                encryption: self.algorithm.algorithm, keyLength: self.keyLength,
                integrity: self.hash?.integrity),
            sequenceNumbers: self.extended ? .extended : .short, keyExchange: nil)
    }

    var keys: ESPKeys {
        ESPKeys(
            encryption: self.encryptionKey.secret,
            integrity: self.integrityKey?.secret ?? SecretBytes(copying: []))
    }
}

extension ESPSuite {
    /// Every suite that a CHILD_SA can have here, with short and with extended numbers.
    static let all: [ESPSuite] = [SequenceNumbers.short, .extended].flatMap { numbers in
        [
            ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            ProtectionSuite(encryption: .aesGCM16, keyLength: 256, integrity: nil),
            ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
            ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
            ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA384),
            ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA256),
            ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
        ].map { ESPSuite(protection: $0, sequenceNumbers: numbers, keyExchange: nil) }
    }

    /// Keys of the right lengths; the bytes are 0, 1, 2, …
    var someKeys: ESPKeys {
        ESPKeys(
            encryption: SecretBytes(copying: (0..<self.protection.encryptionKeyBytes).map(UInt8.init)),
            integrity: SecretBytes(copying: (0..<self.protection.integrityKeyBytes).map(UInt8.init)))
    }
}

extension ESPTransform {
    /// `packet` opened: all its bytes, of which those of the text are plain.
    func opened(_ packet: [UInt8], _ sequenceNumber: UInt64) throws(CryptoFault) -> [UInt8] {
        var copy = packet
        var span = copy.mutableSpan
        try self.open(&span, 0..<packet.count, sequenceNumber: sequenceNumber)
        return copy
    }

    /// The packet that carries `text`, sealed.
    func sealed(_ text: [UInt8], spi: UInt32, _ sequenceNumber: UInt64) throws(CryptoFault) -> [UInt8] {
        let start = 8 + self.ivLength
        let count = start + text.count + self.icvLength
        var packet = [UInt8](repeating: 0, count: count)
        packet.replaceSubrange(start..<(start + text.count), with: text)
        var span = packet.mutableSpan
        span.store(spi, at: 0)
        span.store(UInt32(truncatingIfNeeded: sequenceNumber), at: 4)
        try self.seal(&span, 0..<count, sequenceNumber: sequenceNumber)
        return packet
    }

    /// The text of an opened packet.
    func text(_ packet: [UInt8]) -> [UInt8] {
        Array(packet.dropFirst(8 + self.ivLength).dropLast(self.icvLength))
    }
}
