package import IKEWire
package import IPsecModel

/// What the test peer is and does.
package struct PeerSettings {
    /// What it says of the addresses of its packets (RFC 7296 §2.23).
    package enum NATDetectionStyle: Hashable, Sendable {
        /// The truth as it sees it.
        case honest
        /// Nothing: it does not do NAT traversal.
        case none
        /// A source that is no address, to force encapsulation.
        case fakeSource
        /// Several sources, its own the last.
        case severalSources
    }

    /// Its address, which a NAT may change.
    package var address: IPAddress
    /// Where the gateway is.
    package var gateway: IPAddress
    /// Who it says it is.
    package var identity: Identity = .fqdn("a.example.org")
    /// Whom it asks for (IDr).
    package var askedIdentity: Identity?
    /// The pre-shared key.
    package var psk: [UInt8] = Array("a secret that only A and B know".utf8)
    /// What it offers for the IKE_SA.
    package var ikeProposals: [Proposal] = [PeerSettings.ikeProposal(.x25519)]
    /// The group of its KE payload.
    package var keyExchange: KeyExchangeMethod = .x25519
    /// What it offers for the first CHILD_SA; empty for an IKE_SA without one.
    package var espProposals: [Proposal] = [PeerSettings.espProposal]
    /// TSi.
    package var ownSelectors: [TrafficSelector]
    /// TSr.
    package var gatewaySelectors: [TrafficSelector]
    /// What it says of addresses.
    package var natDetection: NATDetectionStyle = .honest
    /// True to send INITIAL_CONTACT.
    package var saysInitialContact = false
    /// Octets of a message above which it sends fragments; nil if it does not do fragmentation.
    package var fragmentOctets: Int?
    /// Payloads at the end of IKE_SA_INIT.
    package var extraInitPayloads: [Payload] = []
    /// Payloads in IKE_AUTH, after AUTH.
    package var extraAuthPayloads: [Payload] = []
    /// Changes the payloads of IKE_SA_INIT before they are encoded.
    package var rewriteInit: ([Payload]) -> [Payload] = { $0 }
    /// Changes the octets of IKE_SA_INIT; AUTH covers what comes out.
    package var mangleInit: ([UInt8]) -> [UInt8] = { $0 }
    /// Changes the payloads of IKE_AUTH before they are encoded.
    package var rewriteAuth: ([Payload]) -> [Payload] = { $0 }
    /// Changes the text of protected requests before it is sealed; nil for no change.
    package var mangleText: ((ExchangeType, [UInt8]) -> [UInt8])?
    /// The reserved octets of its IDi, which AUTH covers; `mangleText` has to put them there.
    package var identityReserved: [UInt8] = [0, 0, 0]
    /// Octets of its nonces.
    package var nonceLength = 32
    /// Spans before its retransmissions; after the last it gives up.
    package var retransmission: [Duration] = [1, 2, 4, 8, 16, 32].map { .seconds($0) }
    /// True to answer the gateway's requests.
    package var answersRequests = true
    /// What it answers the gateway's requests with; nil for what belongs there.
    package var fixedAnswer: [Payload]?
    /// True to answer an INVALID_KE_PAYLOAD with that group, and a COOKIE with the cookie.
    package var followsAdvice = true

    /// A peer at `address` with 10.1.0.0/24 behind it, whose gateway has 10.2.0.0/24 behind it.
    package init(address: IPAddress, gateway: IPAddress) {
        self.address = address
        self.gateway = gateway
        self.ownSelectors = [IPPrefix("10.1.0.0/24")].compactMap { $0 }.map { TrafficSelector($0) }
        self.gatewaySelectors = [IPPrefix("10.2.0.0/24")].compactMap { $0 }.map { TrafficSelector($0) }
    }

    /// aes128gcm16-prfsha256 with one group.
    package static func ikeProposal(_ group: KeyExchangeMethod) -> Proposal {
        Proposal(.ike, [.encryption(.aesGCM16, 128), .prf(.hmacSHA256), .keyExchange(group)])
    }

    /// aes128gcm16 without extended sequence numbers.
    package static let espProposal = Proposal(
        .esp, [.encryption(.aesGCM16, 128), .sequenceNumbers(.short)])
}

/// A CHILD_SA as the test peer sees it.
package struct PeerChild {
    /// The SPI of packets to the peer.
    package let inboundSPI: ESPSPI
    /// The SPI of packets to the gateway.
    package let outboundSPI: ESPSPI
    /// The algorithms.
    package let suite: ESPSuite
    /// Keys of packets to the peer.
    package let inboundKeys: ESPKeys
    /// Keys of packets to the gateway.
    package let outboundKeys: ESPKeys
    /// The narrowed TSi of the exchange, the peer's side.
    package let ownSelectors: [TrafficSelector]
    /// The narrowed TSr, the gateway's side.
    package let gatewaySelectors: [TrafficSelector]
    /// The last sequence number that was sent.
    var sequence: UInt32 = 0
}

/// A request of the test peer.
package final class PeerRequest {
    /// The exchange.
    package let exchange: ExchangeType
    /// Its message ID.
    package let messageID: UInt32
    /// The message, in one datagram or several, without markers.
    package let datagrams: [[UInt8]]
    /// How often it was sent.
    package internal(set) var transmissions = 0
    /// What the gateway answered; nil as long as it did not.
    package internal(set) var answer: [Payload]?
    /// True if the peer sends it no more.
    package internal(set) var gaveUp = false
    /// The IKE_SA; nil for IKE_SA_INIT.
    let ikeSA: PeerIKESA?
    var retryAt: Instant?
    let completion: (PeerRequest) throws -> Void

    init(
        exchange: ExchangeType, messageID: UInt32, datagrams: [[UInt8]], ikeSA: PeerIKESA?,
        completion: @escaping (PeerRequest) throws -> Void
    ) {
        self.exchange = exchange
        self.messageID = messageID
        self.datagrams = datagrams
        self.ikeSA = ikeSA
        self.completion = completion
    }

    /// True if it was answered, or given up.
    package var isOver: Bool { self.answer != nil || self.gaveUp }

    /// The notifies of the answer.
    package var notifies: [NotifyPayload] {
        (self.answer ?? []).compactMap { if case .notify(let notify) = $0 { notify } else { nil } }
    }

    /// The first error notify of the answer.
    package var error: NotifyType? { self.notifies.first { $0.type.isError }?.type }
}

extension [Payload] {
    var securityAssociation: SecurityAssociationPayload? {
        self.compactMap { if case .securityAssociation(let payload) = $0 { payload } else { nil } }.first
    }
    var keyExchange: KeyExchangePayload? {
        self.compactMap { if case .keyExchange(let payload) = $0 { payload } else { nil } }.first
    }
    var nonce: [UInt8]? {
        self.compactMap { if case .nonce(let payload) = $0 { payload.nonce } else { nil } }.first
    }
    var notifies: [NotifyPayload] {
        self.compactMap { if case .notify(let payload) = $0 { payload } else { nil } }
    }
    var deletes: [DeletePayload] {
        self.compactMap { if case .delete(let payload) = $0 { payload } else { nil } }
    }
    var selectors: (tsi: [TrafficSelector], tsr: [TrafficSelector])? {
        var tsi: [TrafficSelector]?
        var tsr: [TrafficSelector]?
        for payload in self {
            if case .tsInitiator(let payload) = payload { tsi = payload.selectors }
            if case .tsResponder(let payload) = payload { tsr = payload.selectors }
        }
        guard let tsi, let tsr else { return nil }
        return (tsi, tsr)
    }
}
