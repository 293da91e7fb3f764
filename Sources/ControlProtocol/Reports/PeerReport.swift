/// One IKE_SA, or a connection that has none.
package struct PeerReport: Hashable, Sendable, Codable {
    /// The connection's name.
    package var name: String
    /// Whether it is up, and what it is otherwise.
    package var state: PeerState
    /// What the configuration says; nil if a reload removed the connection and the IKE_SA is still there.
    package var configured: ConfiguredReport?
    /// The IKE_SA; nil if there is none.
    package var ike: IKEReport?
    /// How its packets travel.
    package var path: PathReport?
    /// What is known of NATs on the way.
    package var nat: NATReport?
    /// Whether the peer is heard.
    package var liveness: LivenessReport?
    /// The CHILD_SAs, the newest first within each name.
    package var children: [ChildReport]
    /// What last went wrong; it stays after a later success.
    package var lastFailure: FailureReport?

    /// The connection `name` without IKE_SA; all else is set afterwards.
    package init(name: String, state: PeerState, configured: ConfiguredReport?) {
        self.name = name
        self.state = state
        self.configured = configured
        self.children = []
    }

    /// Names of the children that the configuration gives to the peer, or else of those that it has.
    package var expectedChildren: [String] {
        self.configured?.children ?? Set(self.children.map(\.name)).sorted()
    }

    /// Names of the expected children that carry packets.
    package var childrenUp: [String] {
        guard self.state == .established else { return [] }
        let up = Set(self.children.filter { $0.state == .installed }.map(\.name))
        return self.expectedChildren.filter { up.contains($0) }
    }

    private enum CodingKeys: String, CodingKey {
        case name, state, configured, ike, path, nat, liveness, children
        case lastFailure = "last_failure"
    }
}

/// What a peer is doing; a client may meet states that it does not know.
package struct PeerState: RawRepresentable, Hashable, Sendable, Codable {
    /// The word in the field `state`.
    package let rawValue: String
    /// The state called `rawValue`.
    package init(rawValue: String) { self.rawValue = rawValue }

    /// Its IKE_SA is authenticated and in use.
    package static let established = PeerState(rawValue: "established")
    /// An IKE_SA with it is being set up.
    package static let connecting = PeerState(rawValue: "connecting")
    /// Its IKE_SA is replaced or ended, and about to go.
    package static let deleting = PeerState(rawValue: "deleting")
    /// It has no IKE_SA and never had one; it is its turn to begin.
    package static let waiting = PeerState(rawValue: "waiting")
    /// It had an IKE_SA, which ended in order.
    package static let down = PeerState(rawValue: "down")
    /// It has no IKE_SA, because the last one or the last attempt failed; `last_failure` says why.
    package static let failed = PeerState(rawValue: "failed")
}

/// What the configuration says of a connection.
package struct ConfiguredReport: Hashable, Sendable, Codable {
    /// Our addresses that it is for, such as `%any`.
    package var localAddresses: [String]
    /// Addresses that the peer may come from.
    package var remoteAddresses: [String]
    /// Who the peer may be, such as `*.example.org`.
    package var remoteIdentity: String
    /// Names of its children.
    package var children: [String]
    /// What this side does by itself: `start` if a child starts, `trap` if one waits for a packet; nil if the peer must begin.
    package var startAction: String?

    /// What the configuration says in these places.
    package init(
        localAddresses: [String], remoteAddresses: [String], remoteIdentity: String, children: [String],
        startAction: String? = nil
    ) {
        self.localAddresses = localAddresses
        self.remoteAddresses = remoteAddresses
        self.remoteIdentity = remoteIdentity
        self.children = children
        self.startAction = startAction
    }

    private enum CodingKeys: String, CodingKey {
        case children
        case startAction = "start_action"
        case localAddresses = "local_addrs"
        case remoteAddresses = "remote_addrs"
        case remoteIdentity = "remote_id"
    }
}

/// Whether the peer is heard (RFC 7296 §2.4).
package struct LivenessReport: Hashable, Sendable, Codable {
    /// Seconds of silence after which the peer is asked whether it lives; nil means never.
    package var delaySeconds: Int64?
    /// When the last IKE message or ESP packet came that verified; nil if none did since the start.
    package var lastInboundAt: Timestamp?
    /// Questions sent since the peer was last heard.
    package var unanswered: Int

    /// A peer last heard at `lastInboundAt`.
    package init(delaySeconds: Int64?, lastInboundAt: Timestamp?, unanswered: Int = 0) {
        self.delaySeconds = delaySeconds
        self.lastInboundAt = lastInboundAt
        self.unanswered = unanswered
    }

    private enum CodingKeys: String, CodingKey {
        case unanswered
        case delaySeconds = "delay_s"
        case lastInboundAt = "last_inbound_at"
    }
}

/// What went wrong.
package struct FailureReport: Hashable, Sendable, Codable {
    /// When it happened.
    package var at: Timestamp
    /// The exchange, in the RFC's word such as `IKE_SA_INIT`, or `liveness`, or `kernel`.
    package var stage: String
    /// The RFC's name of the error notify; nil if none was sent.
    package var notify: String?
    /// True if the peer sent the notify, false if we did; nil if there was none.
    package var isFromPeer: Bool?
    /// Where the peer was, as address and port.
    package var remote: String?
    /// One sentence without capital and full stop.
    package var reason: String
    /// What we would have accepted or did offer, the preferred first, in the configuration's spelling.
    package var ours: [String]?
    /// What the peer offered.
    package var theirs: [String]?

    /// The failure of `stage` for `reason`; all else is set afterwards.
    package init(at: Timestamp, stage: String, reason: String) {
        self.at = at
        self.stage = stage
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case at, stage, notify, remote, reason, ours, theirs
        case isFromPeer = "from_peer"
    }
}
