/// Every limit on what a peer can make us hold or do, in one place.
///
/// Each table that a peer can grow is bounded here, with the rule of what goes when it is full.
package struct IKELimits: Hashable, Sendable {
    /// Half-open IKE_SAs above which an IKE_SA_INIT must bring a cookie (RFC 7296 §2.6).
    package var cookieThreshold = 30
    /// Half-open IKE_SAs in all; when full, a new IKE_SA_INIT is dropped.
    package var halfOpenIKESAs = 1_000
    /// Half-open IKE_SAs from one address; when full, a new IKE_SA_INIT from it is dropped.
    package var halfOpenIKESAsPerAddress = 100
    /// How long a half-open IKE_SA waits for its IKE_AUTH.
    package var halfOpenLifetime: Duration = .seconds(30)
    /// Established IKE_SAs; when full, a new IKE_SA_INIT is dropped.
    package var ikeSAs = 50_000
    /// CHILD_SAs of one IKE_SA; when full, NO_ADDITIONAL_SAS.
    package var childSAsPerIKESA = 64
    /// Addresses of one peer (RFC 4555 §3.6); the rest of a longer list is ignored.
    package var peerAddresses = 16
    /// Fragments of one message (RFC 7383 §2.6); a message of more is dropped.
    package var fragmentsPerMessage = 64
    /// Bytes of one reassembled message; a longer one is dropped.
    package var reassembledBytes = 65_536
    /// How long an incomplete set of fragments is kept.
    package var fragmentLifetime: Duration = .seconds(30)
    /// How long a cookie secret is in use before the next (RFC 7296 §2.6); the one before stays valid.
    package var cookieSecretLifetime: Duration = .seconds(120)
    /// How long every IKE_SA_INIT must bring a cookie after one with an impossible public value.
    package static let suspicion: Duration = .seconds(10)
    /// Spans between the retransmissions of a request of ours; after the last the peer is dead.
    ///
    /// 4 s × 1.8ⁿ over five retransmissions, as strongSwan does it: 165 s in all.
    package var retransmission: [Duration] = [4.0, 7.2, 12.96, 23.328, 41.9904, 75.58272].map { .seconds($0) }

    /// At most this part of each of these spans is taken off it by chance, from 0 to 1: many gateways that lost the same
    /// peer at the same moment should not call it again at the same moment.
    package var retransmissionJitter = 0.0

    /// The limits of a gateway with some thousands of peers.
    package init() {}
}
