internal import ESPCore
internal import IPsecModel

/// Inner packets by hand (RFC 768, RFC 791, RFC 8200, RFC 9293).
enum Packets {
    /// A UDP datagram in IPv4 with checksums.
    static func udp(
        from: String = Wire.Addresses.far.inner4, to: String = Wire.Addresses.near.inner4,
        port: UInt16 = 7_000,
        _ data: [UInt8]
    ) throws -> [UInt8] {
        let (source, destination) = (try self.bytes(from), try self.bytes(to))
        let length = self.number(UInt16(8 + data.count))
        var udp = self.number(7_001) + self.number(port) + length + [0, 0] + data
        let sum = self.checksum(source + destination + [0, 17] + length + udp)
        udp.replaceSubrange(6..<8, with: self.number(sum))
        return self.ipv4(source, destination, 17, udp)
    }

    /// A TCP SYN in IPv4 with this maximum segment size.
    static func syn(from: String, to: String, port: UInt16, mss: UInt16) throws -> [UInt8] {
        let (source, destination) = (try self.bytes(from), try self.bytes(to))
        var tcp = self.number(7_001) + self.number(port) + [0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff]
        tcp += [0, 0, 0, 0] + [2, 4] + self.number(mss)
        let sum = self.checksum(source + destination + [0, 6] + self.number(UInt16(tcp.count)) + tcp)
        tcp.replaceSubrange(16..<18, with: self.number(sum))
        return self.ipv4(source, destination, 6, tcp)
    }

    /// The segment that acknowledges a SYN-ACK, both in IPv4.
    static func acknowledgment(of packet: [UInt8]) throws -> [UInt8] {
        let (source, destination) = (Array(packet[16..<20]), Array(packet[12..<16]))
        let next = packet.span.load32(24) &+ 1
        var tcp = Array(packet[22..<24]) + Array(packet[20..<22]) + Array(packet[28..<32])
        tcp += self.number(UInt16(next >> 16)) + self.number(UInt16(truncatingIfNeeded: next))
        tcp += [0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]
        let sum = self.checksum(source + destination + [0, 6, 0, 20] + tcp)
        tcp.replaceSubrange(16..<18, with: self.number(sum))
        return self.ipv4(source, destination, 6, tcp)
    }

    private static func ipv4(
        _ source: [UInt8], _ destination: [UInt8], _ ipProtocol: UInt8, _ payload: [UInt8]
    ) -> [UInt8] {
        var header: [UInt8] = [0x45, 0] + self.number(UInt16(20 + payload.count))
        header += [0, 0, 0, 0, 64, ipProtocol, 0, 0] + source + destination
        header.replaceSubrange(10..<12, with: self.number(self.checksum(header)))
        return header + payload
    }

    /// The ones' complement of the ones' complement sum; 0 over bytes that hold their checksum (RFC 1071).
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum = 0
        for (index, byte) in bytes.enumerated() {
            sum += index.isMultiple(of: 2) ? Int(byte) << 8 : Int(byte)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(sum)
    }

    private static func bytes(_ text: String) throws -> [UInt8] {
        let number = UInt32(truncatingIfNeeded: try address(text).number)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func number(_ value: UInt16) -> [UInt8] {
        [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
    }
}
