import IKEWire
import IPsecModel
import Testing

/// KE, ID, CERT, CERTREQ, AUTH, nonce, vendor ID and EAP: RFC 7296 §3.4 to §3.9, §3.12, §3.16.
@Suite struct AuthenticationPayloadTests {
    @Test(
        arguments: [
            (
                .keyExchange, "001f 0000 a1a2a3a4",
                .keyExchange(.init(method: .x25519, data: [0xa1, 0xa2, 0xa3, 0xa4]))
            ),
            (
                .idInitiator, "02 000000 67772e6578616d706c652e6f7267",
                .idInitiator(.init(identity: .fqdn("gw.example.org")))
            ),
            (
                .idResponder, "01 000000 c0000201",
                .idResponder(.init(identity: Identity(.v4(IPv4Address(192, 0, 2, 1)))))
            ),
            (
                .idInitiator, "05 000000 20010db8000000000000000000000001",
                .idInitiator(
                    .init(identity: Identity(type: .ipv6, data: octets("20010db8000000000000000000000001"))))
            ),
            (.certificate, "04 3082", .certificate(.init(encoding: .x509Signature, data: [0x30, 0x82]))),
            (
                .certificateRequest, "04 0102",
                .certificateRequest(.init(encoding: .x509Signature, authority: [1, 2]))
            ),
            (
                .authentication, "02 000000 0102030405060708",
                .authentication(
                    .init(method: .sharedKeyMessageIntegrityCode, data: [1, 2, 3, 4, 5, 6, 7, 8]))
            ),
            (.nonce, "000102030405060708090a0b0c0d0e0f", .nonce(.init(nonce: Array(0...15)))),
            (.vendorID, "", .vendorID(.init(vendorID: []))),
            (.vendorID, "deadbeef", .vendorID(.init(vendorID: [0xde, 0xad, 0xbe, 0xef]))),
            (.eap, "03 01 0004", .eap(.init(message: [3, 1, 0, 4]))),
        ] as [(PayloadType, String, Payload)])
    func `the body reads and writes as in the RFC's figure`(
        type: PayloadType, hex: String, payload: Payload
    ) throws {
        #expect(try decodeOne(type, body: hex) == payload)
        try expectBody(of: payload, is: hex)
    }

    @Test func `reserved octets of KE and AUTH are ignored`() throws {
        #expect(
            try decodeOne(.keyExchange, body: "001f ffff aa") == decodeOne(.keyExchange, body: "001f 0000 aa")
        )
        #expect(
            try decodeOne(.authentication, body: "02 ffffff aa")
                == decodeOne(.authentication, body: "02 000000 aa"))
    }

    @Test func `AUTH covers the reserved octets of an ID as they came`() throws {
        guard case .idInitiator(let received) = try decodeOne(.idInitiator, body: "02 a1a2a3 6777") else {
            Issue.record("no IDi")
            return
        }
        #expect(received.identity == .fqdn("gw"))
        #expect(received.body == octets("02 a1a2a3 6777"))
        #expect(IdentificationPayload(identity: received.identity).body == octets("02 000000 6777"))
    }

    @Test(
        arguments: [(.ipv4, 3), (.ipv4, 5), (.ipv4, 16), (.ipv6, 4), (.ipv6, 15), (.ipv6, 17)]
            as [(IdentityType, Int)])
    func `an address identity of another length is refused`(type: IdentityType, count: Int) {
        let data = [UInt8](repeating: 1, count: count)
        #expect(throws: WireFault.badValue(field: "\(type.name) length", value: UInt64(count))) {
            _ = try decodeOne(.idResponder, body: hexadecimal([type.rawValue, 0, 0, 0] + data))
        }
        #expect(throws: WireFault.badValue(field: "\(type.name) length", value: UInt64(count))) {
            _ = try PayloadChain.encode([.idResponder(.init(identity: Identity(type: type, data: data)))])
        }
    }

    @Test func `an identity of an unknown type survives`() throws {
        let identity = Identity(type: .init(rawValue: 200), data: [1, 2, 3])
        #expect(
            try decodeOne(.idResponder, body: "c8 000000 010203") == .idResponder(.init(identity: identity)))
    }

    @Test(arguments: [0, 1, 15, 257, 1_000])
    func `a nonce outside of 16 to 256 octets is refused`(count: Int) {
        let nonce = [UInt8](repeating: 9, count: count)
        let expected = WireFault.badValue(field: "nonce length", value: UInt64(count))
        #expect(throws: expected) { _ = try decodeOne(.nonce, body: hexadecimal(nonce)) }
        #expect(throws: expected) { _ = try PayloadChain.encode([.nonce(.init(nonce: nonce))]) }
    }

    @Test(arguments: [16, 256])
    func `the shortest and the longest nonce are accepted`(count: Int) throws {
        let nonce = [UInt8](repeating: 9, count: count)
        #expect(try decodeOne(.nonce, body: hexadecimal(nonce)) == .nonce(.init(nonce: nonce)))
    }

    @Test(
        arguments: [
            (.keyExchange, "001f00"), (.keyExchange, ""), (.idInitiator, "020000"), (.idResponder, ""),
            (.certificate, ""), (.certificateRequest, ""), (.authentication, "020000"),
        ] as [(PayloadType, String)])
    func `a body that ends within its fixed part is refused`(type: PayloadType, hex: String) {
        #expect(throws: WireFault.self) { _ = try decodeOne(type, body: hex) }
    }
}
