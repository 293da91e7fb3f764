internal import ControlProtocol

/// What `culvert sa show` shows: all that is known of one peer or several.
struct SADetailScreen {
    let report: SAReport
    let palette: Palette

    /// The screen, with a newline after each line.
    var text: String {
        let labels = PeerLabels(self.report.peers)
        return self.report.peers.map { peer in
            let detail = PeerDetail(
                peer: peer, label: labels[peer], now: self.report.reportedAt, palette: self.palette)
            return detail.lines.map { $0 + "\n" }.joined()
        }.joined(separator: "\n")
    }
}

/// One peer of `culvert sa show`.
struct PeerDetail {
    let peer: PeerReport
    let label: String
    let now: Timestamp
    let palette: Palette

    /// The lines of the IKE_SA, its NAT situation and its children, and what is wrong.
    var lines: [String] {
        guard let ike = self.peer.ike else { return self.absentLines }
        return [self.headLine(ike)] + self.ikeLines(ike) + self.failureLines + self.natLines
            + self.peer.children.flatMap { [""] + ChildDetail(child: $0, of: self).lines }
            + self.missingChildLines
    }

    private var state: String {
        let cell = self.peer.stateCell
        return self.palette.paint(cell.text.uppercased(), cell.tone)
    }

    private func headLine(_ ike: IKEReport) -> String {
        "\(self.palette.paint(self.label, .heading)): \(self.state)  IKEv\(ike.version) #\(ike.id)  "
            + "\(ike.isInitiator ? "initiator" : "responder")  \(Units.ago(ike.establishedAt, now: self.now))"
            + "  (\(self.lifeWords(ike)))"
    }

    private func lifeWords(_ ike: IKEReport) -> String {
        var words = [ike.rekeys == 0 ? "never rekeyed" : Units.count(ike.rekeys, "rekey")]
        if let last = ike.rekeyedAt { words.append("last \(Units.ago(last, now: self.now))") }
        if let next = ike.rekeyAt { words.append("next \(Units.until(next, now: self.now))") }
        if let end = ike.expiresAt { words.append("expires \(Units.until(end, now: self.now))") }
        return words.joined(separator: ", ")
    }

    private func ikeLines(_ ike: IKEReport) -> [String] {
        var parties = Table(indentation: 2)
        parties.add([
            "local ", Cell(ike.local.identity), Cell(self.peer.path?.local ?? "-"),
            Cell("  \(ike.local.authentication)"),
        ])
        parties.add([
            "remote", Cell(ike.remote.identity), Cell(self.peer.path?.remote ?? "-"),
            Cell("  \(ike.remote.authentication)"),
        ])
        // The star marks our own SPI.
        let initiator = "\(ike.initiatorSPI)_i\(ike.isInitiator ? "*" : "")"
        let responder = "\(ike.responderSPI)_r\(ike.isInitiator ? "" : "*")"
        // A daemon that is older does not tell.
        let mobike = ike.mobike.map { "mobike \($0 ? "yes" : "no")    " } ?? ""
        let fragmentation = ike.fragmentSize.map { "yes (\($0))" } ?? "no"
        return parties.lines(self.palette) + [
            "  spis    \(initiator)  \(responder)     ike \(ike.proposal)",
            "  dpd     \(self.livenessWords)     \(mobike)fragmentation \(fragmentation)",
        ]
    }

    private var livenessWords: String {
        let liveness = self.peer.liveness
        var words = [liveness?.delaySeconds.map { "every \(Units.spoken($0)) when idle" } ?? "off"]
        let last = self.peer.lastInboundAt.map { Units.ago($0, now: self.now) } ?? "never"
        words.append("last \(self.peer.hasUntimedESP ? "IKE message" : "packet") \(last)")
        if let liveness, liveness.unanswered > 0 {
            let text = "\(Units.count(liveness.unanswered, "question")) unanswered"
            words.append(self.palette.paint(text, .caution))
        }
        return words.joined(separator: ", ")
    }

    private var missingChildLines: [String] {
        let present = Set(self.peer.children.map(\.name))
        return self.peer.missingChildren.filter { !present.contains($0) }.flatMap { name in
            ["", "  child \(name)   \(self.palette.paint("NOT UP", .bad))   the peer has not asked for it"]
        }
    }
}

