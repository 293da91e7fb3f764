internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `proposals` and `esp_proposals`.
struct ProposalTests {
    @Test(arguments: [
        ("aes256-sha256-modp2048", "aes256-sha256-prfsha256-modp2048"),
        ("aes256gcm16-prfsha384-ecp384", "aes256gcm16-prfsha384-ecp384"),
        (
            "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-x25519-modp2048",
            "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-x25519-modp2048"
        ),
        (
            "aes128-aes256-sha512-sha256-modp2048-ecp256",
            "aes128-aes256-sha512-sha256-prfsha512-prfsha256-modp2048-ecp256"
        ),
        ("aes256-sha256-prfsha512-modp4096", "aes256-sha256-prfsha512-modp4096"),
        ("modp3072-sha384-aes128", "aes128-sha384-prfsha384-modp3072"),
        ("aes-sha2_256-curve25519", "aes128-sha256-prfsha256-x25519"),
        (
            "AES256-SHA256-MODP2048",
            "aes256-sha256-prfsha256-modp2048"
        ),
        ("aes256gcm128-prfsha256-curve448", "aes256gcm16-prfsha256-x448"),
        ("aes256-aes256-sha256-ecp521", "aes256-sha256-prfsha256-ecp521"),
    ])
    func `an IKE proposal is in order of preference by type`(_ text: String, _ description: String) throws {
        let proposals = try connection("proposals = \(text)").proposals
        #expect(proposals.map(\.description) == [description])
        #expect(proposals.allSatisfy { $0.securityProtocol == .ike })
    }

    @Test func `the transforms have the numbers of the registry`() throws {
        // RFC 7296 §3.3.2 and its IANA registries: ENCR_AES_CBC 12, PRF_HMAC_SHA2_256 5,
        // AUTH_HMAC_SHA2_256_128 12, 2048-bit MODP 14.
        let proposal = try #require(try connection("proposals = aes256-sha256-modp2048").proposals.first)
        #expect(proposal.transforms.map(\.type.rawValue) == [1, 3, 2, 4])
        #expect(proposal.transforms.map(\.id) == [12, 12, 5, 14])
        #expect(proposal.transforms.map(\.keyLength) == [256, nil, nil, nil])
    }

    @Test(arguments: [
        ("aes256gcm16", "aes256gcm16"), ("aes128-sha256", "aes128-sha256"),
        ("aes256gcm16-ecp384-modp2048", "aes256gcm16-ecp384-modp2048"), ("aes256gcm16-noesn", "aes256gcm16"),
        ("aes256-sha512-modp2048-esn", "aes256-sha512-modp2048-esn"),
        ("esn-noesn-aes256-sha256", "aes256-sha256-esn"),
        ("aes256gcm16-x25519-modpnone", "aes256gcm16-x25519-modpnone"),
    ])
    func `an ESP proposal needs no group`(_ text: String, _ description: String) throws {
        let proposals = try child("esp_proposals = \(text)").proposals
        #expect(proposals.map(\.description) == [description])
        #expect(proposals.allSatisfy { $0.securityProtocol == .esp })
    }

