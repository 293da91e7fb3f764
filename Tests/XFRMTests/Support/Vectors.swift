internal import Foundation
internal import IPsecModel
internal import Netlink
internal import Testing

@testable internal import XFRM

/// A file of Vectors: lines of a name, fields in between, and bytes at the end; `#` begins a comment.
struct VectorFile {
    private var lines: [(name: String, fields: [String])] = []

    init(_ file: String) throws {
        let url = try #require(
            Bundle.module.url(forResource: file, withExtension: "txt", subdirectory: "Vectors"))
        for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        where !line.hasPrefix("#") {
            let fields = line.split(separator: " ").map(String.init)
            self.lines.append((fields[0], Array(fields.dropFirst())))
        }
    }

    /// The fields of each line called `name`.
    func all(_ name: String) -> [[String]] { self.lines.filter { $0.name == name }.map(\.fields) }

    /// The bytes of each line called `name`.
    func bytes(_ name: String) throws -> [[UInt8]] {
        let found = try self.all(name).map { try fromHex(try #require($0.last)) }
        try #require(!found.isEmpty, "no vector is called \(name)")
        return found
    }
}

/// Bytes from two digits each; spaces are passed over.
func fromHex(_ text: String) throws -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    return try stride(from: 0, to: digits.count, by: 2).map { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return try #require(UInt8(digits[start...].prefix(2), radix: 16))
    }
}

/// Key bytes as in the vectors: upwards from `first`.
func key(_ count: Int, from first: UInt8 = 1) -> SecretBytes {
    SecretBytes(copying: (0..<count).map { first &+ UInt8($0) })
}

func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

func selector(_ prefix: String, ipProtocol: UInt8 = 0, ports: PortSelector = .any) throws -> TrafficSelector {
    TrafficSelector(
        ipProtocol: ipProtocol, ports: ports, addresses: AddressRange(try #require(IPPrefix(prefix))))
}

func range(_ first: String, _ last: String) throws -> AddressRange {
    try #require(AddressRange(try address(first), try address(last)))
}

/// A CHILD_SA with the addresses, SPIs and keys of the vectors.
func child(
    _ encryption: EncryptionAlgorithm = .aesGCM16, bits: Int = 128, integrity: IntegrityAlgorithm? = nil,
    numbers: SequenceNumbers = .short, window: UInt32 = 0, path: Path? = nil,
    local: [TrafficSelector] = [], remote: [TrafficSelector] = [],
    lifetime: Lifetime = Lifetime(rekey: nil, hard: nil, jitter: .zero)
) throws -> ChildSASpec {
    let protection = ProtectionSuite(encryption: encryption, keyLength: bits, integrity: integrity)
    let keys = ESPKeys(
        encryption: key(protection.encryptionKeyBytes, from: integrity == nil ? 1 : 65),
        integrity: key(protection.integrityKeyBytes))
    return ChildSASpec(
        reqid: 0x4356_0001, inboundSPI: ESPSPI(0xc123_4567), outboundSPI: ESPSPI(0xc123_4567),
        path: try path ?? route(),
        suite: ESPSuite(
            protection: protection, sequenceNumbers: numbers, keyExchange: nil),
        inboundKeys: keys, outboundKeys: keys, localSelectors: local, remoteSelectors: remote,
        replayWindow: window, lifetime: lifetime)
}

/// The way of the vectors, from 192.0.2.1 port 4500 to 198.51.100.7 port 61001.
func route(
    _ local: String = "192.0.2.1", _ remote: String = "198.51.100.7", inUDP: Bool = false,
    reversed: Bool = false
) throws -> Path {
    let ends = [Endpoint(try address(local), 4_500), Endpoint(try address(remote), 61_001)]
    return Path(
        local: ends[reversed ? 1 : 0], remote: ends[reversed ? 0 : 1], usesUDPEncapsulation: inUDP,
        confirmedAt: .origin)
}

extension NetlinkRequest {
    /// What follows the header.
    var payload: [UInt8] { Array(self.bytes.dropFirst(NetlinkMessage.headerLength)) }
}
