package import IPsecModel

/// What an operator may see of one CHILD_SA.
package struct ChildSASnapshot: Sendable {
    /// The name of its configuration.
    package let name: String
    /// `installed`, `rekeyed` (its successor takes over), `redundant`, `retiring` or `deleting`.
    package let state: String
    /// What the data plane knows of it.
    package let spec: ChildSASpec
    /// False while the CHILD_SA before it still sends.
    package let isOutboundActive: Bool
    /// When it was installed.
    package let installedAt: Instant
    /// When rekeying is due; nil means never.
    package let rekeyAt: Instant?
    /// When it ends if nobody rekeys it; nil means never.
    package let expiresAt: Instant?
}

/// The last change of a path.
package struct PathChangeSnapshot: Hashable, Sendable {
    /// When it was.
    package let at: Instant
    /// Where the peer was before.
    package let from: Endpoint
    /// Where it is since.
    package let to: Endpoint
    /// What told us.
    package let evidence: PathEvidence
}

/// What an operator may see of one IKE_SA. It holds no key of the IKE_SA.
package struct IKESASnapshot: Sendable {
    /// Its name in logs.
    package let label: IKESALabel
    /// The SPI of the original initiator.
    package let initiatorSPI: IKESPI
    /// The SPI of the original responder.
    package let responderSPI: IKESPI
    /// True if we began it.
    package let isOriginalInitiator: Bool
    /// The algorithms.
    package let suite: IKESuite
    /// Who we said we are.
    package let localIdentity: Identity
    /// Who the peer proved to be.
    package let peerIdentity: Identity
    /// Where its packets go.
    package let path: Path
    /// The path's last change; nil if there was none.
    package let lastPathChange: PathChangeSnapshot?
    /// How often the path changed.
    package let pathChanges: UInt64
    /// When IKE_AUTH was done; rekeying does not change it.
    package let establishedAt: Instant
    /// When its keys were made.
    package let since: Instant
    /// When rekeying is due; nil means never.
    package let rekeyAt: Instant?
    /// When it ends if nobody rekeys it; nil means never.
    package let expiresAt: Instant?
    /// How often its keys were renewed.
    package let rekeyCount: UInt64
    /// When something authenticated last came from the peer.
    package let lastHeard: Instant
    /// Silence after which the peer is asked whether it lives.
    package let livenessDelay: Duration?
    /// Probes that were sent since then without an answer.
    package let unansweredProbes: Int
    /// When the next keepalive is due; nil if we are not behind a NAT.
    package let nextKeepalive: Instant?
    /// How many keepalives went out.
    package let keepalivesSent: UInt64
    /// True if messages may be sent in fragments.
    package let fragmentation: Bool
    /// True if both sides follow changes of addresses (RFC 4555 §3.2).
    package let mobike: Bool
    /// The CHILD_SAs.
    package let children: [ChildSASnapshot]
}

extension IKEEngine {
    /// The established IKE_SAs, the oldest first.
    package var snapshots: [IKESASnapshot] {
        self.context.directory.all.compactMap(\.snapshot).sorted { $0.label.uniqueID < $1.label.uniqueID }
    }

    /// What was dropped, and why.
    package var counters: Counters { self.context.counters }

    /// How many IKE_SAs wait for their IKE_AUTH.
    package var halfOpenCount: Int { self.context.directory.halfOpenCount.total }

    /// True if no IKE_SA is left that is established, or waits for the answer to its DELETE.
    package var isIdle: Bool {
        self.context.directory.all.allSatisfy { $0.established == nil && $0.requests.isIdle }
    }
}

extension IKESA {
    var snapshot: IKESASnapshot? {
        guard let established = self.established else { return nil }
        return IKESASnapshot(
            label: self.label, initiatorSPI: self.initiatorSPI, responderSPI: self.responderSPI,
            isOriginalInitiator: self.isOriginalInitiator, suite: self.keys.suite,
            localIdentity: established.localIdentity, peerIdentity: established.peerIdentity,
            path: self.path,
            lastPathChange: self.lastPathChange.map {
                PathChangeSnapshot(at: $0.at, from: $0.from, to: $0.to, evidence: $0.evidence)
            },
            pathChanges: self.pathChanges, establishedAt: established.establishedAt, since: established.since,
            rekeyAt: self.rekeyAt,
            expiresAt: established.expiresAt, rekeyCount: established.rekeyCount,
            lastHeard: self.liveness.lastHeard, livenessDelay: self.connection.livenessDelay,
            unansweredProbes: self.requests.outstanding?.transmissions ?? 0,
            nextKeepalive: self.keepalive.deadline(on: self.path),
            keepalivesSent: self.keepalive.sentCount, fragmentation: self.fragmentationAgreed,
            mobike: self.mobility.isAgreed, children: self.children.map(\.snapshot))
    }
}

extension ChildSA {
    var snapshot: ChildSASnapshot {
        let state =
            switch self.state {
            case .installed: "installed"
            case .rekeyed: "rekeyed"
            case .redundant: "redundant"
            case .retiring: "retiring"
            case .deleting: "deleting"
            }
        return ChildSASnapshot(
            name: self.name, state: state, spec: self.spec, isOutboundActive: self.isOutboundActive,
            installedAt: self.installedAt, rekeyAt: self.rekeyAt, expiresAt: self.expiresAt)
    }
}
