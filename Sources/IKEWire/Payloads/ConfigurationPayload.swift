/// CP (RFC 7296 §3.15).
package struct ConfigurationPayload: Hashable, Sendable {
    /// Asked, answered, set or acknowledged.
    package var type: ConfigurationType
    /// The attributes in the sender's order.
    package var attributes: [ConfigurationAttribute]

    /// The payload of `attributes`.
    package init(type: ConfigurationType, attributes: [ConfigurationAttribute]) {
        self.type = type
        self.attributes = attributes
    }
}

/// One attribute of a Configuration payload (RFC 7296 §3.15.1).
package struct ConfigurationAttribute: Hashable, Sendable {
    /// INTERNAL_IP4_ADDRESS.
    package static let internalIP4Address: UInt16 = 1
    /// INTERNAL_IP4_DNS.
    package static let internalIP4DNS: UInt16 = 3
    /// APPLICATION_VERSION.
    package static let applicationVersion: UInt16 = 7
    /// INTERNAL_IP6_ADDRESS.
    package static let internalIP6Address: UInt16 = 8
    /// INTERNAL_IP6_DNS.
    package static let internalIP6DNS: UInt16 = 10
    /// INTERNAL_IP4_SUBNET.
    package static let internalIP4Subnet: UInt16 = 13
    /// SUPPORTED_ATTRIBUTES.
    package static let supportedAttributes: UInt16 = 14
    /// INTERNAL_IP6_SUBNET.
    package static let internalIP6Subnet: UInt16 = 15

    /// The attribute's type, 0 to 32767.
    package var type: UInt16
    /// The attribute's value; empty where the sender asks for one.
    package var value: [UInt8]

    /// The attribute `type` with `value`.
    package init(type: UInt16, value: [UInt8] = []) {
        self.type = type
        self.value = value
    }
}

extension ConfigurationPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.type = ConfigurationType(rawValue: try reader.integer("CFG type"))
        try reader.skip(3, "reserved octets of CP")
        var attributes: [ConfigurationAttribute] = []
        while !reader.isAtEnd {
            try WireLimits.check(
                attributes.count + 1, limit: WireLimits.configurationAttributes, "configuration attributes")
            attributes.append(try ConfigurationAttribute(from: &reader))
        }
        self.attributes = attributes
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try WireLimits.check(
            self.attributes.count, limit: WireLimits.configurationAttributes, "configuration attributes")
        writer.integer(self.type.rawValue)
        writer.reserved(3)
        for attribute in self.attributes { try attribute.write(to: &writer) }
    }
}

extension ConfigurationAttribute {
    init(from reader: inout WireReader) throws(WireFault) {
        // The top bit is reserved (RFC 7296 §3.15.1).
        self.type = try reader.integer("configuration attribute", as: UInt16.self) & 0x7fff
        let length: UInt16 = try reader.integer("length of a configuration attribute")
        self.value = Array(try reader.bytes(Int(length), "configuration attribute"))
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        guard self.type < 0x8000 else {
            throw .badValue(field: "configuration attribute", value: UInt64(self.type))
        }
        writer.integer(self.type)
        try writer.lengthPrefixed("configuration attribute", headerLength: 0) { (writer) throws(WireFault) in
            writer.bytes(self.value)
        }
    }
}
