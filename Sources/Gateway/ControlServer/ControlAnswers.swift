internal import ControlCodec
internal import ControlProtocol
internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// What the daemon answers to the control socket's requests.
///
/// Confined to the control loop's event loop, like the loop itself.
final class ControlAnswers {
    private let loop: ControlLoop
    private let session: Session

    /// Answers for `loop`.
    init(loop: ControlLoop, session: Session) {
        self.loop = loop
        self.session = session
    }

    /// The line that answers `request`.
    func line(for request: ControlRequest) -> [UInt8] {
        switch request {
        case .version: return ControlCodec.line(ControlReply.success(VersionReport()))
        case .status: return ControlCodec.line(ControlReply.success(self.status()))
        case .listSAs: return ControlCodec.line(ControlReply.success(self.listSAs()))
        case .showSA(let name): return ControlCodec.line(self.show(name))
        case .terminate(let name, let child): return ControlCodec.line(self.terminate(name, child))
        case .rekey(let name, let child): return ControlCodec.line(self.rekey(name, child))
        case .initiate(let connection, let child):
            return ControlCodec.line(self.initiate(connection, child))
        case .reload: return ControlCodec.line(self.session.reload(self.loop))
        }
    }

    private func status() -> StatusReport {
        let clock = WallClock(instant: ControlLoop.now())
        let reporter = self.reporter(clock)
        let failures = self.loop.failures.unmatched.map { reporter.report($0) }
        return StatusReport(
            reportedAt: clock.now, startedAt: clock.timestamp(self.session.startedAt),
            uptimeSeconds: clock.instant.since(self.session.startedAt).wholeSeconds,
            config: self.session.configReport(clock),
            listen: self.loop.outlet.endpoints.map { ListenReport(endpoint: $0.description) },
            dataPlane: DataPlaneReport(
                name: self.loop.dataPlane.description, reason: self.session.dataPlaneReason,
                dropped: self.loop.dataPlane.dropped),
            halfOpen: self.loop.engine.halfOpenCount, dropped: self.dropped(), peers: reporter.reports(),
            unmatchedFailures: failures.isEmpty ? nil : failures)
    }

    private func dropped() -> [String: UInt64] {
        let counters = self.loop.engine.counters
        let counts = DropReason.allCases.map { ($0.rawValue, counters.dropped($0)) }.filter { $0.1 > 0 }
        return Dictionary(counts) { first, _ in first }
    }

    private func listSAs() -> SAReport {
        let clock = WallClock(instant: ControlLoop.now())
        return SAReport(reportedAt: clock.now, peers: self.reporter(clock).reports().filter { $0.ike != nil })
    }

    private func show(_ name: SAName) -> ControlReply<SAReport> {
        let clock = WallClock(instant: ControlLoop.now())
        let peers = self.reporter(clock).reports().filter { peer in
            peer.name == name.connection && (name.id == nil || peer.ike?.id == name.id)
        }
        guard peers.isEmpty else { return .success(SAReport(reportedAt: clock.now, peers: peers)) }
        let isConfigured = self.session.configuration.connections.contains { $0.name == name.connection }
        let which = name.id.map { " with the ID \($0)" } ?? ""
        let sentence =
            isConfigured
            ? "connection '\(name.connection)' has no IKE_SA\(which)"
            : "there is no connection '\(name.connection)'"
        return .failure(ControlError(.notFound, sentence))
    }

    private func terminate(_ name: SAName, _ child: String?) -> ControlReply<TerminateReport> {
        let before = self.meant(by: name)
        let answer = self.loop.command(
            .terminate(connection: name.connection, uniqueID: name.id, child: child))
        switch answer {
        case .refused(let sentence): return .failure(ControlError(.notFound, sentence))
        case .begun:
            let ended = before.flatMap { Self.references($0, child) { $0 != "deleting" } }
            return .success(TerminateReport(terminated: ended))
        }
    }

    private func meant(by name: SAName) -> [IKESASnapshot] {
        self.loop.engine.snapshots.filter { snapshot in
            snapshot.label.connection == name.connection
                && (name.id == nil || snapshot.label.uniqueID == name.id)
        }
    }

    private func rekey(_ name: SAName, _ child: String?) -> ControlReply<RekeyReport> {
        let before = self.meant(by: name)
        switch self.loop.command(.rekey(connection: name.connection, uniqueID: name.id, child: child)) {
        case .refused(let sentence): return .failure(ControlError(.notFound, sentence))
        case .begun:
            let rekeyed = before.flatMap { Self.references($0, child) { $0 == "installed" } }
            return .success(RekeyReport(rekeying: rekeyed))
        }
    }

    private func initiate(_ connection: String, _ child: String?) -> ControlReply<InitiateReport> {
        switch self.loop.command(.initiate(connection: connection, child: child)) {
        case .refused(let sentence): return .failure(ControlError(.notFound, sentence))
        case .begun: return .success(InitiateReport(initiating: connection))
        }
    }

    /// The IKE_SA, or those of its CHILD_SAs `child` whose state is meant.
    private static func references(
        _ snapshot: IKESASnapshot, _ child: String?, where isMeant: (String) -> Bool
    ) -> [SAReference] {
        let name = snapshot.label.connection ?? ""
        guard let child else { return [SAReference(name: name, id: snapshot.label.uniqueID)] }
        return snapshot.children.filter { $0.name == child && isMeant($0.state) }.map {
            SAReference(
                name: name, id: snapshot.label.uniqueID, child: child,
                inboundSPI: $0.spec.inboundSPI.description)
        }
    }

    private func reporter(_ clock: WallClock) -> PeerReporter {
        PeerReporter(
            configuration: self.session.configuration, snapshots: self.loop.engine.snapshots,
            failures: self.loop.failures, dataPlane: self.loop.dataPlane, clock: clock)
    }
}
