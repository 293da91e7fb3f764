/// How the gateway and all its peers are.
package struct StatusReport: Hashable, Sendable, Codable {
    /// The daemon's clock when the report was made; ages and spans are counted from here.
    package var reportedAt: Timestamp
    /// The release that runs.
    package var version: String
    /// When the daemon started.
    package var startedAt: Timestamp
    /// Seconds since the start, by a clock that nobody sets.
    package var uptimeSeconds: Int64
    /// The configuration in force.
    package var config: ConfigReport
    /// Where IKE is heard.
    package var listen: [ListenReport]
    /// What carries ESP.
    package var dataPlane: DataPlaneReport
    /// IKE_SAs whose peer has not authenticated itself yet.
    package var halfOpen: Int
    /// Packets thrown away since the start, by reason in words such as `malformed`; zeros are left out.
    package var dropped: [String: UInt64]
    /// The peers, counted.
    package var totals: TotalsReport
    /// One entry for each IKE_SA and one for each connection that has none, in the configuration's order.
    package var peers: [PeerReport]
    /// Recent failures of peers that could not be told to belong to one connection, the newest first.
    package var unmatchedFailures: [FailureReport]?

    /// The report of these; the totals are counted here.
    package init(
        reportedAt: Timestamp, version: String = Release.version, startedAt: Timestamp, uptimeSeconds: Int64,
        config: ConfigReport, listen: [ListenReport], dataPlane: DataPlaneReport, halfOpen: Int,
        dropped: [String: UInt64], peers: [PeerReport], unmatchedFailures: [FailureReport]? = nil
    ) {
        self.reportedAt = reportedAt
        self.version = version
        self.startedAt = startedAt
        self.uptimeSeconds = uptimeSeconds
        self.config = config
        self.listen = listen
        self.dataPlane = dataPlane
        self.halfOpen = halfOpen
        self.dropped = dropped
        self.totals = TotalsReport(peers)
        self.peers = peers
        self.unmatchedFailures = unmatchedFailures
    }

    private enum CodingKeys: String, CodingKey {
        case version, config, listen, dropped, totals, peers
        case reportedAt = "reported_at"
        case startedAt = "started_at"
        case uptimeSeconds = "uptime_s"
        case dataPlane = "data_plane"
        case halfOpen = "half_open"
        case unmatchedFailures = "unmatched_failures"
    }
}

/// The configuration in force.
package struct ConfigReport: Hashable, Sendable, Codable {
    /// The path of its file.
    package var path: String
    /// When it was read.
    package var loadedAt: Timestamp
    /// True if the file, or one that it includes, is no longer as it was read.
    package var changedOnDisk: Bool

    /// The configuration read from `path` at `loadedAt`.
    package init(path: String, loadedAt: Timestamp, changedOnDisk: Bool) {
        self.path = path
        self.loadedAt = loadedAt
        self.changedOnDisk = changedOnDisk
    }

    private enum CodingKeys: String, CodingKey {
        case path
        case loadedAt = "loaded_at"
        case changedOnDisk = "changed_on_disk"
    }
}

/// A socket for IKE.
package struct ListenReport: Hashable, Sendable, Codable {
    /// Address and port, such as `192.168.1.10:500` or `[::]:4500`.
    package var endpoint: String
    /// What is below IKE: `udp`.
    package var transport: String

    /// The socket at `endpoint`.
    package init(endpoint: String, transport: String = "udp") {
        self.endpoint = endpoint
        self.transport = transport
    }
}

/// What carries ESP.
package struct DataPlaneReport: Hashable, Sendable, Codable {
    /// The engine with its version, such as `kernel-xfrm (Linux 6.12)`.
    package var name: String
    /// Why this engine was taken.
    package var reason: String
    /// Packets that the engine threw away since the start, by reason in words such as `unknown_spi`; nil if it is the
    /// kernel's, which counts for itself.
    package var dropped: [String: UInt64]?

    /// The engine `name`, taken for `reason`.
    package init(name: String, reason: String, dropped: [String: UInt64]? = nil) {
        self.name = name
        self.reason = reason
        self.dropped = dropped
    }
}

/// Peers and children, counted. An IKE_SA that is being deleted counts only if nothing stands in its place.
package struct TotalsReport: Hashable, Sendable, Codable {
    /// Entries in `peers`.
    package var peers: Int
    /// Those of them with an established IKE_SA.
    package var peersUp: Int
    /// Children that the configuration gives to these peers.
    package var children: Int
    /// Those of them that carry packets.
    package var childrenUp: Int

    /// Counts `peers`.
    package init(_ peers: [PeerReport]) {
        let counted = Self.counted(peers)
        self.peers = counted.count
        self.peersUp = counted.count { $0.state == .established }
        self.children = counted.reduce(0) { $0 + $1.expectedChildren.count }
        self.childrenUp = counted.reduce(0) { $0 + $1.childrenUp.count }
    }

    /// Those of `peers` that count.
    package static func counted(_ peers: [PeerReport]) -> [PeerReport] {
        let standing = Set(peers.filter { $0.state != .deleting }.map(\.name))
        return peers.filter { $0.state != .deleting || !standing.contains($0.name) }
    }

    /// True if each peer is established and each of its children carries packets.
    package var isAllUp: Bool { self.peersUp == self.peers && self.childrenUp == self.children }

    private enum CodingKeys: String, CodingKey {
        case peers, children
        case peersUp = "peers_up"
        case childrenUp = "children_up"
    }
}
