import Foundation
import Testing

/// An exchange with a real peer, recorded in the lab with its keys: `Vectors/strongswan-*.json`.
struct Recording: Decodable, CustomTestStringConvertible, Sendable {
    struct Message: Decodable, Sendable {
        let direction: String
        let exchange: String
        let messageID: UInt32
        let udpPort: UInt16
        let spiI: String
        let spiR: String
        let hex: String
        /// The payloads that the message protects, or a fragment's part of them; nil in IKE_SA_INIT.
        let plaintextHex: String?

        enum CodingKeys: String, CodingKey {
            case direction, exchange, hex
            case messageID = "message_id"
            case udpPort = "udp_port"
            case spiI = "spi_i"
            case spiR = "spi_r"
            case plaintextHex = "plaintext_hex"
        }
    }

    /// The nonces of an IKE_SA or CHILD_SA.
    struct Nonces: Decodable, Sendable {
        let ni: String
        let nr: String
    }

    /// An IKE_SA that replaced the first one.
    struct RekeyedIKESA: Decodable, Sendable {
        let spiI: String
        let spiR: String
        let ni: String
        let nr: String

        enum CodingKeys: String, CodingKey {
            case ni, nr
            case spiI = "spi_i"
            case spiR = "spi_r"
        }
    }

    let source: String
    let idi: String
    let idr: String
    let ni: String
    let nr: String
    let skAi: String?
    let rekeyedIKESAs: [RekeyedIKESA]
    let childSAs: [Nonces]
    let messages: [Message]

    enum CodingKeys: String, CodingKey {
        case source, idi, idr, ni, nr, messages
        case skAi = "sk_ai"
        case rekeyedIKESAs = "rekeyed_ike_sas"
        case childSAs = "child_sas"
    }

    var testDescription: String { self.source }

    /// All recordings in the bundle; a file that is not one of them throws.
    static func all() throws -> [Recording] {
        let folder = try #require(Bundle.module.resourceURL).appending(path: "Vectors")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.lastPathComponent.hasPrefix("strongswan-") }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { try JSONDecoder().decode(Recording.self, from: Data(contentsOf: $0)) }
    }
}
