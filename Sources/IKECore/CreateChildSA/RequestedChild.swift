internal import IPsecModel

/// A CHILD_SA that we ask for.
///
///     spi --SPI allocated--> asked --answered--> installing --installed--> (a ChildSA)
///       \--failed              \--refused           \--failed
struct RequestedChild {
    /// What it is asked for.
    enum Purpose: Hashable {
        /// It is the one of IKE_AUTH (RFC 7296 §1.2).
        case first
        /// It comes on top of what the IKE_SA has (RFC 7296 §1.3.1).
        case further
        /// It takes over from the one with this inbound SPI (RFC 7296 §1.3.3).
        case rekeying(ESPSPI)
        /// It comes in place of the one with this inbound SPI, which the peer does not have any more.
        case superseding(ESPSPI)
    }

    /// What is being waited for.
    enum Stage {
        /// The data plane, for an inbound SPI.
        case spi
        /// The peer.
        case asked(ESPSPI)
        /// The data plane, for the installation.
        case installing(ChildSA)
    }

    /// What it is asked for.
    let purpose: Purpose
    /// What it was begun from, which is what is asked once more if it must be; nil in IKE_AUTH.
    let item: ExchangeAgenda.Item?
    /// Its configuration.
    let configuration: ChildConfiguration
    /// The traffic selectors that are offered.
    let selectors: SelectorNarrowing.Result
    /// What is offered in CREATE_CHILD_SA; nil in IKE_AUTH.
    var offer: ChildOffer?
    /// Its registration in the reqid registry; nil as long as it has none.
    var reqidKey: ReqIDRegistry.Key?
    /// The reqid that it will have, as far as is known yet.
    var reqid: UInt32
    /// The request to the data plane.
    var requestID: UInt64
    /// What is being waited for.
    var stage = Stage.spi
    /// What the CREATE_CHILD_SA request that is under way holds; nil before it is sent.
    var attempt: Attempt?
    /// A request of the peer for the same CHILD_SA, which crossed ours (RFC 7296 §2.8.1).
    var collision: Collision?
    /// Halves that the peer deleted and we do not know: perhaps of what it has just made for us.
    var deletedUnknown: [ESPSPI] = []
    /// True if the peer has deleted it before the data plane had installed it.
    var isDeletedByPeer = false
    /// True if it ends as soon as it stands: an operator wants it no more.
    var isUnwanted = false

    /// A CREATE_CHILD_SA request of ours.
    struct Attempt {
        let nonce: [UInt8]
        let exchange: (any KeyExchange)?
    }

    /// A CHILD_SA of the peer's making with the same purpose.
    struct Collision {
        /// The lower nonce of the exchange that makes it.
        let lowestNonce: [UInt8]
        /// Its inbound SPI, once it is installed.
        var successor: ESPSPI?
    }

    /// SPIs in `deletedUnknown` at most; a peer with more of them is not worth the memory.
    static let deletedUnknownLimit = 8

    /// The inbound SPI of the CHILD_SA that it takes over from.
    var replaces: ESPSPI? {
        guard case .rekeying(let spi) = self.purpose else { return nil }
        return spi
    }
}

extension RequestedChild {
    /// What is offered, for a person.
    var description: [String] {
        let list = { (selectors: [TrafficSelector]) in
            selectors.map(\.description).joined(separator: " ")
        }
        return self.configuration.proposals.map(\.description) + [
            "\(self.configuration.name): \(list(self.selectors.local)) === \(list(self.selectors.remote))"
        ]
    }
}

/// Which of two CREATE_CHILD_SA exchanges that crossed is redundant (RFC 7296 §2.8.1, §2.8.2).
enum Redundancy {
    /// The lower of an exchange's nonces.
    static func lowest(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        self.isLower(first, than: second) ? first : second
    }

    /// Octet by octet, and where one ends, that is the lower (RFC 7296 §2.8.1).
    static func isLower(_ nonce: [UInt8], than other: [UInt8]) -> Bool {
        nonce.lexicographicallyPrecedes(other)
    }
}
