package import IPsecModel

/// TSi and TSr (RFC 7296 §3.13).
package struct TrafficSelectorPayload: Hashable, Sendable {
    /// The IPv4 and IPv6 selectors in the sender's order.
    package var selectors: [TrafficSelector]
    /// Selectors of other types. None of them may be chosen, but what they would select is missing from
    /// `selectors`.
    package var unknownSelectors: [RawTrafficSelector]

    /// The payload of these selectors.
    package init(selectors: [TrafficSelector], unknownSelectors: [RawTrafficSelector] = []) {
        self.selectors = selectors
        self.unknownSelectors = unknownSelectors
    }
}

/// A traffic selector of a type that we do not know (RFC 7296 §3.13.1).
package struct RawTrafficSelector: Hashable, Sendable {
    /// The TS type.
    package var type: UInt8
    /// The octet between type and length: the IP protocol in the types of RFC 7296.
    package var ipProtocol: UInt8
    /// What follows the length.
    package var body: [UInt8]

    /// A selector as it stands on the wire.
    package init(type: UInt8, ipProtocol: UInt8, body: [UInt8]) {
        self.type = type
        self.ipProtocol = ipProtocol
        self.body = body
    }
}

extension TrafficSelectorPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        let count: UInt8 = try reader.integer("number of traffic selectors")
        try WireLimits.check(Int(count), limit: WireLimits.trafficSelectors, "traffic selectors")
        try reader.skip(3, "reserved octets of TS")
        self.init(selectors: [])
        for _ in 0..<count {
            let type = TSType(rawValue: try reader.integer("TS type"))
            let ipProtocol: UInt8 = try reader.integer("IP protocol of a traffic selector")
            let length: UInt16 = try reader.integer("length of a traffic selector")
            var body = try reader.sub(length: length, headerLength: 4, "traffic selector")
            if let octets = type.addressOctets {
                self.selectors.append(
                    try TrafficSelector(ipProtocol: ipProtocol, addressOctets: octets, from: &body))
            } else {
                self.unknownSelectors.append(
                    RawTrafficSelector(type: type.rawValue, ipProtocol: ipProtocol, body: Array(body.rest())))
            }
            try body.finish("traffic selector")
        }
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try writer.count(
            self.selectors.count + self.unknownSelectors.count, limit: WireLimits.trafficSelectors,
            as: UInt8.self, "traffic selectors")
        writer.reserved(3)
        for selector in self.selectors { try selector.write(to: &writer) }
        for selector in self.unknownSelectors { try selector.write(to: &writer) }
    }
}

/// Traffic selector types (RFC 7296 §3.13.1).
private struct TSType: RawRepresentable, Hashable {
    let rawValue: UInt8

    /// TS_IPV4_ADDR_RANGE.
    static let ipv4 = TSType(rawValue: 7)
    /// TS_IPV6_ADDR_RANGE.
    static let ipv6 = TSType(rawValue: 8)

    /// Octets of an address in a selector of this type; nil for a type that we do not know.
    var addressOctets: Int? {
        switch self {
        case .ipv4: return 4
        case .ipv6: return 16
        default: return nil
        }
    }
}

extension TrafficSelector {
    /// Reads what follows the length: two ports, two addresses.
    fileprivate init(
        ipProtocol: UInt8, addressOctets: Int, from reader: inout WireReader
    ) throws(WireFault) {
        let startPort: UInt16 = try reader.integer("start port")
        let endPort: UInt16 = try reader.integer("end port")
        let start = IPAddress(bytes: try reader.bytes(addressOctets, "starting address"))
        let end = IPAddress(bytes: try reader.bytes(addressOctets, "ending address"))
        let ports: PortSelector
        switch (startPort, endPort) {
        case (65_535, 0): ports = .opaque
        case let (first, last) where first <= last: ports = .range(first...last)
        default: throw .badValue(field: "end port", value: UInt64(endPort))
        }
        guard let start, let end, let addresses = AddressRange(start, end) else {
            throw .badValue(field: "ending address below the starting address", value: 0)
        }
        self.init(ipProtocol: ipProtocol, ports: ports, addresses: addresses)
    }

    fileprivate func write(to writer: inout WireWriter) throws(WireFault) {
        let type: TSType = self.addresses.first.family == .v4 ? .ipv4 : .ipv6
        writer.integer(type.rawValue)
        writer.integer(self.ipProtocol)
        try writer.lengthPrefixed("traffic selector", headerLength: 4) { (writer) throws(WireFault) in
            switch self.ports {
            case .opaque:
                writer.integer(65_535 as UInt16)
                writer.integer(0 as UInt16)
            case .range(let ports):
                writer.integer(ports.lowerBound)
                writer.integer(ports.upperBound)
            }
            writer.bytes(self.addresses.first.bytes)
            writer.bytes(self.addresses.last.bytes)
        }
    }
}

extension RawTrafficSelector {
    fileprivate func write(to writer: inout WireWriter) throws(WireFault) {
        guard TSType(rawValue: self.type).addressOctets == nil else {
            throw .badValue(field: "type of a raw traffic selector", value: UInt64(self.type))
        }
        writer.integer(self.type)
        writer.integer(self.ipProtocol)
        try writer.lengthPrefixed("traffic selector", headerLength: 4) { (writer) throws(WireFault) in
            writer.bytes(self.body)
        }
    }
}
