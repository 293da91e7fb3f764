import IKEWire
import IPsecModel
import Testing

/// RFC 7296 §3.3, figures 6 to 8.
@Suite struct SecurityAssociationTests {
    /// One IKE proposal: ENCR_AES_CBC-128, PRF_HMAC_SHA2_256, AUTH_HMAC_SHA2_256_128, group 14.
    private let ikeProposal = """
        00 00 002c 01 01 00 04
          03 00 000c 01 00 000c 800e 0080
          03 00 0008 02 00 0005
          03 00 0008 03 00 000c
          00 00 0008 04 00 000e
        """

    private func payload(_ hex: String) throws -> SecurityAssociationPayload {
        let payload = try decodeOne(.securityAssociation, body: hex)
        guard case .securityAssociation(let sa) = payload else {
            throw WireFault.badValue(field: "test", value: 0)
        }
        return sa
    }

    @Test func `an IKE proposal reads and writes as in the figures`() throws {
        let expected = ProposalSubstructure(
            number: 1, protocolID: .ike,
            transforms: [
                .encryption(.aesCBC, 128), .prf(.hmacSHA256), .integrity(.hmacSHA256),
                .keyExchange(.modp2048),
            ])
        #expect(try self.payload(self.ikeProposal).proposals == [expected])
        try expectBody(of: .securityAssociation(.init(proposals: [expected])), is: self.ikeProposal)
    }

    @Test func `two ESP proposals carry their SPIs and say which is the last`() throws {
        let hex = """
            02 00 0020 01 03 04 02 c1c2c3c4  03 00 000c 01 00 0014 800e 0100  00 00 0008 05 00 0000
            00 00 001c 02 03 04 02 d1d2d3d4  03 00 0008 01 00 001c  00 00 0008 05 00 0001
            """
        let proposals = [
            ProposalSubstructure(
                number: 1, protocolID: .esp, spi: [0xc1, 0xc2, 0xc3, 0xc4],
                transforms: [.encryption(.aesGCM16, 256), .sequenceNumbers(.short)]),
            ProposalSubstructure(
                number: 2, protocolID: .esp, spi: [0xd1, 0xd2, 0xd3, 0xd4],
                transforms: [.encryption(.chacha20Poly1305), .sequenceNumbers(.extended)]),
        ]
        #expect(try self.payload(hex).proposals == proposals)
        #expect(proposals.map(\.espSPI) == [ESPSPI(0xc1c2_c3c4), ESPSPI(0xd1d2_d3d4)])
        #expect(proposals.map(\.ikeSPI) == [nil, nil])
        try expectBody(of: .securityAssociation(.init(proposals: proposals)), is: hex)
    }

    @Test func `the SPI of an IKE rekey has eight octets`() throws {
        let sa = try self.payload("00 00 0018 01 01 08 01 0102030405060708  00 00 0008 02 00 0005")
        #expect(sa.proposals.map(\.ikeSPI) == [IKESPI(0x0102_0304_0506_0708)])
        #expect(sa.proposals.map(\.espSPI) == [nil])
    }

    @Test func `an SA payload without proposals is a shape that peers send`() throws {
        #expect(try self.payload("").proposals.isEmpty)
        try expectBody(of: .securityAssociation(.init(proposals: [])), is: "")
    }

