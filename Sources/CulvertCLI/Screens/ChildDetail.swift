internal import ControlProtocol

/// One CHILD_SA of `culvert sa show`.
struct ChildDetail {
    private let child: ChildReport
    private let path: PathReport?
    private let now: Timestamp
    private let palette: Palette

    /// The CHILD_SA `child` of a peer.
    init(child: ChildReport, of peer: PeerDetail) {
        self.child = child
        self.path = peer.peer.path
        self.now = peer.now
        self.palette = peer.palette
    }

    /// What it is, what it carries, and how long it lasts.
    var lines: [String] {
        let local = self.child.localTS.joined(separator: ", ")
        let remote = self.child.remoteTS.joined(separator: ", ")
        return [
            self.headLine,
            "    ts        \(local) === \(remote)",
            "    esp       \(self.algorithmWords)",
        ] + self.counterLines + ["    life      \(self.lifeWords)"]
    }

    private var headLine: String {
        let cell = self.child.stateCell
        let state = self.palette.paint(cell.text.uppercased(), cell.tone)
        return "  child \(self.palette.paint(self.child.name, .heading))   \(state)  \(self.child.mode)  "
            + "\(self.encapsulationWords)   reqid \(self.child.reqid)"
    }

    private var encapsulationWords: String {
        guard self.child.encap != "none" else { return "not encapsulated" }
        guard let path = self.path else { return "\(self.child.encap)-encap" }
        return
            "\(self.child.encap)-encap \(path.local.addressAndPort.port)->\(path.remote.addressAndPort.port)"
    }

    private var algorithmWords: String {
        // The name may carry the keyword already, as in a proposal.
        let name = self.child.esp.hasSuffix("-esn") ? String(self.child.esp.dropLast(4)) : self.child.esp
        let window =
            self.child.replayWindow == 0 ? "no replay window" : "replay window \(self.child.replayWindow)"
        return "\(name), \(self.child.esn ? "esn" : "no esn"), \(window)\(self.sizeWords)"
    }

    private var sizeWords: String {
        guard let mtu = self.child.mtu, let path = self.child.pathMTU, let mss = self.child.mss else {
            return ""
        }
        return "     mtu \(mtu) (path \(path)), mss clamped to \(mss)"
    }

    private var counterLines: [String] {
        var table = Table(indentation: 4, rightAligned: [2, 3])
        table.add(
            ["in ", Cell("     \(self.child.inboundSPI)")]
                + self.counters(self.child.bytesIn, self.child.packetsIn, self.child.lastInAt)
                + [Cell(self.refusedWords)])
        table.add(
            ["out", Cell("     \(self.child.outboundSPI)")]
                + self.counters(self.child.bytesOut, self.child.packetsOut, self.child.lastOutAt)
                + [Cell(self.sequenceWords)])
        return table.lines(self.palette)
    }

    private func counters(_ bytes: UInt64?, _ packets: UInt64?, _ lastUse: Timestamp?) -> [Cell] {
        guard let bytes, let packets else { return ["counters not available"] }
        let last = lastUse.map { "last \(Units.ago($0, now: self.now))" } ?? (packets == 0 ? "unused" : "")
        return [Cell("\(Units.grouped(bytes)) B"), Cell("\(Units.grouped(packets)) pkts"), Cell(last)]
    }

    private var refusedWords: String {
        let counters = [
            ("late", self.child.late), ("replayed", self.child.replayed), ("bad-icv", self.child.badICV),
        ]
        return counters.compactMap { name, count in count.map { "\(name) \(Units.grouped($0))" } }
            .joined(separator: "  ")
    }

    /// The last sequence number; with 64 bits its upper half stands apart, as that is never on the wire.
    private var sequenceWords: String {
        guard let sequence = self.child.sequenceOut else { return "" }
        let lower = String(UInt32(truncatingIfNeeded: sequence), radix: 16)
        let padded = String(repeating: "0", count: 8 - lower.count) + lower
        return self.child.esn ? "seq 0x\(String(sequence >> 32, radix: 16))_\(padded)" : "seq 0x\(padded)"
    }

    private var lifeWords: String {
        var words = ["installed \(Units.ago(self.child.installedAt, now: self.now))"]
        words.append(self.child.rekeyAt.map { "rekey \(Units.until($0, now: self.now))" } ?? "no rekeying")
        if let end = self.child.expiresAt { words.append("expires \(Units.until(end, now: self.now))") }
        return words.joined(separator: ", ")
    }
}
