import CryptoOpenSSL
import ESPCore
import Foundation
import IPsecModel
import Testing

extension ESPSuite {
    /// Every suite that a CHILD_SA can have here, with short and with extended numbers.
    static let all: [ESPSuite] = [SequenceNumbers.short, .extended].flatMap { numbers in
        [
            ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            ProtectionSuite(encryption: .aesGCM16, keyLength: 256, integrity: nil),
            ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
            ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
            ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA384),
            ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA256),
            ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
        ].map { ESPSuite(protection: $0, sequenceNumbers: numbers, keyExchange: nil) }
    }

    /// AES-128-GCM, where the suite makes no difference.
    static func gcm(_ numbers: SequenceNumbers) -> ESPSuite {
        ESPSuite(
            protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            sequenceNumbers: numbers, keyExchange: nil)
    }

    /// Keys of the right lengths; the bytes are 0, 1, 2, …
    var someKeys: ESPKeys {
        ESPKeys(
            encryption: SecretBytes(copying: (0..<self.protection.encryptionKeyBytes).map(UInt8.init)),
            integrity: SecretBytes(copying: (0..<self.protection.integrityKeyBytes).map(UInt8.init)))
    }
}

/// Both ends of one direction of a CHILD_SA: the peer, behind which are 10.2.0.0/16 and fd00:2::/32, sends to us,
/// who are before 10.1.0.0/16 and fd00:1::/32.
struct SAEnds {
    let suite: ESPSuite
    let sender: OutboundSA
    let receiver: InboundSA
    /// Seals what an honest sender would not.
    private let forger: any ESPTransform
    static let spi: UInt32 = 0xc123_4567

    init(
        _ suite: ESPSuite = .gcm(.short), after sequenceNumber: UInt64 = 0,
        _ change: (inout ChildSASpec) -> Void = { _ in }
    ) throws {
        let provider = OpenSSLProvider()
        let here = Endpoint(try #require(IPAddress("192.0.2.1")), 4_500)
        var child = ChildSASpec(
            reqid: 1, inboundSPI: ESPSPI(Self.spi), outboundSPI: ESPSPI(Self.spi),
            path: Path(local: here, remote: here, confirmedAt: .origin), suite: suite,
            inboundKeys: suite.someKeys, outboundKeys: suite.someKeys,
            localSelectors: [try selector("10.1.0.0/16"), try selector("fd00:1::/32")],
            remoteSelectors: [try selector("10.2.0.0/16"), try selector("fd00:2::/32")],
            lifetime: Lifetime(rekey: nil, hard: nil, jitter: .zero))
        change(&child)
        self.suite = suite
        self.sender = OutboundSA(
            child, transform: try provider.transform(suite, keys: child.outboundKeys, .outbound),
            sequenceNumber: sequenceNumber)
        self.receiver = InboundSA(
            child, transform: try provider.transform(suite, keys: child.inboundKeys, .inbound))
        self.forger = try provider.transform(suite, keys: child.outboundKeys, .outbound)
    }

    /// The ESP packet around `inner`, as the sender makes it.
    func sealed(_ inner: [UInt8], nextHeader: UInt8? = nil) throws -> [UInt8] {
        let (outcome, bytes) = self.seal(inner, nextHeader: nextHeader)
        guard case .sealed(let count) = outcome else {
            throw Unexpected(outcome: outcome)
        }
        try #require(count == bytes.count)
        return bytes
    }

    struct Unexpected: Error { let outcome: OutboundSA.Outcome }

    /// How sealing ends, and the memory afterwards.
    func seal(_ inner: [UInt8], nextHeader: UInt8? = nil) -> (OutboundSA.Outcome, [UInt8]) {
        let length = self.sender.sealedLength(of: inner.count)
        var bytes = [UInt8](repeating: 0xee, count: length)
        let start = self.sender.headerLength
        bytes.replaceSubrange(start..<(start + inner.count), with: inner)
        var memory = bytes.mutableSpan
        let version = inner.first.map { $0 >> 4 } ?? 4
        let outcome = self.sender.seal(
            &memory, at: 0, innerCount: inner.count, nextHeader: nextHeader ?? (version == 4 ? 4 : 41))
        return (outcome, bytes)
    }

    /// An ESP packet with this number and a text with any trailer.
    func forged(_ number: UInt64, _ text: [UInt8], spi: UInt32 = Self.spi) throws -> [UInt8] {
        let start = 8 + self.forger.ivLength
        var bytes = [UInt8](repeating: 0, count: start + text.count + self.forger.icvLength)
        bytes.replaceSubrange(start..<(start + text.count), with: text)
        for index in 0..<4 {
            bytes[index] = UInt8(truncatingIfNeeded: spi >> (24 - 8 * UInt32(index)))
            bytes[4 + index] = UInt8(truncatingIfNeeded: number >> (24 - 8 * UInt64(index)))
        }
        var memory = bytes.mutableSpan
        try self.forger.seal(&memory, 0..<memory.count, sequenceNumber: number)
        return bytes
    }

    /// An ESP packet of Next Header `nextHeader` whose pad length is the right one.
    func forged(_ number: UInt64, inner: [UInt8], nextHeader: UInt8, padding: UInt8? = nil) throws -> [UInt8]
    {
        let block = self.forger.alignment
        let needed = (block - (inner.count + 2) % block) % block
        return try self.forged(
            number, inner + [UInt8](repeating: 0x77, count: needed) + [padding ?? UInt8(needed), nextHeader])
    }

    /// What the receiver makes of `packet`: the inner packet's bytes, none for a dummy packet.
    func opened(_ packet: [UInt8], outerClass: UInt8 = 0) throws(InboundSA.Refusal) -> [UInt8]? {
        var bytes = packet
        var memory = bytes.mutableSpan
        let opened = try self.receiver.open(&memory, 0..<packet.count, outerClass: outerClass)
        return opened.packet.map { Array(bytes[$0.range]) }
    }

    /// Why the receiver refuses `packet`; nil if it does not.
    func refusal(_ packet: [UInt8], outerClass: UInt8 = 0) -> InboundSA.Refusal? {
        do throws(InboundSA.Refusal) {
            _ = try self.opened(packet, outerClass: outerClass)
            return nil
        } catch {
            return error
        }
    }
}

/// An inner packet from the peer's side to ours with `count` bytes of payload.
func innerPacket(_ family: AddressFamily, _ count: Int) throws -> [UInt8] {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
    switch family {
    case .v4: return try packet("10.2.0.9", "10.1.0.7", 253, payload)
    case .v6: return try packet("fd00:2::9", "fd00:1::7", 253, payload)
    }
}

extension [UInt8] {
    /// The same bytes with one bit changed.
    func flipping(_ bit: Int) -> [UInt8] {
        var copy = self
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return copy
    }
}
