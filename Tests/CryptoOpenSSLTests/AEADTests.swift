import IPsecModel
import Testing

@testable import CryptoOpenSSL

/// A sealed text with all that went into it.
struct AEADCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: CipherName
    let keyLength: Int
    let hash: HashName?
    let encryptionKey: Hex
    let integrityKey: Hex?
    let iv: Hex
    let aad: Hex
    let text: Hex
    let sealed: Hex
    var testDescription: String { "\(self.name), \(self.keyLength) bits" }

    static let files = ["aes-gcm", "chacha20-poly1305", "aes-cbc-hmac"]

    func aead(_ provider: OpenSSLProvider) throws -> any AEAD {
        let suite = ProtectionSuite(
            encryption: self.algorithm.algorithm, keyLength: self.keyLength, integrity: self.hash?.integrity)
        return try provider.aead(
            suite, encryptionKey: self.encryptionKey.secret,
            integrityKey: self.integrityKey?.secret ?? SecretBytes(copying: []))
    }
}

/// RFC 4868's test cases for truncated HMAC.
private struct TruncatedHMACCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hash: HashName
    let key: Hex
    let data: Hex
    let icv: Hex
    var testDescription: String { self.name }
}

@Suite struct AEADTests {
    private let provider = OpenSSLProvider()

    @Test(arguments: try Vectors.load(AEADCase.files, as: AEADCase.self))
    func `a text is sealed as the vector says, and opened again`(_ vector: AEADCase) throws {
        let aead = try vector.aead(self.provider)
        #expect(aead.ivLength == vector.iv.bytes.count)
        #expect(aead.icvLength == vector.sealed.bytes.count - vector.text.bytes.count)
        // Twice each: the contexts are used again.
        for _ in 0..<2 {
            let sealed = try aead.seal(vector.text.bytes, iv: vector.iv.bytes, aad: vector.aad.bytes[...])
            #expect(sealed == vector.sealed.bytes)
            let opened = try aead.open(
                vector.sealed.bytes[...], iv: vector.iv.bytes[...], aad: vector.aad.bytes[...])
            #expect(opened == vector.text.bytes)
        }
    }

    @Test(arguments: try Vectors.load(AEADCase.files, as: AEADCase.self))
    func `no bit of a sealed text can be changed`(_ vector: AEADCase) throws {
        let aead = try vector.aead(self.provider)
        func opens(_ sealed: [UInt8], _ iv: [UInt8], _ aad: [UInt8]) throws -> Bool {
            do {
                _ = try aead.open(sealed[...], iv: iv[...], aad: aad[...])
                return true
            } catch CryptoFault.wrongICV {
                return false
            }
        }
        let (sealed, iv, aad) = (vector.sealed.bytes, vector.iv.bytes, vector.aad.bytes)
        for bit in 0..<(8 * sealed.count) { #expect(try !opens(sealed.flipping(bit), iv, aad)) }
        for bit in 0..<(8 * iv.count) { #expect(try !opens(sealed, iv.flipping(bit), aad)) }
        for bit in 0..<(8 * aad.count) { #expect(try !opens(sealed, iv, aad.flipping(bit))) }
        // The refusals have not damaged the context.
        #expect(try opens(sealed, iv, aad))
    }

    @Test(arguments: try Vectors.load(AEADCase.files, as: AEADCase.self))
    func `octets that move between the parts are noticed`(_ vector: AEADCase) throws {
        let aead = try vector.aead(self.provider)
        let sealed = vector.sealed.bytes
        #expect(throws: CryptoFault.wrongICV) {
            try aead.open(sealed[...], iv: vector.iv.bytes[...], aad: vector.aad.bytes[...] + [0])
        }
        // One block less of ciphertext, and the same ICV.
        let text = sealed.dropLast(aead.icvLength)
        guard text.count >= aead.blockSize else { return }
        let shorter = text.dropLast(aead.blockSize) + sealed.suffix(aead.icvLength)
        #expect(throws: CryptoFault.wrongICV) {
            try aead.open(shorter[...], iv: vector.iv.bytes[...], aad: vector.aad.bytes[...])
        }
    }

    // The ICV covers aad | iv | ciphertext: divided so, RFC 4868's data makes an empty sealed text.
    @Test(arguments: try Vectors.load("hmac-truncated", as: TruncatedHMACCase.self))
    private func `the ICV of AES-CBC is RFC 4868's HMAC`(_ vector: TruncatedHMACCase) throws {
        let data = vector.data.bytes
        guard data.count >= 16 else {
            // "Hi There" is shorter than an IV: the HMAC alone, cut by hand.
            let prf = try #require(self.provider.prf(vector.hash.prf))
            let whole = try prf.compute(key: vector.key.secret, [data[...]])
            #expect(Array(whole.copy.prefix(vector.icv.bytes.count)) == vector.icv.bytes)
            return
        }
        let suite = ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: vector.hash.integrity)
        let aead = try self.provider.aead(
            suite, encryptionKey: SecretBytes(copying: Array(0..<16)), integrityKey: vector.key.secret)
        let sealed = try aead.seal([], iv: Array(data.suffix(16)), aad: data.dropLast(16))
        #expect(sealed == vector.icv.bytes)
    }
}

extension [UInt8] {
    /// The same bytes but for one bit.
    func flipping(_ bit: Int) -> [UInt8] {
        var copy = self
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return copy
    }
}