/// The peer that has no IKE_SA, and failures.
extension PeerDetail {
    private var absentLines: [String] {
        var lines = ["\(self.palette.paint(self.label, .heading)): \(self.state)"]
        if let configured = self.peer.configured {
            let remote = configured.remoteAddresses.joined(separator: ", ")
            let local = configured.localAddresses.joined(separator: ", ")
            lines.append("  expects \(configured.remoteIdentity) from \(remote) at \(local)")
            lines.append("  child   \(configured.children.joined(separator: ", "))")
        }
        if let last = self.peer.lastInboundAt {
            lines.append("  heard   \(Units.ago(last, now: self.now))")
        }
        if self.peer.currentFailure == nil, let reason = self.peer.whyNotUp(now: self.now) {
            lines.append("  why     \(reason)")
        }
        return lines + self.failureLines + ["  next    \(self.advice)"]
    }

    private var failureLines: [String] {
        guard let failure = self.peer.currentFailure else { return [] }
        let place = failure.remote.map { " with \($0)" } ?? ""
        let notify = failure.notifyWords.map { ": \($0)" } ?? ""
        var lines = [
            "  failed  \(Units.ago(failure.at, now: self.now)) in \(failure.stage)\(place)\(notify)",
            "          \(failure.reason)",
        ]
        if let ours = failure.ours { lines.append("          ours    \(ours.joined(separator: ", "))") }
        if let theirs = failure.theirs { lines.append("          theirs  \(theirs.joined(separator: ", "))") }
        return lines
    }

    /// What to do next about a peer without IKE_SA.
    private var advice: String {
        switch self.peer.state {
        case .failed:
            return
                "put right what is wrong, at the peer or here (then: culvert reload), and let it begin anew"
        default: break
        }
        switch self.peer.configured?.startAction {
        case "trap":
            return
                "send a packet from one of our networks to one of its, or: culvert initiate \(self.peer.name)"
        case "start": return "culvert initiate \(self.peer.name), unless it is being called already"
        default: return "let the peer begin; if nothing comes, see that its UDP 500 and 4500 reach this host"
        }
    }
}

/// The NAT situation.
extension PeerDetail {
    private var natLines: [String] {
        guard let nat = self.peer.nat, let path = self.peer.path else { return [] }
        var table = Table(indentation: 4)
        table.add(["this side ", self.sideCell(nat.local), Cell("our address is \(path.local)")])
        table.add(["peer", self.sideCell(nat.remote), Cell("we see it at \(path.remote)")])
        let confirmed =
            "confirmed by \(path.confirmedBy.uppercased()) \(Units.ago(path.confirmedAt, now: now))"
        return ["", "  \(self.palette.paint("NAT situation", .heading))"] + table.lines(self.palette) + [
            "    path        \(path.kind.rawValue) \(path.local) -> \(path.remote), \(confirmed)",
            "    mapping     \(self.mappingWords(nat))",
            "    keepalive   \(self.keepaliveWords(nat))",
        ]
    }

    private func sideCell(_ side: NATReport.Side) -> Cell {
        side.behind ? Cell("BEHIND NAT", .caution) : "not behind a NAT"
    }

    private func mappingWords(_ nat: NATReport) -> String {
        guard let change = nat.lastChange else { return "never changed" }
        return "last change \(Units.ago(change.at, now: self.now)): peer \(change.from) -> "
            + "\(change.to.relative(to: change.from)) (seen in \(change.seenIn.uppercased())), "
            + "\(Units.grouped(nat.changes)) \(nat.changes == 1 ? "change" : "changes") in all"
    }

    private func keepaliveWords(_ nat: NATReport) -> String {
        guard let seconds = nat.keepaliveSeconds else {
            return nat.local.behind ? "off" : "none needed, since this side is not behind a NAT"
        }
        let next = nat.nextKeepaliveAt.map { ", next \(Units.until($0, now: self.now))" } ?? ""
        return "every \(Units.spoken(seconds))\(next), sent \(Units.grouped(nat.keepalivesSent))"
    }
}
