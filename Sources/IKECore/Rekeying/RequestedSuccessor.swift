internal import IPsecModel

/// New keys for the IKE_SA that we ask for (RFC 7296 §1.3.2).
///
///     asked --answered--> (successor, or a redundant one)
///        \--other group--> asked
///        \--refused, crossed by the peer's--> (given up)
struct RequestedSuccessor {
    /// Our SPI of the IKE_SA that is to come.
    let spi: IKESPI
    /// The group of the KE payload.
    var method: KeyExchangeMethod
    /// What the request under way holds; nil before it is sent.
    var attempt: Attempt?
    /// An IKE_SA of the peer's making, by a request that crossed ours (RFC 7296 §2.8.2).
    var collision: Collision?
    /// True if the IKE_SA is being deleted: what the peer makes of the request is deleted as well.
    var isUnwanted = false
    /// Groups that the peer has refused.
    var refused: Set<KeyExchangeMethod> = []

    /// A request under way.
    struct Attempt {
        let nonce: [UInt8]
        let exchange: any KeyExchange
    }

    /// What the peer's request made.
    struct Collision {
        let ikeSA: IKESA
        /// The lower nonce of the exchange that made it.
        let lowestNonce: [UInt8]
    }
}
