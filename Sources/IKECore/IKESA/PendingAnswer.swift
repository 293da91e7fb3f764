internal import IKEWire
internal import IPsecModel

/// A request of the peer whose answer waits for the data plane: a CHILD_SA on its way.
///
///     spi --SPI allocated--> installing --installed--> (answered)
///        \--failed--> (answered with an error)  \--failed--> (answered with an error)
struct PendingAnswer {
    /// What the data plane works on.
    enum Stage {
        /// It looks for an inbound SPI.
        case spi
        /// It installs the CHILD_SA.
        case installing(ChildSA)
    }

    /// The exchange to be answered.
    let exchange: ExchangeType
    /// Where the request came from.
    let arrival: Arrival
    /// Payloads before those of the CHILD_SA: IDr and AUTH in IKE_AUTH.
    let prefix: [Payload]
    /// The CHILD_SA that was negotiated.
    let negotiated: NegotiatedChild
    /// The reqid it will have.
    let reqid: UInt32
    /// The request to the data plane.
    var requestID: UInt64
    /// What the data plane works on.
    var stage: Stage
    /// True if a rekeying of ours that crossed it made the better CHILD_SA (RFC 7296 §2.8.1).
    var isRedundant = false
}

/// A CHILD_SA that both sides agree on, before it has an SPI of ours.
struct NegotiatedChild {
    /// Its configuration.
    let configuration: ChildConfiguration
    /// The peer's choice of ours, to be echoed.
    let chosen: ProposalChoice.Chosen
    /// The algorithms.
    let suite: ESPSuite
    /// The peer's inbound SPI.
    let outboundSPI: ESPSPI
    /// The narrowed traffic selectors.
    let selectors: SelectorNarrowing.Result
    /// The requester's nonce.
    let requesterNonce: [UInt8]
    /// Ours.
    let answererNonce: [UInt8]
    /// Our public value and the secret, if fresh keys were wanted (PFS).
    let exchanged: (publicValue: [UInt8], secret: SecretBytes)?
    /// The inbound SPI of the CHILD_SA that it replaces.
    let replaces: ESPSPI?
}

/// A move of the path that the data plane works on.
struct PendingMove {
    /// The request to the data plane.
    let requestID: UInt64
    /// Where to.
    let target: Path
    /// The inbound SPIs of the CHILD_SAs that move.
    let children: [ESPSPI]
    /// True if IKE takes the new path when the CHILD_SAs have; false if it has taken one already.
    var leadsIKE: Bool
    /// Those of them whose outbound half is to be activated when it is known where.
    var activations: [ESPSPI] = []
}
