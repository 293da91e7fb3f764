import IPsecModel
import Testing

@Suite struct AlgorithmTests {
    @Test func `each keyword stands for one transform`() {
        let keywords = AlgorithmNames.table.map(\.keyword)
        #expect(Set(keywords).count == keywords.count)
        #expect(keywords.allSatisfy { $0 == $0.lowercased() && !$0.contains("-") })
    }

    @Test func `a transform's own keyword stands for it`() {
        for entry in AlgorithmNames.table {
            let keyword = AlgorithmNames.keyword(entry.transform)
            let found = AlgorithmNames.table.first { $0.keyword == keyword }
            #expect(found?.transform == entry.transform, "\(entry.keyword)")
        }
    }

    // Numbers of IANA's "IKEv2 Parameters", keywords of strongSwan's documentation of proposals.
    @Test(
        arguments: [
            ("aes128", 1, 12, 128), ("aes256", 1, 12, 256), ("aes128gcm16", 1, 20, 128),
            ("aes256gcm16", 1, 20, 256), ("aes256gcm128", 1, 20, 256), ("chacha20poly1305", 1, 28, nil),
            ("sha256", 3, 12, nil), ("sha2_256", 3, 12, nil), ("sha384", 3, 13, nil), ("sha512", 3, 14, nil),
            ("sha1", 3, 2, nil), ("prfsha256", 2, 5, nil), ("prfsha384", 2, 6, nil), ("prfsha512", 2, 7, nil),
            ("modp2048", 4, 14, nil), ("modp3072", 4, 15, nil), ("modp4096", 4, 16, nil),
            ("modp1024", 4, 2, nil), ("ecp256", 4, 19, nil), ("ecp384", 4, 20, nil), ("ecp521", 4, 21, nil),
            ("x25519", 4, 31, nil), ("curve25519", 4, 31, nil), ("x448", 4, 32, nil), ("noesn", 5, 0, nil),
            ("esn", 5, 1, nil), ("aes256ccm16", 1, 16, 256), ("3des", 1, 3, nil), ("null", 1, 11, nil),
        ] as [(String, UInt8, UInt16, UInt16?)])
    func `keywords have IANA's numbers`(keyword: String, type: UInt8, id: UInt16, keyLength: UInt16?) {
        let transform = AlgorithmNames.table.first { $0.keyword == keyword }?.transform
        #expect(transform == Transform(type: TransformType(rawValue: type), id: id, keyLength: keyLength))
    }

    @Test(arguments: [
        (Transform.encryption(.aesGCM16, 128), "aes128gcm16"), (.encryption(.aesCBC, 128), "aes128"),
        (.integrity(.hmacSHA256), "sha256"), (.keyExchange(.x25519), "x25519"),
        (.keyExchange(KeyExchangeMethod(rawValue: 35)), "type4:35"),
        (.encryption(EncryptionAlgorithm(rawValue: 99), 128), "type1:99/128"),
        (.encryption(.aesGCM16), "type1:20"),
    ])
    func `a transform is printed by its first keyword, or by its numbers`(transform: Transform, text: String)
    {
        #expect(transform.description == text)
    }

    @Test func `a proposal is printed as the configuration spells it`() {
        let ike = Proposal(
            .ike,
            [.encryption(.aesGCM16, 256), .prf(.hmacSHA384), .keyExchange(.ecp384), .keyExchange(.x25519)])
        #expect(ike.description == "aes256gcm16-prfsha384-ecp384-x25519")
        #expect(ike.transforms(.keyExchange) == [.keyExchange(.ecp384), .keyExchange(.x25519)])
        #expect(ike.transforms(.integrity).isEmpty)
        let esp = Proposal(
            .esp,
            [
                .encryption(.aesCBC, 128), .integrity(.hmacSHA256), .integrity(.none),
                .sequenceNumbers(.short),
                .sequenceNumbers(.extended),
            ])
        #expect(esp.description == "aes128-sha256-esn")
    }

    // RFC 4106 §8.1, RFC 7634 §2, RFC 3602 §2.1, RFC 4868 §2.1.1.
    @Test(arguments: [
        (EncryptionAlgorithm.aesGCM16, 128, IntegrityAlgorithm?.none, 20, 0), (.aesGCM16, 256, nil, 36, 0),
        (.chacha20Poly1305, 256, nil, 36, 0), (.aesCBC, 128, .hmacSHA256, 16, 32),
        (.aesCBC, 256, .hmacSHA384, 32, 48), (.aesCBC, 256, .hmacSHA512, 32, 64),
    ])
    func `KEYMAT is cut by key, salt and hash`(
        encryption: EncryptionAlgorithm, bits: Int, integrity: IntegrityAlgorithm?, encryptionBytes: Int,
        integrityBytes: Int
    ) {
        let suite = ProtectionSuite(encryption: encryption, keyLength: bits, integrity: integrity)
        #expect(suite.encryptionKeyBytes == encryptionBytes)
        #expect(suite.integrityKeyBytes == integrityBytes)
        #expect(suite.saltLength == (integrity == nil ? 4 : 0))
    }

    @Test func `combined modes are those of RFC 5282, AES-CCM, AES-GCM and ChaCha20-Poly1305`() {
        let combined = (0...40).filter { EncryptionAlgorithm(rawValue: $0).isAEAD }
        #expect(combined == [14, 15, 16, 18, 19, 20, 28])
    }

    @Test func `suites are printed as the configuration spells them`() {
        let gcm = ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil)
        let chacha = ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil)
        let cbc = ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA256)
        let ike = IKESuite(protection: gcm, prf: .hmacSHA256, keyExchange: .x25519)
        #expect(ike.description == "aes128gcm16-prfsha256-x25519")
        #expect(
            ESPSuite(protection: cbc, sequenceNumbers: .extended, keyExchange: nil).description
                == "aes256-sha256-esn")
        #expect(
            ESPSuite(protection: chacha, sequenceNumbers: .short, keyExchange: .modp2048).description
                == "chacha20poly1305-modp2048")
    }
}
