internal import IPsecModel

/// One CHILD_SA: a pair of ESP SAs (RFC 7296 §1.3).
///
///     installed --rekeyed by the peer--> rekeyed --DELETE--> (gone)
///         \--DELETE sent by us--> deleting --answered--> (gone)
struct ChildSA {
    /// Where a CHILD_SA is in its life.
    enum State: Hashable {
        /// It carries traffic, or will when `isOutboundActive`.
        case installed
        /// The one with this inbound SPI takes over; the peer will delete this one.
        case rekeyed(successor: ESPSPI)
        /// We sent a DELETE; the data plane has it no more.
        case deleting
    }

    /// The name of its configuration.
    let name: String
    /// What the data plane knows of it.
    var spec: ChildSASpec
    /// When it was installed.
    let installedAt: Instant
    /// When rekeying is due; nil means never.
    let rekeyAt: Instant?
    /// When it ends if nobody rekeys it; nil means never.
    let expiresAt: Instant?
    /// Its registration in the reqid registry.
    let reqidKey: ReqIDRegistry.Key
    /// Where it is in its life.
    var state: State = .installed
    /// False as long as the one before still sends, since the peer may not know this one yet.
    var isOutboundActive: Bool
    /// When the outbound half is activated even without the peer's DELETE of the one before.
    var activatesAt: Instant?
}
