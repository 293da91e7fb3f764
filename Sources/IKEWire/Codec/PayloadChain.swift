/// A chain of payloads without the message around it: the text of an Encrypted payload.
package enum PayloadChain {
    /// Decodes the text that an Encrypted payload, or all fragments of a message together, protected.
    ///
    /// - Parameters:
    ///   - first: the type of the first payload, `.none` for an empty chain.
    ///   - bytes: the text without its padding.
    /// - Returns: the payloads in the sender's order, and the type of the first one that is unknown and
    ///   critical, or nil.
    /// - Throws: a fault if the shape of a payload is wrong, or one of them would protect others again.
    package static func decode(
        first: PayloadType, _ bytes: ArraySlice<UInt8>
    ) throws(WireFault) -> (payloads: [Payload], unsupportedCritical: PayloadType?) {
        guard bytes.count <= WireLimits.messageOctets else {
            throw .tooLong(field: "payloads", limit: WireLimits.messageOctets, have: bytes.count)
        }
        var reader = WireReader(bytes)
        var chain = ChainDecoder(first: first)
        try chain.readPayloads(from: &reader)
        guard chain.next == .none else {
            throw .badValue(field: "type of a protected payload", value: UInt64(chain.next.rawValue))
        }
        try reader.finish("payloads")
        return (chain.payloads, chain.unsupportedCritical)
    }

    /// Encodes `payloads` in their order.
    ///
    /// - Returns: the type of the first, `.none` if there are none, and the octets of all.
    package static func encode(_ payloads: [Payload]) throws(WireFault) -> (
        first: PayloadType, bytes: [UInt8]
    ) {
        try self.encode(payloads, followedBy: .none)
    }

    /// Encodes `payloads`, after which one of type `last` will come.
    static func encode(
        _ payloads: [Payload], followedBy last: PayloadType
    ) throws(WireFault) -> (first: PayloadType, bytes: [UInt8]) {
        try WireLimits.check(payloads.count, limit: WireLimits.payloads, "payloads")
        var writer = WireWriter()
        let types = payloads.map(\.type) + [last]
        for (payload, next) in zip(payloads, types.dropFirst()) {
            try payload.write(to: &writer, next: next)
        }
        guard writer.octets.count <= WireLimits.messageOctets else {
            throw .tooLong(field: "payloads", limit: WireLimits.messageOctets, have: writer.octets.count)
        }
        return (types.first ?? last, writer.octets)
    }
}

/// Reads payloads until there are no more, or one that protects the rest.
struct ChainDecoder {
    /// The type of the payload that comes next: after `readPayloads`, `.none`, SK or SKF.
    private(set) var next: PayloadType
    private(set) var payloads: [Payload] = []
    private(set) var unsupportedCritical: PayloadType?

    init(first: PayloadType) {
        self.next = first
    }

    mutating func readPayloads(from reader: inout WireReader) throws(WireFault) {
        while self.next != .none, self.next != .encrypted, self.next != .encryptedFragment {
            try WireLimits.check(self.payloads.count + 1, limit: WireLimits.payloads, "payloads")
            let type = self.next
            let (next, isCritical, body) = try reader.payload(type)
            let payload = try Payload(type: type, isCritical: isCritical, body: body)
            if case .unknown = payload, isCritical, self.unsupportedCritical == nil {
                self.unsupportedCritical = type
            }
            self.payloads.append(payload)
            self.next = next
        }
    }
}

extension WireReader {
    /// Reads a generic payload header (RFC 7296 §3.2) and opens the payload's body.
    mutating func payload(
        _ type: PayloadType
    ) throws(WireFault) -> (next: PayloadType, isCritical: Bool, body: WireReader) {
        let next = PayloadType(rawValue: try self.integer("next payload"))
        let flags: UInt8 = try self.integer("critical bit")
        let length: UInt16 = try self.integer("payload length")
        let body = try self.sub(length: length, headerLength: 4, "payload")
        return (next, flags & 0x80 != 0, body)
    }
}
