/// What follows the generic header of a payload.
///
/// A type that we know also has `init(from:)`, which reads the body; its caller makes sure that nothing is
/// left over.
protocol PayloadBody {
    /// Writes the body as `init(from:)` reads it.
    func write(to writer: inout WireWriter) throws(WireFault)
}

extension Payload {
    /// Decodes the body of a payload; of an unknown type it is kept as it is.
    init(type: PayloadType, isCritical: Bool, body: WireReader) throws(WireFault) {
        var reader = body
        switch type {
        case .securityAssociation: self = .securityAssociation(try .init(from: &reader))
        case .keyExchange: self = .keyExchange(try .init(from: &reader))
        case .idInitiator: self = .idInitiator(try .init(from: &reader))
        case .idResponder: self = .idResponder(try .init(from: &reader))
        case .certificate: self = .certificate(try .init(from: &reader))
        case .certificateRequest: self = .certificateRequest(try .init(from: &reader))
        case .authentication: self = .authentication(try .init(from: &reader))
        case .nonce: self = .nonce(try .init(from: &reader))
        case .notify: self = .notify(try .init(from: &reader))
        case .delete: self = .delete(try .init(from: &reader))
        case .vendorID: self = .vendorID(try .init(from: &reader))
        case .tsInitiator: self = .tsInitiator(try .init(from: &reader))
        case .tsResponder: self = .tsResponder(try .init(from: &reader))
        case .configuration: self = .configuration(try .init(from: &reader))
        case .eap: self = .eap(try .init(from: &reader))
        default: self = .unknown(RawPayload(type: type, isCritical: isCritical, body: Array(reader.rest())))
        }
        try reader.finish(type.name)
    }

    /// Writes the payload with its generic header (RFC 7296 §3.2). The critical bit is that of an unknown
    /// payload; for the types of RFC 7296 it is zero.
    func write(to writer: inout WireWriter, next: PayloadType) throws(WireFault) {
        writer.integer(next.rawValue)
        writer.integer(self.isCritical ? 0x80 as UInt8 : 0)
        try writer.lengthPrefixed(self.type.name, headerLength: 4) { (writer) throws(WireFault) in
            try self.body.write(to: &writer)
        }
    }

    private var isCritical: Bool {
        guard case .unknown(let raw) = self else { return false }
        return raw.isCritical
    }

    private var body: any PayloadBody {
        switch self {
        case .securityAssociation(let body): return body
        case .keyExchange(let body): return body
        case .idInitiator(let body), .idResponder(let body): return body
        case .certificate(let body): return body
        case .certificateRequest(let body): return body
        case .authentication(let body): return body
        case .nonce(let body): return body
        case .notify(let body): return body
        case .delete(let body): return body
        case .vendorID(let body): return body
        case .tsInitiator(let body), .tsResponder(let body): return body
        case .configuration(let body): return body
        case .eap(let body): return body
        case .unknown(let body): return body
        }
    }
}
