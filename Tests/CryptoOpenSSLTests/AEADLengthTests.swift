import IPsecModel
import Testing

@testable import CryptoOpenSSL

@Suite struct AEADLengthTests {
    private let provider = OpenSSLProvider()
    private static let combined = [
        ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: .aesGCM16, keyLength: 256, integrity: nil),
        ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
    ]
    private static let separate = [
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA384),
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA512),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA384),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
    ]

    private func aead(
        _ suite: ProtectionSuite, encryption: Int = 0, integrity: Int = 0
    ) throws -> any AEAD {
        try self.provider.aead(
            suite,
            encryptionKey: SecretBytes(
                copying: [UInt8](repeating: 1, count: suite.encryptionKeyBytes + encryption)),
            integrityKey: SecretBytes(
                copying: [UInt8](repeating: 2, count: suite.integrityKeyBytes + integrity)))
    }

    @Test(arguments: combined + separate) func `each suite opens what it sealed`(_ suite: ProtectionSuite)
        throws
    {
        let aead = try self.aead(suite)
        let iv = try self.provider.bytes(aead.ivLength)
        for blocks in [0, 1, 2, 90] {
            let text = try self.provider.bytes(blocks * aead.blockSize)
            let sealed = try aead.seal(text, iv: iv, aad: [9, 9])
            #expect(sealed.count == text.count + aead.icvLength)
            #expect(try aead.open(sealed[...], iv: iv[...], aad: [9, 9]) == text)
        }
    }

    @Test(arguments: combined + separate)
    func `two keys in turn do not know of each other, in either direction`(_ suite: ProtectionSuite) throws {
        let keys = try (0..<2).map { _ in
            try (
                SecretBytes(copying: self.provider.bytes(suite.encryptionKeyBytes)),
                SecretBytes(copying: self.provider.bytes(suite.integrityKeyBytes))
            )
        }
        // Each pair of objects has one key; nothing but the key may tell what comes out.
        let sealing = try keys.map { try self.provider.aead(suite, encryptionKey: $0.0, integrityKey: $0.1) }
        let alone = try keys.map {
            try OpenSSLProvider().aead(suite, encryptionKey: $0.0, integrityKey: $0.1)
        }
        let iv = try self.provider.bytes(sealing[0].ivLength)
        let text = try self.provider.bytes(4 * sealing[0].blockSize)
        let sealed = try [0, 1, 0, 1].map { try sealing[$0].seal(text, iv: iv, aad: [7]) }
        let expected = try alone.map { try $0.seal(text, iv: iv, aad: [7]) }
        #expect(sealed == expected + expected)
        #expect(expected[0] != expected[1])
        for index in [0, 1, 1, 0] {
            #expect(try sealing[index].open(sealed[index][...], iv: iv[...], aad: [7]) == text)
            #expect(throws: CryptoFault.wrongICV) {
                try sealing[index].open(sealed[1 - index][...], iv: iv[...], aad: [7])
            }
            // A message that was refused leaves nothing behind.
            #expect(try sealing[1 - index].seal(text, iv: iv, aad: [7]) == expected[1 - index])
        }
    }

    @Test(arguments: combined + separate, [-4, -1, 1, 16])
    func `an encryption key of another length is refused`(_ suite: ProtectionSuite, excess: Int) {
        #expect(throws: CryptoFault.self) { try self.aead(suite, encryption: excess) }
    }

    @Test(arguments: combined + separate, [-1, 1])
    func `an integrity key of another length is refused`(_ suite: ProtectionSuite, excess: Int) {
        guard suite.integrityKeyBytes + excess >= 0 else { return }
        let need = suite.integrityKeyBytes
        #expect(throws: CryptoFault.wrongLength(what: "integrity key", need: need, have: need + excess)) {
            try self.aead(suite, integrity: excess)
        }
    }

    @Test(arguments: combined + separate, [-8, -1, 1])
    func `an IV of another length is refused in both directions`(_ suite: ProtectionSuite, excess: Int) throws
    {
        let aead = try self.aead(suite)
        let iv = [UInt8](repeating: 0, count: aead.ivLength + excess)
        let fault = CryptoFault.wrongLength(what: "IV", need: aead.ivLength, have: iv.count)
        #expect(throws: fault) { try aead.seal([], iv: iv, aad: []) }
        let sealed = [UInt8](repeating: 0, count: aead.icvLength)
        #expect(throws: fault) { try aead.open(sealed[...], iv: iv[...], aad: []) }
    }

    @Test(arguments: combined + separate)
    func `every sealed text shorter than an ICV is refused`(_ suite: ProtectionSuite) throws {
        let aead = try self.aead(suite)
        let iv = [UInt8](repeating: 0, count: aead.ivLength)
        for count in 0..<aead.icvLength {
            let sealed = [UInt8](repeating: 0, count: count)
            #expect(throws: CryptoFault.wrongLength(what: "sealed text", need: aead.icvLength, have: count)) {
                try aead.open(sealed[...], iv: iv[...], aad: [])
            }
        }
    }

    @Test(arguments: separate, [1, 15, 17, 31])
    func `text for AES-CBC comes in whole blocks`(_ suite: ProtectionSuite, count: Int) throws {
        let aead = try self.aead(suite)
        let iv = [UInt8](repeating: 0, count: 16)
        let need = count < 16 ? 16 : 32
        let fault = CryptoFault.wrongLength(what: "text", need: need, have: count)
        #expect(throws: fault) { try aead.seal([UInt8](repeating: 0, count: count), iv: iv, aad: []) }
        let sealed = [UInt8](repeating: 0, count: count + aead.icvLength)
        #expect(throws: fault) { try aead.open(sealed[...], iv: iv[...], aad: []) }
    }

    @Test(arguments: [
        ProtectionSuite(encryption: .aesGCM16, keyLength: 192, integrity: nil),
        ProtectionSuite(encryption: .aesGCM8, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: .aesCBC, keyLength: 192, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA1),
        ProtectionSuite(encryption: .null, keyLength: 0, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .tripleDES, keyLength: 192, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: EncryptionAlgorithm(rawValue: 65_535), keyLength: 128, integrity: nil),
    ])
    func `a suite that we do not have is unavailable`(_ suite: ProtectionSuite) {
        let fault = #expect(throws: CryptoFault.self) { try self.aead(suite) }
        guard case .unavailable = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }
}
