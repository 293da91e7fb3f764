import ESPCore
import Foundation
import IPsecModel
import Testing

/// Packets that Linux sealed, between 10.1.0.2 and 10.2.0.2. The file, which says how it was recorded, belongs to the tests
/// of the ciphers.
struct LinuxPacket: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: String
    let keyLength: Int
    let hash: String
    let encryptionKey: String
    let integrityKey: String
    let sequenceNumber: String
    let extended: Bool
    let packet: String
    let inner: String

    var testDescription: String { "\(self.name), \(self.sequenceNumber)" }

    private struct File: Decodable { let cases: [LinuxPacket] }

    static func all() throws -> [LinuxPacket] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = tests.appending(path: "CryptoOpenSSLTests/Vectors/linux-esp.json")
        return try JSONDecoder().decode(File.self, from: Data(contentsOf: file)).cases
    }

    func suite() throws -> ESPSuite {
        let ciphers: [String: EncryptionAlgorithm] = [
            "aesGCM16": .aesGCM16, "chacha20Poly1305": .chacha20Poly1305, "aesCBC": .aesCBC,
        ]
        let hashes: [String: IntegrityAlgorithm] = [
            "sha256": .hmacSHA256, "sha384": .hmacSHA384, "sha512": .hmacSHA512,
        ]
        return ESPSuite(
            protection: ProtectionSuite(
                encryption: try #require(ciphers[self.algorithm]), keyLength: self.keyLength,
                integrity: hashes[self.hash]),
            sequenceNumbers: self.extended ? .extended : .short, keyExchange: nil)
    }

    func keys() throws -> ESPKeys {
        ESPKeys(
            encryption: SecretBytes(copying: try octets(self.encryptionKey)),
            integrity: SecretBytes(copying: try octets(self.integrityKey)))
    }

    func ends() throws -> SAEnds {
        let keys = try self.keys()
        let (local, remote) = (try selector("10.2.0.0/16"), try selector("10.1.0.0/16"))
        return try SAEnds(try self.suite()) {
            $0.inboundKeys = keys
            $0.outboundKeys = keys
            $0.localSelectors = [local]
            $0.remoteSelectors = [remote]
        }
    }
}

@Suite struct LinuxPacketTests {
    @Test(arguments: try LinuxPacket.all().filter { !$0.name.contains("beyond") })
    func `a packet of Linux opens to what Linux put in, once`(_ vector: LinuxPacket) throws {
        let ends = try vector.ends()
        let packet = try octets(vector.packet)
        #expect(try ends.opened(packet) == (try octets(vector.inner)))
        #expect(ends.receiver.counters.sequenceNumber == UInt64(vector.sequenceNumber, radix: 16))
        #expect(ends.refusal(packet) == .replayed)
    }

    @Test(arguments: try LinuxPacket.all().filter { $0.name.contains("beyond") })
    func `a number far beyond the window is not guessed`(_ vector: LinuxPacket) throws {
        let ends = try vector.ends()
        let refusal = ends.refusal(try octets(vector.packet))
        #expect(refusal == .wrongICV || refusal == .late)
    }

    @Test(arguments: try LinuxPacket.all().filter { $0.algorithm != "aesCBC" && !$0.name.contains("beyond") })
    func `what we seal is what Linux sealed, but for the IV`(_ vector: LinuxPacket) throws {
        let number = try #require(UInt64(vector.sequenceNumber, radix: 16))
        let keys = try vector.keys()
        let ends = try SAEnds(try vector.suite(), after: number - 1) { $0.outboundKeys = keys }
        let (ours, theirs) = (try ends.sealed(try octets(vector.inner)), try octets(vector.packet))
        #expect(ours.count == theirs.count)
        #expect(ours.prefix(8) == theirs.prefix(8))
    }
}
