/// What told us that a path is the one in use.
package enum PathEvidence: String, Hashable, Sendable {
    /// An authenticated IKE message came this way.
    case ike
    /// The kernel saw authenticated ESP come this way.
    case esp
}

/// How IKE and every CHILD_SA of an IKE_SA reach the peer: one value for both, so that they move together.
package struct Path: Hashable, Sendable {
    /// Our address and port.
    package var local: Endpoint
    /// The peer's address and port, as we see them.
    package var remote: Endpoint
    /// True if our address was translated on the way (RFC 7296 §2.23).
    package var isLocalBehindNAT: Bool
    /// True if the peer's address was translated on the way.
    package var isRemoteBehindNAT: Bool
    /// True if ESP travels in UDP, because of a NAT or because the configuration says so.
    package var usesUDPEncapsulation: Bool
    /// When the path was last confirmed.
    package var confirmedAt: Instant
    /// By what it was confirmed.
    package var confirmedBy: PathEvidence

    /// A path that was just seen in use.
    package init(
        local: Endpoint, remote: Endpoint, isLocalBehindNAT: Bool = false, isRemoteBehindNAT: Bool = false,
        usesUDPEncapsulation: Bool = false, confirmedAt: Instant, confirmedBy: PathEvidence = .ike
    ) {
        self.local = local
        self.remote = remote
        self.isLocalBehindNAT = isLocalBehindNAT
        self.isRemoteBehindNAT = isRemoteBehindNAT
        self.usesUDPEncapsulation = usesUDPEncapsulation
        self.confirmedAt = confirmedAt
        self.confirmedBy = confirmedBy
    }
}