    @Test(arguments: [
        (1, 1), (1, 4), (1, 7), (1, 9), (2, 0), (2, 8), (3, 0), (3, 3), (3, 5), (3, 8), (3, 255),
    ])
    func `an SPI size that the protocol does not have is refused`(protocolID: Int, size: Int) {
        let proposal = ProposalSubstructure(
            number: 1, protocolID: .init(rawValue: UInt8(protocolID)), spi: .init(repeating: 1, count: size),
            transforms: [])
        let body = [0, 0, 0, UInt8(truncatingIfNeeded: 8 + size), 1, UInt8(protocolID), UInt8(size), 0]
        let expected = WireFault.badValue(field: "SPI size of a proposal", value: UInt64(size))
        #expect(throws: expected) {
            _ = try PayloadChain.encode([.securityAssociation(.init(proposals: [proposal]))])
        }
        if size < 248 {
            #expect(throws: expected) {
                _ = try decodeOne(.securityAssociation, body: hexadecimal(body + proposal.spi))
            }
        }
    }

    @Test func `a proposal for a protocol that we do not know keeps its SPI`() throws {
        let sa = try self.payload("00 00 000b 01 63 03 00 a1a2a3")
        #expect(
            sa.proposals == [
                .init(number: 1, protocolID: .init(rawValue: 99), spi: [0xa1, 0xa2, 0xa3], transforms: [])
            ])
    }

    @Test func `an unknown transform type survives`() throws {
        let sa = try self.payload("00 00 0010 01 01 00 01  00 00 0008 f1 00 1234")
        #expect(sa.proposals.flatMap(\.transforms) == [Transform(type: .init(rawValue: 0xf1), id: 0x1234)])
    }

    @Test func `a transform with an unknown attribute is kept but not offered for choice`() throws {
        let sa = try self.payload(
            """
            00 00 0032 01 01 00 04
              03 00 000c 01 00 0014 8012 0007
              03 00 000e 02 00 0005 0013 0002 abcd 
              03 00 0008 02 00 0006
              00 00 0008 04 00 001f
            """)
        let proposal = try #require(sa.proposals.first)
        #expect(proposal.transforms == [.prf(.hmacSHA384), .keyExchange(.x25519)])
        #expect(proposal.transformTypes == [.encryption, .pseudorandomFunction, .keyExchange])
        #expect(
            proposal.transformSubstructures.map(\.unknownAttributes) == [
                [.init(type: 18, value: .short(7))], [.init(type: 19, value: .long([0xab, 0xcd]))], [], [],
            ])
    }

    @Test(arguments: [
        // Twice; as type/length/value; both.
        "00 00 0010 01 00 000c 800e 0080 800e 0100", "00 00 000e 01 00 000c 000e 0002 0080",
        "00 00 0012 01 00 000c 000e 0002 0080 800e 0100",
    ])
    func `a key length that is given twice or in the wrong format is an unknown attribute`(hex: String) throws
    {
        let length = String(8 + octets(hex).count, radix: 16)
        let sa = try self.payload("00 00 00\(length) 01 01 00 01" + hex)
        let proposal = try #require(sa.proposals.first)
        #expect(proposal.transforms.isEmpty)
        #expect(proposal.transformSubstructures.count == 1)
    }

    @Test func `reserved octets of proposals and transforms are ignored`() throws {
        let noisy = """
            00 ff 002c 01 01 00 04
              03 ff 000c 01 ff 000c 800e 0080
              03 ff 0008 02 ff 0005
              03 ff 0008 03 ff 000c
              00 ff 0008 04 ff 000e
            """
        #expect(try self.payload(noisy) == self.payload(self.ikeProposal))
    }

    @Test(arguments: [
        ("more proposals promised than there are", "02 00 0008 01 01 00 00"),
        ("more proposals than promised", "00 00 0008 01 01 00 00  00 00 0008 02 01 00 00"),
        ("a strange Last Substruc of a proposal", "03 00 0008 01 01 00 00  00 00 0008 02 01 00 00"),
        ("a strange Last Substruc of a transform", "00 00 0010 01 01 00 01  02 00 0008 02 00 0005"),
        ("more transforms counted than there are", "00 00 0010 01 01 00 02  00 00 0008 02 00 0005"),
        ("more transforms promised than counted", "00 00 0010 01 01 00 01  03 00 0008 02 00 0005"),
        (
            "more transforms than counted",
            "00 00 0018 01 01 00 01  03 00 0008 02 00 0005  00 00 0008 02 00 0005"
        ),
        (
            "a last transform that is not the last",
            "00 00 0018 01 01 00 02  00 00 0008 02 00 0005  00 00 0008 02 00 0005"
        ),
        ("transforms where none are counted", "00 00 0010 01 01 00 00  00 00 0008 02 00 0005"),
        ("a proposal that is shorter than its header", "00 00 0007 01 01 00 00"),
        ("a proposal of no length", "00 00 0000 01 01 00 00"),
        ("a proposal that leaves its payload", "00 00 0009 01 01 00 00"),
        ("a transform that leaves its proposal", "00 00 0010 01 01 00 01  00 00 0009 02 00 0005"),
        ("a transform that is shorter than its header", "00 00 0010 01 01 00 01  00 00 0007 02 00 0005"),
        ("an attribute that leaves its transform", "00 00 0014 01 01 00 01  00 00 000c 01 00 000c 0012 0001"),
        ("half an attribute", "00 00 0012 01 01 00 01  00 00 000a 01 00 000c 800e"),
    ])
    func `inconsistent lengths and counts are refused`(what: String, hex: String) {
        #expect(throws: WireFault.self, "\(what)") { _ = try decodeOne(.securityAssociation, body: hex) }
    }

    @Test func `an attribute type of more than fifteen bits is not written`() {
        let transform = TransformSubstructure(
            .prf(.hmacSHA256), unknownAttributes: [.init(type: 0x8000, value: .short(0))])
        let proposal = ProposalSubstructure(
            number: 1, protocolID: .ike, spi: [], transformSubstructures: [transform])
        #expect(throws: WireFault.badValue(field: "transform attribute", value: 0x8000)) {
            _ = try PayloadChain.encode([.securityAssociation(.init(proposals: [proposal]))])
        }
    }
}
