import IPsecModel
import Testing

@testable import CryptoOpenSSL

/// A message of strongSwan whose only payload is an Encrypted one.
private struct RecordedMessage: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: CipherName
    let keyLength: Int
    let hash: HashName
    let encryptionKey: Hex
    let integrityKey: Hex
    let message: Hex
    let text: Hex
    var testDescription: String { self.name }
}

@Suite struct RecordedMessageTests {
    /// IKE header and the generic header of the Encrypted payload (RFC 7296 §3.1, §3.14).
    private static let headers = 32

    @Test(arguments: try Vectors.load("strongswan-messages", as: RecordedMessage.self))
    private func `a message of strongSwan opens, and sealed again is the same`(
        _ vector: RecordedMessage
    ) throws {
        let suite = ProtectionSuite(
            encryption: vector.algorithm.algorithm, keyLength: vector.keyLength,
            integrity: vector.hash.integrity)
        let aead = try OpenSSLProvider().aead(
            suite, encryptionKey: vector.encryptionKey.secret, integrityKey: vector.integrityKey.secret)
        let message = vector.message.bytes
        let aad = message[..<Self.headers]
        let iv = message[Self.headers...].prefix(aead.ivLength)
        let sealed = message.dropFirst(Self.headers + aead.ivLength)
        let text = try aead.open(sealed, iv: iv, aad: aad)
        let padLength = Int(try #require(text.last))
        #expect(Array(text.dropLast(1 + padLength)) == vector.text.bytes)
        #expect(text.count % aead.blockSize == 0)
        #expect(try aead.seal(text, iv: Array(iv), aad: aad) == Array(sealed))
    }
}
