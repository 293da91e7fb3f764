import IPsecModel

extension SecurityAssociationPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.init(proposals: [])
        var isLast = reader.isAtEnd
        while !isLast {
            try WireLimits.check(self.proposals.count + 1, limit: WireLimits.proposals, "proposals")
            var body: WireReader
            (isLast, body) = try reader.substructure("proposal", more: ProposalSubstructure.more)
            self.proposals.append(try ProposalSubstructure(from: &body))
            try body.finish("proposal")
        }
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try WireLimits.check(self.proposals.count, limit: WireLimits.proposals, "proposals")
        for (index, proposal) in self.proposals.enumerated() {
            let isLast = index + 1 == self.proposals.count
            try writer.substructure("proposal", more: ProposalSubstructure.more, isLast: isLast) {
                (writer) throws(WireFault) in
                try proposal.write(to: &writer)
            }
        }
    }
}

extension ProposalSubstructure {
    /// The Last Substruc octet of a proposal that others follow.
    fileprivate static let more: UInt8 = 2

    fileprivate init(from reader: inout WireReader) throws(WireFault) {
        let number: UInt8 = try reader.integer("proposal number")
        let protocolID = SecurityProtocol(rawValue: try reader.integer("protocol ID of a proposal"))
        let spiSize: UInt8 = try reader.integer("SPI size of a proposal")
        let count: UInt8 = try reader.integer("number of transforms")
        try Self.check(protocolID, spiSize: Int(spiSize))
        try WireLimits.check(Int(count), limit: WireLimits.transforms, "transforms")
        let spi = Array(try reader.bytes(Int(spiSize), "SPI of a proposal"))
        self.init(number: number, protocolID: protocolID, spi: spi, transformSubstructures: [])
        for index in 0..<count {
            var (isLast, body) = try reader.substructure("transform", more: TransformSubstructure.more)
            guard isLast == (index == count - 1) else {
                throw .badValue(field: "number of transforms", value: UInt64(count))
            }
            self.transformSubstructures.append(try TransformSubstructure(from: &body))
            try body.finish("transform")
        }
    }

    fileprivate func write(to writer: inout WireWriter) throws(WireFault) {
        try Self.check(self.protocolID, spiSize: self.spi.count)
        writer.integer(self.number)
        writer.integer(self.protocolID.rawValue)
        try writer.count(self.spi.count, limit: 255, as: UInt8.self, "SPI size of a proposal")
        let count = self.transformSubstructures.count
        try writer.count(count, limit: WireLimits.transforms, as: UInt8.self, "transforms")
        writer.bytes(self.spi)
        for (index, transform) in self.transformSubstructures.enumerated() {
            let isLast = index + 1 == count
            try writer.substructure("transform", more: TransformSubstructure.more, isLast: isLast) {
                (writer) throws(WireFault) in
                try transform.write(to: &writer)
            }
        }
    }

    /// IKE: none in the initial exchange, 8 octets in a rekey; ESP and AH: 4 (RFC 7296 §3.3.1). Other protocols
    /// are not ours to judge: the proposal is passed over by policy.
    private static func check(_ protocolID: SecurityProtocol, spiSize: Int) throws(WireFault) {
        let isRight: Bool
        switch protocolID {
        case .ike: isRight = spiSize == 0 || spiSize == 8
        case .esp, .ah: isRight = spiSize == 4
        default: isRight = true
        }
        guard isRight else { throw .badValue(field: "SPI size of a proposal", value: UInt64(spiSize)) }
    }
}

extension TransformSubstructure {
    /// The Last Substruc octet of a transform that others follow.
    fileprivate static let more: UInt8 = 3

    fileprivate init(from reader: inout WireReader) throws(WireFault) {
        let type = TransformType(rawValue: try reader.integer("transform type"))
        try reader.skip(1, "reserved octet of a transform")
        let id: UInt16 = try reader.integer("transform ID")
        var keyLength: UInt16?
        var unknown: [TransformAttribute] = []
        var count = 0
        while !reader.isAtEnd {
            count += 1
            try WireLimits.check(count, limit: WireLimits.transformAttributes, "transform attributes")
            let attribute = try TransformAttribute(from: &reader)
            if attribute.type == TransformAttribute.keyLength, case .short(let bits) = attribute.value,
                keyLength == nil
            {
                keyLength = bits
            } else {
                unknown.append(attribute)
            }
        }
        self.init(Transform(type: type, id: id, keyLength: keyLength), unknownAttributes: unknown)
    }

    fileprivate func write(to writer: inout WireWriter) throws(WireFault) {
        var attributes = self.unknownAttributes
        if let bits = self.transform.keyLength {
            attributes.insert(
                TransformAttribute(type: TransformAttribute.keyLength, value: .short(bits)), at: 0)
        }
        try WireLimits.check(
            attributes.count, limit: WireLimits.transformAttributes, "transform attributes")
        writer.integer(self.transform.type.rawValue)
        writer.reserved(1)
        writer.integer(self.transform.id)
        for attribute in attributes { try attribute.write(to: &writer) }
    }
}

extension TransformAttribute {
    /// Attribute Format: set for type/value, clear for type/length/value.
    private static let formatBit: UInt16 = 0x8000

    fileprivate init(from reader: inout WireReader) throws(WireFault) {
        let head: UInt16 = try reader.integer("transform attribute")
        self.type = head & ~Self.formatBit
        if head & Self.formatBit != 0 {
            self.value = .short(try reader.integer("transform attribute"))
        } else {
            let length: UInt16 = try reader.integer("length of a transform attribute")
            self.value = .long(Array(try reader.bytes(Int(length), "transform attribute")))
        }
    }

    fileprivate func write(to writer: inout WireWriter) throws(WireFault) {
        guard self.type & Self.formatBit == 0 else {
            throw .badValue(field: "transform attribute", value: UInt64(self.type))
        }
        switch self.value {
        case .short(let value):
            writer.integer(self.type | Self.formatBit)
            writer.integer(value)
        case .long(let value):
            writer.integer(self.type)
            try writer.lengthPrefixed("transform attribute", headerLength: 0) { (writer) throws(WireFault) in
                writer.bytes(value)
            }
        }
    }
}

// Proposals and transforms begin alike: Last Substruc, a reserved octet, a length that counts all of it.
extension WireReader {
    fileprivate mutating func substructure(
        _ field: String, more: UInt8
    ) throws(WireFault) -> (isLast: Bool, body: WireReader) {
        let last: UInt8 = try self.integer("last substructure")
        guard last == 0 || last == more else {
            throw .badValue(field: "last substructure", value: UInt64(last))
        }
        try self.skip(1, "reserved octet of a " + field)
        let length: UInt16 = try self.integer(field + " length")
        return (last == 0, try self.sub(length: length, headerLength: 4, field))
    }
}

extension WireWriter {
    fileprivate mutating func substructure(
        _ field: String, more: UInt8, isLast: Bool, _ body: (inout WireWriter) throws(WireFault) -> Void
    ) throws(WireFault) {
        self.integer(isLast ? 0 : more)
        self.reserved(1)
        try self.lengthPrefixed(field, headerLength: 4, body)
    }
}
