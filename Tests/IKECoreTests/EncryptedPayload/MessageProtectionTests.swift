import CryptoOpenSSL
import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// The Encrypted payload (RFC 7296 §3.14, RFC 5282).
struct MessageProtectionTests {
    private static let suites = [
        ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
    ]

    private let crypto = OpenSSLProvider()
    private let header = IKEHeader(
        initiatorSPI: IKESPI(1), responderSPI: IKESPI(2), exchange: .informational, flags: [.initiator],
        messageID: 3)

    /// Both ends of an IKE_SA.
    private func ends(
        _ suite: ProtectionSuite
    ) throws -> (initiator: MessageProtection, responder: MessageProtection) {
        let keys = try KeySchedule(crypto: self.crypto).initialKeys(
            IKESuite(protection: suite, prf: .hmacSHA256, keyExchange: .x25519),
            KeySchedule.Ingredients(
                initiatorNonce: [UInt8](repeating: 1, count: 16),
                responderNonce: [UInt8](repeating: 2, count: 16), initiatorSPI: IKESPI(1),
                responderSPI: IKESPI(2)), sharedSecret: SecretBytes(copying: [3]))
        return (
            MessageProtection(keys: keys, isOriginalInitiator: true),
            MessageProtection(keys: keys, isOriginalInitiator: false)
        )
    }

    private func body(_ datagram: [UInt8]) throws -> EncryptedBody {
        switch try DecodedMessage.decode(datagram).protection {
        case .encrypted(let body): return body
        case .fragment(let fragment): return fragment.body
        case .none: throw OpeningFault.drop(.unprotected)
        }
    }

    @Test(arguments: suites)
    func `what one end seals the other opens, and not the end itself`(suite: ProtectionSuite) throws {
        var (initiator, responder) = try self.ends(suite)
        let datagrams = try initiator.seal(
            self.header, [.delete(.ikeSA)], fragmentOctets: nil, crypto: self.crypto)
        let body = try self.body(try #require(datagrams.first))
        #expect(try responder.open(body) == [0, 0, 0, 8, 1, 0, 0, 0])
        #expect(throws: OpeningFault.drop(.wrongICV)) { try initiator.open(body) }
        let back = try responder.seal(self.header, [], fragmentOctets: nil, crypto: self.crypto)
        #expect(try initiator.open(self.body(try #require(back.first))) == [])
    }

    @Test(arguments: suites)
    func `no IV comes twice, in fragments neither`(suite: ProtectionSuite) throws {
        var (initiator, _) = try self.ends(suite)
        let ivLength = suite.encryption.isAEAD ? 8 : 16
        let long = Payload.vendorID(VendorIDPayload(vendorID: [UInt8](repeating: 1, count: 2_000)))
        var ivs: [[UInt8]] = []
        for _ in 0..<50 {
            for datagram in try initiator.seal(
                self.header, [long], fragmentOctets: 500, crypto: self.crypto)
            {
                #expect(datagram.count <= 500)
                ivs.append(Array(try self.body(datagram).content.prefix(ivLength)))
            }
        }
        #expect(ivs.count >= 200)
        #expect(Set(ivs).count == ivs.count)
    }

    @Test(arguments: suites)
    func `sealed text that is too short is dropped`(suite: ProtectionSuite) throws {
        let (_, responder) = try self.ends(suite)
        for length in 0..<64 {
            let body = EncryptedBody.test(content: [UInt8](repeating: 0, count: length))
            #expect(throws: OpeningFault.self) { try responder.open(body) }
        }
    }
}

extension EncryptedBody {
    /// A body of any octets, taken out of a message around them.
    static func test(content: [UInt8]) -> EncryptedBody {
        let length = 32 + content.count
        let octets: [UInt8] =
            [UInt8](repeating: 0, count: 16) + [46, 0x20, 37, 8, 0, 0, 0, 0, 0, 0, 0, UInt8(length)]
            + [0, 0, 0, UInt8(4 + content.count)] + content
        guard case .encrypted(let body)? = try? DecodedMessage.decode(octets).protection else {
            preconditionFailure("not a message")
        }
        return body
    }
}
