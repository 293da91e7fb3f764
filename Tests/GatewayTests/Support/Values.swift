import Foundation
import IKECore
import IPsecModel

/// Values that many tests need.
enum Values {
    static let gateway = IPAddress.v4(IPv4Address(203, 0, 113, 2))
    static let peer = IPAddress.v4(IPv4Address(198, 51, 100, 10))
    static let label = IKESALabel(connection: "site-a", uniqueID: 3)
    static let moment = Instant(nanoseconds: 5_000_000_000)

    static let suite = IKESuite(
        protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil), prf: .hmacSHA256,
        keyExchange: .x25519)

    static func path(remotePort: UInt16 = 31_022, localNAT: Bool = false, remoteNAT: Bool = true) -> Path {
        Path(
            local: Endpoint(Self.gateway, 4_500), remote: Endpoint(Self.peer, remotePort),
            isLocalBehindNAT: localNAT, isRemoteBehindNAT: remoteNAT,
            usesUDPEncapsulation: localNAT || remoteNAT, confirmedAt: Self.moment)
    }

    /// A CHILD_SA with keys of one repeated byte each, which no output may show.
    static func child(remotePort: UInt16 = 31_022) -> ChildSASpec {
        let keys = { (byte: UInt8) in
            ESPKeys(
                encryption: SecretBytes(copying: [UInt8](repeating: byte, count: 20)),
                integrity: SecretBytes(copying: []))
        }
        return ChildSASpec(
            reqid: 7, inboundSPI: ESPSPI(0xc000_0001), outboundSPI: ESPSPI(0xd000_0002),
            path: Self.path(remotePort: remotePort),
            suite: ESPSuite(
                protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
                sequenceNumbers: .short, keyExchange: nil),
            inboundKeys: keys(0xa5), outboundKeys: keys(0x5a),
            localSelectors: [Self.selector("10.2.0.0/24")], remoteSelectors: [Self.selector("10.1.0.0/24")],
            lifetime: Lifetime(rekey: .seconds(3_000), hard: .seconds(3_600), jitter: .zero))
    }

    static func selector(_ text: String) -> TrafficSelector {
        guard let prefix = IPPrefix(text) else { fatalError("no prefix: \(text)") }
        return TrafficSelector(prefix)
    }
}

/// A folder for one test, which goes with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "culvert-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    /// Writes a file into it; its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = "\(self.path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// The names of the files in it.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: self.path).sorted() }
    }
}
