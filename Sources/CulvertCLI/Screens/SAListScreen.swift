internal import ControlProtocol

/// What `culvert sa list` shows: a line for each CHILD_SA.
struct SAListScreen {
    let report: SAReport
    let palette: Palette

    /// The screen, with a newline after each line.
    var text: String {
        let peers = self.report.peers.filter { $0.ike != nil }
        guard !peers.isEmpty else { return "no SAs. Run: culvert status\n" }
        var table = Table(header: [
            "PEER", "CHILD", "STATE", "SPI in", "SPI out", "LOCAL", "REMOTE", "ESP", "ENCAP", "BYTES in",
            "BYTES out", "AGE", "REKEY", "EXPIRE",
        ])
        for peer in peers {
            let label = peer.label(among: self.report.peers)
            // An IKE_SA without children is an SA too, and worth a look.
            if peer.children.isEmpty { table.add([Cell(label), "-", Cell("no child", .bad)]) }
            for child in peer.children { table.add(self.row(child, of: label)) }
        }
        return table.lines(self.palette).map { $0 + "\n" }.joined()
    }

    private func row(_ child: ChildReport, of label: String) -> [Cell] {
        let now = self.report.reportedAt
        func until(_ moment: Timestamp?) -> Cell {
            Cell(moment.map { Units.coarseSpan($0.seconds(since: now)) } ?? "-")
        }
        let algorithms = child.esn && !child.esp.hasSuffix("-esn") ? "\(child.esp)-esn" : child.esp
        return [
            Cell(label), Cell(child.name), child.stateCell, Cell(child.inboundSPI), Cell(child.outboundSPI),
            Cell(child.localTS.joined(separator: ",")), Cell(child.remoteTS.joined(separator: ",")),
            Cell(algorithms), Cell(child.encap), Cell(Units.bytes(child.bytesIn)),
            Cell(Units.bytes(child.bytesOut)),
            Cell(Units.coarseSpan(now.seconds(since: child.installedAt))), until(child.rekeyAt),
            until(child.expiresAt),
        ]
    }
}

extension ChildReport {
    /// The state in the colour of what it means.
    var stateCell: Cell {
        Cell(self.state.rawValue, self.state == .installed ? .good : .caution)
    }
}
