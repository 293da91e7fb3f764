import ESPCore
import IPsecModel
import Testing

/// The bytes that `hex` spells; the test fails if it spells none.
func octets(_ hex: String) throws -> [UInt8] {
    let digits = try hex.utf8.filter { $0 != 32 && $0 != 10 }.map { digit in
        try #require(Character(UnicodeScalar(digit)).hexDigitValue)
    }
    try #require(digits.count.isMultiple(of: 2))
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// The packet that `hex` spells, or nil if it is not well-formed.
func parsed(_ hex: String) throws -> InnerPacket? { parsed(try octets(hex)) }

/// The packet that all of `bytes` is, or nil if it is not well-formed.
func parsed(_ bytes: [UInt8]) -> InnerPacket? { parsed(bytes, 0..<bytes.count) }

/// The packet at the beginning of `range`, or nil if it is not well-formed.
func parsed(_ bytes: [UInt8], _ range: Range<Int>) -> InnerPacket? { InnerPacket(bytes.span, range) }

/// A selector such as `10.0.0.0/8` or `10.0.0.1-10.0.0.9`.
func selector(
    _ addresses: String, _ ipProtocol: UInt8 = 0, _ ports: PortSelector = .any
) throws -> TrafficSelector {
    let ends = addresses.split(separator: "-").map(String.init)
    if ends.count == 2 {
        let first = try #require(IPAddress(ends[0]))
        let range = try #require(IPAddress(ends[1]).flatMap { AddressRange(first, $0) })
        return TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: range)
    }
    let prefix = try #require(IPPrefix(addresses))
    return TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: AddressRange(prefix))
}

/// An IPv4 or IPv6 packet between two addresses with its payload. The header checksum is not filled in.
func packet(_ source: String, _ destination: String, _ ipProtocol: UInt8, _ payload: [UInt8]) throws
    -> [UInt8]
{
    let source = try #require(IPAddress(source))
    let destination = try #require(IPAddress(destination))
    func word(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
    switch source.family {
    case .v4:
        return [0x45, 0] + word(20 + payload.count) + [0, 0, 0, 0, 64, ipProtocol, 0, 0] + source.bytes
            + destination.bytes + payload
    case .v6:
        return [0x60, 0, 0, 0] + word(payload.count) + [ipProtocol, 64] + source.bytes + destination.bytes
            + payload
    }
}

/// The head of a TCP or UDP header.
func ports(_ source: UInt16, _ destination: UInt16) -> [UInt8] {
    [source, destination].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } + [0, 0, 0, 0]
}

/// Numbers that look random and are the same in each run (xorshift64*).
struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed | 1 }

    mutating func next() -> UInt64 {
        self.state ^= self.state >> 12
        self.state ^= self.state << 25
        self.state ^= self.state >> 27
        return self.state &* 0x2545_f491_4f6c_dd1d
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next() >> 32) }
    }

    /// Fewer than `limit` bytes, most of which look somewhat like a packet.
    mutating func packet(upTo limit: Int) -> [UInt8] {
        var bytes = self.bytes(Int(self.next() % UInt64(limit)))
        guard bytes.count >= 40 else { return bytes }
        let length = Int(self.next() % UInt64(bytes.count + 3))
        if self.next() & 1 == 0 {
            bytes[0] = 0x40 | UInt8(5 + self.next() % 8)
            (bytes[2], bytes[3]) = (0, UInt8(length))
        } else {
            bytes[0] = 0x60
            (bytes[4], bytes[5]) = (0, UInt8(max(0, length - 40)))
            bytes[6] = [0, 43, 44, 60, 17, 6, 58][Int(self.next() % 7)]
            for offset in stride(from: 40, to: bytes.count - 1, by: 8) where self.next() & 1 == 0 {
                bytes[offset] = [0, 43, 44, 60, 17, 6, 58][Int(self.next() % 7)]
                bytes[offset + 1] = UInt8(self.next() % 3)
            }
        }
        return bytes
    }
}
