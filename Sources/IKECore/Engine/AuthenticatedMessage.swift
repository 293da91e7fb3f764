internal import IKEWire
internal import IPsecModel

/// Where a message came from, and where to.
struct Arrival: Hashable {
    let source: Endpoint
    let destination: Endpoint
    let socket: IKESocketKind
}

/// A message whose ICV is right: the only kind that an IKE_SA acts on.
struct AuthenticatedMessage {
    let header: IKEHeader
    let payloads: [Payload]
    /// An unknown payload that the sender insists on (RFC 7296 §2.5).
    let unsupportedCriticalPayload: PayloadType?
    let arrival: Arrival
}

extension [Payload] {
    /// The first SA payload.
    var securityAssociation: SecurityAssociationPayload? {
        self.lazy.compactMap { if case .securityAssociation(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first KE payload.
    var keyExchange: KeyExchangePayload? {
        self.lazy.compactMap { if case .keyExchange(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first nonce.
    var nonce: [UInt8]? {
        self.lazy.compactMap { if case .nonce(let payload) = $0 { payload.nonce } else { nil } }.first
    }

    /// The first IDi payload.
    var idInitiator: IdentificationPayload? {
        self.lazy.compactMap { if case .idInitiator(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first IDr payload.
    var idResponder: IdentificationPayload? {
        self.lazy.compactMap { if case .idResponder(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first AUTH payload.
    var authentication: AuthenticationPayload? {
        self.lazy.compactMap { if case .authentication(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first TSi payload.
    var tsInitiator: TrafficSelectorPayload? {
        self.lazy.compactMap { if case .tsInitiator(let payload) = $0 { payload } else { nil } }.first
    }

    /// The first TSr payload.
    var tsResponder: TrafficSelectorPayload? {
        self.lazy.compactMap { if case .tsResponder(let payload) = $0 { payload } else { nil } }.first
    }

    /// All notifies.
    var notifies: [NotifyPayload] {
        self.compactMap { if case .notify(let payload) = $0 { payload } else { nil } }
    }

    /// All Delete payloads.
    var deletes: [DeletePayload] {
        self.compactMap { if case .delete(let payload) = $0 { payload } else { nil } }
    }

    /// The first notify of `type`.
    func notify(_ type: NotifyType) -> NotifyPayload? {
        self.notifies.first { $0.type == type }
    }
}
