/// A payload of an IKE message, other than SK and SKF, which protect payloads.
package enum Payload: Hashable, Sendable {
    case securityAssociation(SecurityAssociationPayload)
    case keyExchange(KeyExchangePayload)
    case idInitiator(IdentificationPayload)
    case idResponder(IdentificationPayload)
    case certificate(CertificatePayload)
    case certificateRequest(CertificateRequestPayload)
    case authentication(AuthenticationPayload)
    case nonce(NoncePayload)
    case notify(NotifyPayload)
    case delete(DeletePayload)
    case vendorID(VendorIDPayload)
    case tsInitiator(TrafficSelectorPayload)
    case tsResponder(TrafficSelectorPayload)
    case configuration(ConfigurationPayload)
    case eap(EAPPayload)
    /// Of a type that we do not know.
    case unknown(RawPayload)

    /// The payload's type on the wire.
    package var type: PayloadType {
        switch self {
        case .securityAssociation: return .securityAssociation
        case .keyExchange: return .keyExchange
        case .idInitiator: return .idInitiator
        case .idResponder: return .idResponder
        case .certificate: return .certificate
        case .certificateRequest: return .certificateRequest
        case .authentication: return .authentication
        case .nonce: return .nonce
        case .notify: return .notify
        case .delete: return .delete
        case .vendorID: return .vendorID
        case .tsInitiator: return .tsInitiator
        case .tsResponder: return .tsResponder
        case .configuration: return .configuration
        case .eap: return .eap
        case .unknown(let raw): return raw.type
        }
    }
}

/// A payload that we do not know, as it stands on the wire.
package struct RawPayload: Hashable, Sendable {
    /// Its type, never one that `Payload` has a case for.
    package var type: PayloadType
    /// The critical bit: a recipient that does not know the type must refuse the message (RFC 7296 §2.5).
    package var isCritical: Bool
    /// What follows the generic payload header.
    package var body: [UInt8]

    /// A payload of a type without a case in `Payload`.
    package init(type: PayloadType, isCritical: Bool = false, body: [UInt8]) {
        self.type = type
        self.isCritical = isCritical
        self.body = body
    }
}

extension RawPayload: PayloadBody {
    func write(to writer: inout WireWriter) throws(WireFault) {
        // It would not be decoded as what it is here.
        guard !self.type.isKnown else {
            throw .badValue(field: "type of a raw payload", value: UInt64(self.type.rawValue))
        }
        writer.bytes(self.body)
    }
}
