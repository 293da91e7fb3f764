import Foundation
import IKEWire
import IPsecModel
import Testing

/// An exchange of two strongSwan gateways with its keys, as recorded in the lab
/// (`Tests/IKEWireTests/Vectors/strongswan-*.json`; the first field says by what version).
struct RecordedExchange: Decodable, Sendable, CustomTestStringConvertible {
    struct Rekeyed: Decodable, Sendable {
        let spi_i, spi_r, dh_shared_secret, sk_d, sk_ei, sk_er, sk_pi, sk_pr, ni, nr: String
        let sk_ai, sk_ar: String?
    }

    struct Child: Decodable, Sendable {
        let dh_shared_secret: String?
        let encryption_initiator, encryption_responder, ni, nr: String
        let integrity_initiator, integrity_responder: String?
    }

    struct Message: Decodable, Sendable {
        let direction, exchange, spi_i, spi_r, hex: String
        let message_id: UInt32
        let plaintext_hex: String?
    }

    let source, psk, idi, idr, dh_shared_secret, sk_d, sk_ei, sk_er, sk_pi, sk_pr, ni, nr: String
    let sk_ai, sk_ar: String?
    let rekeyed_ike_sas: [Rekeyed]
    let child_sas: [Child]
    let messages: [Message]

    var testDescription: String { self.source }

    static let names = ["gcm", "cbc", "chacha", "fragments"]

    /// The recording `name`.
    static func load(_ name: String) throws -> RecordedExchange {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../IKEWireTests/Vectors/strongswan-\(name).json")
        return try JSONDecoder().decode(RecordedExchange.self, from: Data(contentsOf: file))
    }

    /// The messages as they were on the wire, without markers.
    func decoded() throws -> [DecodedMessage] {
        try self.messages.map { try DecodedMessage.decode(bytes($0.hex)) }
    }
}

/// The bytes of hexadecimal digits.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}
