internal import ControlProtocol

/// What `culvert status` shows: the gateway in a few lines, a line for each peer, and why some are not up.
struct StatusScreen {
    let report: StatusReport
    let palette: Palette
    private let labels: PeerLabels

    /// The screen of `report`.
    init(report: StatusReport, palette: Palette) {
        self.report = report
        self.palette = palette
        self.labels = PeerLabels(report.peers)
    }

    /// The screen, with a newline after each line.
    var text: String {
        let lines =
            [self.programLine] + self.listenLines + self.troubleLines + [""] + self.peerLines
            + self.reasonLines + [self.totalsLine]
        return lines.map { $0 + "\n" }.joined()
    }

    private var programLine: String {
        let config = self.report.config
        let change =
            config.changedOnDisk
            ? self.palette.paint("CHANGED ON DISK since; run: culvert reload", .caution)
            : "no changes on disk"
        return "culvert \(self.report.version)  up \(Units.longSpan(self.report.uptimeSeconds))"
            + "   config \(config.path) (loaded \(Units.date(config.loadedAt)), \(change))"
    }

    /// What would be too wide for most terminals stands on a line of its own.
    private var listenLines: [String] {
        let plane = self.report.dataPlane
        let words = "data plane \(plane.name)" + (plane.reason.isEmpty ? "" : ", \(plane.reason)")
        let listen = "listen  \(self.listenWords)"
        guard listen.count + words.count > 132 else { return ["\(listen)      \(words)"] }
        return [listen, "        \(words)"]
    }

    /// Endpoints of one address and transport together: `192.168.1.10:500, :4500 (udp)`.
    private var listenWords: String {
        var groups: [(key: String, transport: String, endpoints: [String])] = []
        for socket in self.report.listen {
            let (address, port) = socket.endpoint.addressAndPort
            let known = groups.firstIndex { $0.key == address && $0.transport == socket.transport }
            if let known {
                groups[known].endpoints.append(":\(port)")
            } else {
                groups.append((address, socket.transport, [socket.endpoint]))
            }
        }
        guard !groups.isEmpty else { return self.palette.paint("nowhere", .bad) }
        return groups.map { "\($0.endpoints.joined(separator: ", ")) (\($0.transport))" }
            .joined(separator: "  ")
    }

    /// Packets thrown away and peers that are not known yet: shown only when there are some.
    private var troubleLines: [String] {
        var lines: [String] = []
        let counters = self.report.dropped.filter { $0.value > 0 }
            .sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        if !counters.isEmpty {
            let reasons = counters.map { "\($0.key) \(Units.grouped($0.value))" }
            lines.append("dropped \(reasons.joined(separator: ", "))")
        }
        if self.report.halfOpen > 0 {
            lines.append(
                "half-open \(Units.count(self.report.halfOpen, "IKE_SA")): peers about to authenticate, or just refused"
            )
        }
        return lines
    }

    private var peerLines: [String] {
        guard !self.report.peers.isEmpty else {
            return ["no connections are configured in \(self.report.config.path)"]
        }
        var table = Table(header: [
            "PEER", "STATE", "PATH", "CHILDREN", "TRAFFIC in/out", "LAST IN", "REKEY IN",
        ])
        for peer in self.report.peers { table.add(self.row(peer)) }
        return table.lines(self.palette)
    }

    private func row(_ peer: PeerReport) -> [Cell] {
        let now = self.report.reportedAt
        let path = peer.path.map { "\($0.kind.rawValue) \($0.remote)" } ?? peer.currentFailure?.remote ?? "-"
        let isComplete = peer.missingChildren.isEmpty
        let children = "\(peer.childrenUp.count)/\(peer.expectedChildren.count)"
        let lastIn =
            peer.lastInboundAt.map {
                Units.span(now.seconds(since: $0)) + (peer.hasUntimedESP ? " (IKE)" : "")
            }
            ?? (peer.ike == nil ? "-" : "never")
        let rekey = peer.ike?.rekeyAt.map { Units.span($0.seconds(since: now)) } ?? "-"
        return [
            Cell(self.labels[peer]), peer.stateCell, Cell(path),
            Cell(children, isComplete ? .plain : .bad), Cell(self.traffic(peer)), Cell(lastIn), Cell(rekey),
        ]
    }

    /// Bytes of the CHILD_SAs that there are now.
    private func traffic(_ peer: PeerReport) -> String {
        let inbound = peer.children.compactMap(\.bytesIn)
        let outbound = peer.children.compactMap(\.bytesOut)
        guard !inbound.isEmpty || !outbound.isEmpty else { return "-" }
        return "\(Units.bytes(inbound.reduce(0, &+)))/\(Units.bytes(outbound.reduce(0, &+)))"
    }

    /// A line for each peer that is not up, with the next command, and one for each recent stranger.
    private var reasonLines: [String] {
        let now = self.report.reportedAt
        var lines: [String] = []
        for peer in TotalsReport.counted(self.report.peers) {
            guard let reason = peer.whyNotUp(now: now) else { continue }
            let label = self.labels[peer]
            lines.append("  \(self.palette.paint(label, .bad)): \(reason). Run: culvert sa show \(label)")
        }
        for failure in self.report.unmatchedFailures?.prefix(3) ?? [] {
            lines.append("  unknown peer \(failure.remote ?? "-"): \(failure.sentence(now: now))")
            // No other command shows these.
            if let ours = failure.ours { lines.append("    ours    \(ours.joined(separator: ", "))") }
            if let theirs = failure.theirs { lines.append("    theirs  \(theirs.joined(separator: ", "))") }
        }
        return lines
    }

    private var totalsLine: String {
        let peers = TotalsReport.counted(self.report.peers)
        let order: [PeerState] = [.established, .connecting, .deleting, .waiting, .down, .failed]
        let other = Set(peers.map(\.state)).subtracting(order).sorted { $0.rawValue < $1.rawValue }
        let states = (order + other).compactMap { state -> String? in
            let number = peers.count { $0.state == state }
            guard number > 0 else { return nil }
            return "\(number) \(state == .established ? "up" : state.rawValue)"
        }
        let totals = self.report.totals
        let detail = states.isEmpty ? "" : ": \(states.joined(separator: ", "))"
        return "\(Units.count(totals.peers, "peer"))\(detail)"
            + "    \(totals.childrenUp) of \(Units.count(totals.children, "child", plural: "children")) up"
    }
}
