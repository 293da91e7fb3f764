import IPsecModel

/// A TCP segment or UDP datagram, written by the letter of RFC 791, 8200, 9293 and 768.
struct TransportPacket {
    enum Flag {
        static let fin: UInt8 = 0x01
        static let syn: UInt8 = 0x02
        static let rst: UInt8 = 0x04
        static let psh: UInt8 = 0x08
        static let ack: UInt8 = 0x10
        static let urg: UInt8 = 0x20
        static let ece: UInt8 = 0x40
        static let cwr: UInt8 = 0x80
    }

    var family = AddressFamily.v4
    var isTCP = true
    var host: UInt8 = 9
    var sourcePort: UInt16 = 40_000
    var destinationPort: UInt16 = 443
    var trafficClass: UInt8 = 0
    var flowLabel: UInt32 = 0x12345
    var timeToLive: UInt8 = 64
    var identification: UInt16 = 0x1234
    /// The upper three bits of IPv4's fragment field: 0x40 is Don't Fragment.
    var ipFlags: UInt8 = 0x40
    var ipOptions: [UInt8] = []
    var sequence: UInt32 = 0x0102_0304
    var acknowledgment: UInt32 = 0x0a0b_0c0d
    var flags = Flag.ack
    /// Four bits between TCP's data offset and its flags; the lowest is AE (RFC 9768 §3.1).
    var reserved: UInt8 = 0
    var window: UInt16 = 501
    var urgent: UInt16 = 0
    var options: [UInt8] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
    var payload: [UInt8] = []

    static func udp(_ family: AddressFamily, _ payload: [UInt8]) -> TransportPacket {
        TransportPacket(family: family, isTCP: false, options: [], payload: payload)
    }

    static func tcp(_ family: AddressFamily, _ payload: [UInt8]) -> TransportPacket {
        TransportPacket(family: family, payload: payload)
    }

    var ipHeaderLength: Int { self.family == .v4 ? 20 + self.ipOptions.count : 40 }
    var headersLength: Int { self.ipHeaderLength + (self.isTCP ? 20 + self.options.count : 8) }

    /// The packet with its checksums.
    var bytes: [UInt8] {
        var transport = self.transport
        let field = self.isTCP ? 16 : 6
        let sum = onesComplementSum(self.pseudoHeader(transport.count) + transport)
        transport.set16(Int(~sum == 0 && !self.isTCP ? 0xffff : ~sum), at: field)
        return self.ipHeader(transport.count) + transport
    }

    /// The packet as one that is to be cut or whose checksum is to be completed: that is only the pseudo-header's.
    var partialBytes: [UInt8] {
        var transport = self.transport
        transport.set16(
            Int(onesComplementSum(self.pseudoHeader(transport.count))), at: self.isTCP ? 16 : 6)
        return self.ipHeader(transport.count) + transport
    }

    private var ports: [UInt8] {
        [self.sourcePort, self.destinationPort].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    }

    private var transport: [UInt8] {
        guard self.isTCP else {
            let length = 8 + self.payload.count
            return self.ports + [UInt8(length >> 8), UInt8(length & 0xff), 0, 0] + self.payload
        }
        var header = self.ports + [UInt8](repeating: 0, count: 16) + self.options
        for (offset, number) in [(4, self.sequence), (8, self.acknowledgment)] {
            header.set16(Int(number >> 16), at: offset)
            header.set16(Int(number & 0xffff), at: offset + 2)
        }
        header[12] = UInt8(header.count / 4) << 4 | self.reserved
        header[13] = self.flags
        header.set16(Int(self.window), at: 14)
        header.set16(Int(self.urgent), at: 18)
        return header + self.payload
    }

    private var addresses: [UInt8] {
        self.family == .v4
            ? [10, 2, 0, self.host, 10, 1, 0, 7]
            : [0xfd, 0, 0, 2] + [UInt8](repeating: 0, count: 11) + [self.host]
                + [0xfd, 0, 0, 1] + [UInt8](repeating: 0, count: 11) + [7]
    }

    private func pseudoHeader(_ length: Int) -> [UInt8] {
        self.addresses + [0, self.isTCP ? 6 : 17, UInt8(length >> 8), UInt8(length & 0xff)]
    }

    private func ipHeader(_ length: Int) -> [UInt8] {
        let ipProtocol: UInt8 = self.isTCP ? 6 : 17
        guard self.family == .v4 else {
            let word = 6 << 28 | UInt32(self.trafficClass) << 20 | self.flowLabel
            return stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
                + [UInt8(length >> 8), UInt8(length & 0xff), ipProtocol, self.timeToLive] + self.addresses
        }
        var header = [UInt8(0x40 | self.ipHeaderLength / 4), self.trafficClass, 0, 0, 0, 0, self.ipFlags, 0]
        header += [self.timeToLive, ipProtocol, 0, 0] + self.addresses + self.ipOptions
        header.set16(header.count + length, at: 2)
        header.set16(Int(self.identification), at: 4)
        header.storeIPv4Checksum()
        return header
    }
}

/// `count` bytes of payload that differ from place to place.
func payload(_ count: Int, from first: Int = 0) -> [UInt8] {
    (first..<(first + count)).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 8) }
}
