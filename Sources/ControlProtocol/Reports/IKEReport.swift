/// An IKE_SA.
package struct IKEReport: Hashable, Sendable, Codable {
    /// The number that tells it from others of its connection; a rekeyed IKE_SA keeps it.
    package var id: UInt64
    /// The major version of IKE.
    package var version: Int
    /// True if we set it up.
    package var isInitiator: Bool
    /// The initiator's SPI: 16 hexadecimal digits.
    package var initiatorSPI: String
    /// The responder's SPI: 16 hexadecimal digits.
    package var responderSPI: String
    /// When the peer was authenticated.
    package var establishedAt: Timestamp
    /// How often it was rekeyed since.
    package var rekeys: Int
    /// When it was last rekeyed; nil if never.
    package var rekeyedAt: Timestamp?
    /// When we rekey it unless the peer does so before; nil means never.
    package var rekeyAt: Timestamp?
    /// When it ends if nobody rekeys it; nil means never.
    package var expiresAt: Timestamp?
    /// The algorithms, such as `aes256gcm16-prfsha384-ecp384`.
    package var proposal: String
    /// Us.
    package var local: PartyReport
    /// The peer.
    package var remote: PartyReport
    /// The largest IP packet with a fragment of a message (RFC 7383); nil if messages are sent whole.
    package var fragmentSize: Int?
    /// True if both sides follow changes of addresses (MOBIKE, RFC 4555); nil if the daemon does not tell.
    package var mobike: Bool?

    /// An IKE_SA that was never rekeyed; times that are due are set afterwards.
    package init(
        id: UInt64, isInitiator: Bool, initiatorSPI: String, responderSPI: String, establishedAt: Timestamp,
        proposal: String, local: PartyReport, remote: PartyReport
    ) {
        self.id = id
        self.version = 2
        self.isInitiator = isInitiator
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.establishedAt = establishedAt
        self.rekeys = 0
        self.proposal = proposal
        self.local = local
        self.remote = remote
    }

    private enum CodingKeys: String, CodingKey {
        case id, version, rekeys, proposal, local, remote, mobike
        case isInitiator = "initiator"
        case initiatorSPI = "spi_i"
        case responderSPI = "spi_r"
        case establishedAt = "established_at"
        case rekeyedAt = "rekeyed_at"
        case rekeyAt = "rekey_at"
        case expiresAt = "expires_at"
        case fragmentSize = "fragment_size"
    }
}

/// One end of an IKE_SA.
package struct PartyReport: Hashable, Sendable, Codable {
    /// Who it says it is, such as `gw.example.org`.
    package var identity: String
    /// How it proved that: `psk`.
    package var authentication: String

    /// The end that proved its `identity` by `authentication`.
    package init(identity: String, authentication: String) {
        self.identity = identity
        self.authentication = authentication
    }

    private enum CodingKeys: String, CodingKey {
        case identity = "id"
        case authentication = "auth"
    }
}

/// How the packets of an IKE_SA and its CHILD_SAs travel.
package struct PathReport: Hashable, Sendable, Codable {
    /// How ESP travels; a client may meet kinds that it does not know.
    package struct Kind: RawRepresentable, Hashable, Sendable, Codable {
        /// The word in the field `kind`.
        package let rawValue: String
        /// The kind called `rawValue`.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// ESP is an IP protocol of its own.
        package static let direct = Kind(rawValue: "direct")
        /// ESP is in UDP (RFC 3948).
        package static let udpEncapsulation = Kind(rawValue: "udp-encap")
    }

    /// How ESP travels.
    package var kind: Kind
    /// Our address and port.
    package var local: String
    /// The peer's address and port, as we see them.
    package var remote: String
    /// When a packet that verified last came this way.
    package var confirmedAt: Timestamp
    /// What that packet was: `ike` or `esp`.
    package var confirmedBy: String

    /// The path from `local` to `remote`.
    package init(
        kind: Kind, local: String, remote: String, confirmedAt: Timestamp, confirmedBy: String = "ike"
    ) {
        self.kind = kind
        self.local = local
        self.remote = remote
        self.confirmedAt = confirmedAt
        self.confirmedBy = confirmedBy
    }

    private enum CodingKeys: String, CodingKey {
        case kind, local, remote
        case confirmedAt = "confirmed_at"
        case confirmedBy = "confirmed_by"
    }
}

/// What is known of NATs between us and a peer.
package struct NATReport: Hashable, Sendable, Codable {
    /// What is known of one side.
    package struct Side: Hashable, Sendable, Codable {
        /// True if a NAT changes its address or port (RFC 7296 §2.23).
        package var behind: Bool

        /// A side that is `behind` a NAT or not.
        package init(behind: Bool) {
            self.behind = behind
        }
    }

    /// A change of the peer's address or port that we followed.
    package struct Change: Hashable, Sendable, Codable {
        /// When we followed it.
        package var at: Timestamp
        /// The peer's address and port before.
        package var from: String
        /// The peer's address and port since.
        package var to: String
        /// What came from there and verified: `ike` or `esp`.
        package var seenIn: String

        /// The change `from` one endpoint `to` another.
        package init(at: Timestamp, from: String, to: String, seenIn: String) {
            self.at = at
            self.from = from
            self.to = to
            self.seenIn = seenIn
        }

        private enum CodingKeys: String, CodingKey {
            case at, from, to
            case seenIn = "seen_in"
        }
    }

    /// Us.
    package var local: Side
    /// The peer.
    package var remote: Side
    /// The last change of the peer's mapping; nil if it is as it was at first.
    package var lastChange: Change?
    /// How often the mapping changed.
    package var changes: UInt64
    /// Seconds of our silence after which a keepalive is due; nil if none are sent.
    package var keepaliveSeconds: Int64?
    /// When the next keepalive is due if we send nothing else before.
    package var nextKeepaliveAt: Timestamp?
    /// Keepalives sent.
    package var keepalivesSent: UInt64

    /// What is known of a mapping that never changed and needs no keepalives; all else is set afterwards.
    package init(local: Side, remote: Side) {
        self.local = local
        self.remote = remote
        self.changes = 0
        self.keepalivesSent = 0
    }

    private enum CodingKeys: String, CodingKey {
        case local, remote, changes
        case lastChange = "last_change"
        case keepaliveSeconds = "keepalive_s"
        case nextKeepaliveAt = "next_keepalive_at"
        case keepalivesSent = "keepalives_sent"
    }
}
