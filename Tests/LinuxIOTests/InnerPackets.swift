/// IPv4 packets for TUN tests, and the checksum that they need (RFC 1071).
enum InnerPackets {
    /// The ones' complement of the ones' complement sum; 0 over bytes that hold their checksum.
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum = 0
        for (index, byte) in bytes.enumerated() {
            sum += index.isMultiple(of: 2) ? Int(byte) << 8 : Int(byte)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(sum)
    }

    /// A UDP datagram in IPv4 (RFC 768, RFC 791), with checksums.
    static func udp(from: [UInt8], _ sourcePort: UInt16, to: [UInt8], _ port: UInt16, _ data: [UInt8])
        -> [UInt8]
    {
        let length = number(UInt16(8 + data.count))
        var udp = number(sourcePort) + number(port) + length + [0, 0] + data
        let sum = self.checksum(from + to + [0, 17] + length + udp)
        udp.replaceSubrange(6..<8, with: number(sum))
        var header: [UInt8] =
            [0x45, 0] + number(UInt16(20 + udp.count)) + [0, 0, 0, 0, 64, 17, 0, 0] + from + to
        header.replaceSubrange(10..<12, with: number(self.checksum(header)))
        return header + udp
    }

    /// True if the UDP datagram in `packet` has the right checksum.
    static func hasGoodUDPChecksum(_ packet: [UInt8]) -> Bool {
        let udp = Array(packet[20...])
        return self.checksum(Array(packet[12..<20]) + [0, 17] + number(UInt16(udp.count)) + udp) == 0
    }

    private static func number(_ value: UInt16) -> [UInt8] {
        [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
    }
}