    @Test func `without a word about sequence numbers they have 32 bits`() throws {
        #expect(
            try child("esp_proposals = aes256gcm16").proposals.first?.transforms(.sequenceNumbers) == [
                .sequenceNumbers(.short)
            ])
        #expect(
            try child("esp_proposals = aes256gcm16-esn-noesn").proposals.first?.transforms(.sequenceNumbers)
                == [
                    .sequenceNumbers(.extended), .sequenceNumbers(.short),
                ])
    }

    @Test func `default may stand among others`() throws {
        let proposals = try connection("proposals = aes128-sha256-modp4096, default").proposals
        #expect(proposals.dropFirst() == DefaultProposals.ike[...])
        #expect(proposals.first?.description == "aes128-sha256-prfsha256-modp4096")
        #expect(try child("esp_proposals = default").proposals == DefaultProposals.esp)
    }

    @Test func `the defaults are what conf culvert conf says`() {
        #expect(
            DefaultProposals.ike.map(\.description) == [
                "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-x25519-ecp384-ecp256-modp3072-modp2048",
                "aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp384-ecp256-modp3072-modp2048",
            ])
        #expect(
            DefaultProposals.esp.map(\.description) == [
                "aes256gcm16-aes128gcm16-chacha20poly1305-x25519-ecp384-ecp256-modp3072-modp2048-modpnone",
                "aes256-aes128-sha256-sha384-sha512-x25519-ecp384-ecp256-modp3072-modp2048-modpnone",
            ])
    }

    @Test(arguments: [
        (
            "aes256gcm16-sha256-modp2048",
            "an AEAD cipher takes a prf, not an integrity algorithm; write 'aes256gcm16-prfsha256-modp2048'"
        ),
        (
            "aes256gcm16-sha384-prfsha384-ecp384",
            "an AEAD cipher takes a prf, not an integrity algorithm; write 'aes256gcm16-prfsha384-ecp384'"
        ),
        ("aes256gcm16-modp2048", "an AEAD cipher needs a prf; write 'aes256gcm16-prfsha256-modp2048'"),
        ("aes256-modp2048", "there is no integrity algorithm; write 'aes256-sha256-modp2048'"),
        (
            "aes256-prfsha256-modp2048",
            "there is no integrity algorithm; write 'aes256-sha256-prfsha256-modp2048'"
        ),
        ("sha256-modp2048", "there is no encryption algorithm"),
        (
            "aes256-sha256",
            "there is no key exchange group; write 'aes256-sha256-x25519' or another group"
        ),
        ("aes256-sha256-modpnone", "an IKE_SA cannot do without a key exchange"),
        ("aes256-sha256-modp2048-esn", "esn and noesn belong into esp_proposals"),
        (
            "aes256gcm16-aes256-sha256-modp2048",
            "AEAD and other ciphers need proposals of their own; write 'aes256gcm16-prfsha256-modp2048, "
                + "aes256-sha256-modp2048'"
        ),
        (
            "aes256-sha256-modp2048!",
            "'!' belongs to ipsec.conf; here proposals are always strict, leave it out"
        ),
    ])
    func `an IKE proposal that cannot work says what would`(_ text: String, _ message: String) {
        #expect(
            findings(site("proposals = \(text)")) == ["2:13: error: connection 'hq': '\(text)': \(message)"])
    }

    @Test(arguments: [
        (
            "aes256gcm16-sha384-ecp384",
            "an AEAD cipher takes no integrity algorithm; write 'aes256gcm16-ecp384'"
        ),
        ("aes256", "there is no integrity algorithm; write 'aes256-sha256'"),
        ("modp2048", "there is no encryption algorithm"),
        ("aes256gcm16-prfsha256-ecp256", "a prf has no place in an ESP proposal; write 'aes256gcm16-ecp256'"),
        (
            "aes256gcm16-aes256-sha256-ecp256",
            "AEAD and other ciphers need proposals of their own; write 'aes256gcm16-ecp256, aes256-sha256-ecp256'"
        ),
    ])
    func `an ESP proposal that cannot work says what would`(_ text: String, _ message: String) {
        #expect(
            findings(site(child: "esp_proposals = \(text)")) == [
                "4:17: error: child 'net' of 'hq': '\(text)': \(message)"
            ])
    }

    @Test(arguments: [
        ("aes256gcm16-sha256-modp2048", "aes256gcm16-prfsha256-modp2048"),
        ("aes256gcm16-modp2048", "aes256gcm16-prfsha256-modp2048"),
        ("aes256-modp2048", "aes256-sha256-modp2048"),
        ("aes256gcm16-aes256-sha256-modp2048", "aes256gcm16-prfsha256-modp2048, aes256-sha256-modp2048"),
        ("aes256-sha256", "aes256-sha256-x25519"),
    ])
    func `what a diagnostic tells to write is accepted`(_ wrong: String, _ right: String) {
        #expect(findings(site("proposals = \(wrong)")).first?.contains("'\(right)'") == true)
        #expect(findings(site("proposals = \(right)")) == [])
    }

    @Test(arguments: [
        ("aes257-sha256-modp2048", "2:13", "unknown algorithm 'aes257' (did you mean 'aes256'?)"),
        ("aes256-sha265-modp2048", "2:20", "unknown algorithm 'sha265' (did you mean 'sha256'?)"),
        ("aes256-sha256-modp2049", "2:27", "unknown algorithm 'modp2049' (did you mean 'modp2048'?)"),
        ("aes256-sha256-dh14", "2:27", "unknown algorithm 'dh14'"),
        ("default, aes256--modp2048", "2:29", "an algorithm is missing beside a '-'"),
        ("aes256-sha256-modp2048-", "2:36", "an algorithm is missing beside a '-'"),
        (
            "3des-sha256-modp2048", "2:13",
            "'3des' is too weak and not implemented (RFC 8247, RFC 8221); use aes256gcm16 or aes256"
        ),
        (
            "aes256-sha256-modp1024", "2:27",
            "'modp1024' is too weak and not implemented (RFC 8247, RFC 8221); use modp2048, ecp256 or x25519"
        ),
        (
            "aes256-md5-modp2048", "2:20",
            "'md5' is too weak and not implemented (RFC 8247, RFC 8221); use sha256, sha384 or sha512"
        ),
        ("aes256-sha1-modp2048", "2:20", "'sha1' is not implemented; use sha256, sha384 or sha512"),
        ("aes192-sha256-modp2048", "2:13", "'aes192' is not implemented; use aes256gcm16 or aes256"),
        (
            "aes256-sha256-prfsha1-modp2048", "2:27",
            "'prfsha1' is not implemented; use prfsha256, prfsha384 or prfsha512"
        ),
        ("aes256-sha256-ecp256bp", "2:27", "'ecp256bp' is not implemented; use modp2048, ecp256 or x25519"),
        (
            "aes256-sha256-x25519-ke1_mlkem768", "2:34",
            "'ke1_mlkem768' is not implemented; use modp2048, ecp256 or x25519"
        ),
    ])
    func `an algorithm that we do not do is shown at its place`(
        _ text: String, _ place: String, _ message: String
    ) {
        #expect(findings(site("proposals = \(text)")) == ["\(place): error: connection 'hq': \(message)"])
    }

    @Test func `every keyword of the model is either done or refused with a reason`() {
        for entry in AlgorithmNames.table {
            switch AlgorithmWord(entry.keyword) {
            case .implemented(let transform): #expect(transform == entry.transform)
            case .refused(let reason): #expect(reason.hasPrefix("'\(entry.keyword)' is "))
            case .unknown: Issue.record("\(entry.keyword) is unknown")
            }
        }
    }

    @Test func `lists and proposals have limits`() {
        let many = Array(repeating: "default", count: 65).joined(separator: ",")
        #expect(
            findings(site("proposals = \(many)")) == [
                "2:13: error: connection 'hq': proposals has more than 64 proposals"
            ])
        let long = Array(repeating: "aes256", count: 65).joined(separator: "-")
        #expect(
            findings(site("proposals = \(long)")) == [
                "2:13: error: connection 'hq': a proposal of more than 64 algorithms"
            ])
    }

    @Test func `every wrong proposal of a list is reported`() {
        #expect(findings(site("proposals = aes256-sha256, default, aes257-sha256-modp2048")).count == 2)
    }
}
