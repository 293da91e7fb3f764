internal import ControlProtocol
internal import IKECore
internal import IPsecModel

/// Makes the reports of CHILD_SAs, with the data plane's counters.
struct ChildReporter {
    let dataPlane: any DataPlane
    let clock: WallClock

    /// The report of one CHILD_SA.
    func report(_ snapshot: ChildSASnapshot) -> ChildReport {
        let spec = snapshot.spec
        var report = ChildReport(
            name: snapshot.name, state: ChildState(rawValue: snapshot.state), reqid: spec.reqid,
            mode: spec.mode.rawValue, encap: spec.path.usesUDPEncapsulation ? "udp" : "none",
            inboundSPI: spec.inboundSPI.description, outboundSPI: spec.outboundSPI.description,
            localTS: spec.localSelectors.map(\.description),
            remoteTS: spec.remoteSelectors.map(\.description),
            esp: spec.suite.description, esn: spec.suite.sequenceNumbers == .extended,
            replayWindow: spec.replayWindow, installedAt: self.clock.timestamp(snapshot.installedAt))
        // No `rekeyAt`: this version leaves rekeying to the peer, so there is no time to promise.
        report.expiresAt = snapshot.expiresAt.map(self.clock.timestamp)
        if let size = self.dataPlane.tunnelSize(spec) {
            report.mtu = size.inner
            report.pathMTU = size.path
            report.mss = size.mss
        }
        if snapshot.state != "deleting" { self.addCounters(to: &report, spec) }
        return report
    }

    private func addCounters(to report: inout ChildReport, _ spec: ChildSASpec) {
        let counters: (inbound: SAStatistics, outbound: SAStatistics)
        do throws(KernelFault) {
            counters = try self.dataPlane.statistics(spec)
        } catch {
            // Gone a moment ago, or no permission: the report shows no counters rather than zeros.
            return
        }
        report.bytesIn = counters.inbound.bytes
        report.bytesOut = counters.outbound.bytes
        report.packetsIn = counters.inbound.packets
        report.packetsOut = counters.outbound.packets
        report.replayed = counters.inbound.replayed
        report.late = counters.inbound.late
        report.badICV = counters.inbound.badICV
        report.sequenceOut = counters.outbound.sequenceNumber
        report.lastInAt = counters.inbound.lastUse.map { Timestamp(secondsSince1970: Int64(clamping: $0)) }
        report.lastOutAt = counters.outbound.lastUse.map { Timestamp(secondsSince1970: Int64(clamping: $0)) }
    }
}
