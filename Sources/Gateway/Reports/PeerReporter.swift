internal import ControlProtocol
internal import IKECore
internal import IPsecModel

/// Makes the reports of connections and their IKE_SAs.
struct PeerReporter {
    let configuration: GatewayConfiguration
    let snapshots: [IKESASnapshot]
    let failures: FailureMemory
    let dataPlane: any DataPlane
    let clock: WallClock

    /// An entry for each IKE_SA, and one for each connection that has none, in the configuration's order.
    func reports() -> [PeerReport] {
        let byName = Dictionary(grouping: self.snapshots) { $0.label.connection ?? "" }
        let configured = self.configuration.connections.flatMap { connection -> [PeerReport] in
            let standing = byName[connection.name] ?? []
            guard !standing.isEmpty else { return [self.absent(connection)] }
            return standing.map { self.report($0, connection) }
        }
        let names = Set(self.configuration.connections.map(\.name))
        let leftover = self.snapshots.filter { !names.contains($0.label.connection ?? "") }
        return configured + leftover.map { self.report($0, nil) }
    }

    private func absent(_ connection: ConnectionConfiguration) -> PeerReport {
        let failure = self.failures.byConnection[connection.name] ?? self.unmatchedFailure(of: connection)
        var report = PeerReport(
            name: connection.name, state: self.stateWithoutIKESA(connection, failure),
            configured: Self.configured(connection))
        report.lastFailure = failure.map { self.report($0) }
        return report
    }

    private func stateWithoutIKESA(
        _ connection: ConnectionConfiguration, _ failure: FailureMemory.Failure?
    ) -> PeerState {
        switch self.failures.endings[connection.name] {
        case .orderly?: return .down
        case .failed?: return .failed
        case nil: return failure == nil ? .waiting : .failed
        }
    }

    /// A failure of somebody at an address that only this connection names: then it was meant.
    private func unmatchedFailure(of connection: ConnectionConfiguration) -> FailureMemory.Failure? {
        self.failures.unmatched.first { failure in
            guard let address = failure.remote?.address else { return false }
            let naming = self.configuration.connections.filter { other in
                other.remoteAddresses.contains { $0 != .any && $0.matches(address) }
            }
            return naming.count == 1 && naming.first == connection
        }
    }

    private func report(_ snapshot: IKESASnapshot, _ connection: ConnectionConfiguration?) -> PeerReport {
        var report = PeerReport(
            name: snapshot.label.connection ?? "", state: .established,
            configured: connection.map(Self.configured))
        report.ike = self.ike(snapshot, connection)
        report.path = PathReport(
            kind: snapshot.path.usesUDPEncapsulation ? .udpEncapsulation : .direct,
            local: snapshot.path.local.description, remote: snapshot.path.remote.description,
            confirmedAt: self.clock.timestamp(snapshot.path.confirmedAt),
            confirmedBy: snapshot.path.confirmedBy.rawValue)
        report.nat = self.nat(snapshot)
        let reporter = ChildReporter(dataPlane: self.dataPlane, clock: self.clock)
        report.children = snapshot.children.map { reporter.report($0) }
        report.liveness = LivenessReport(
            delaySeconds: snapshot.livenessDelay?.wholeSeconds,
            lastInboundAt: self.lastInbound(snapshot, report.children), unanswered: snapshot.unansweredProbes)
        report.lastFailure = self.failures.byConnection[report.name].map { self.report($0) }
        return report
    }

    /// ESP counts as much as IKE.
    private func lastInbound(_ snapshot: IKESASnapshot, _ children: [ChildReport]) -> Timestamp {
        let heard = self.clock.timestamp(snapshot.lastHeard)
        return children.compactMap(\.lastInAt).reduce(heard, max)
    }

    private func ike(_ snapshot: IKESASnapshot, _ connection: ConnectionConfiguration?) -> IKEReport {
        var report = IKEReport(
            id: snapshot.label.uniqueID, isInitiator: snapshot.isOriginalInitiator,
            initiatorSPI: snapshot.initiatorSPI.description, responderSPI: snapshot.responderSPI.description,
            establishedAt: self.clock.timestamp(snapshot.establishedAt),
            proposal: snapshot.suite.description,
            local: PartyReport(identity: snapshot.localIdentity.description, authentication: "psk"),
            remote: PartyReport(identity: snapshot.peerIdentity.description, authentication: "psk"))
        report.rekeys = Int(clamping: snapshot.rekeyCount)
        report.rekeyedAt = snapshot.rekeyCount > 0 ? self.clock.timestamp(snapshot.since) : nil
        // No `rekeyAt`: this version leaves rekeying to the peer, so there is no time to promise.
        report.expiresAt = snapshot.expiresAt.map(self.clock.timestamp)
        report.mobike = snapshot.mobike
        report.fragmentSize = snapshot.fragmentation ? connection?.fragmentSize : nil
        return report
    }

    private func nat(_ snapshot: IKESASnapshot) -> NATReport {
        var report = NATReport(
            local: NATReport.Side(behind: snapshot.path.isLocalBehindNAT),
            remote: NATReport.Side(behind: snapshot.path.isRemoteBehindNAT))
        report.lastChange = snapshot.lastPathChange.map { change in
            NATReport.Change(
                at: self.clock.timestamp(change.at), from: change.from.description,
                to: change.to.description, seenIn: change.evidence.rawValue)
        }
        report.changes = snapshot.pathChanges
        report.keepalivesSent = snapshot.keepalivesSent
        if let next = snapshot.nextKeepalive {
            report.nextKeepaliveAt = self.clock.timestamp(next)
            report.keepaliveSeconds = self.configuration.keepaliveInterval?.wholeSeconds
        }
        return report
    }

    private static func configured(_ connection: ConnectionConfiguration) -> ConfiguredReport {
        ConfiguredReport(
            localAddresses: connection.localAddresses.map(\.description),
            remoteAddresses: connection.remoteAddresses.map(\.description),
            remoteIdentity: connection.remoteIdentity.description, children: connection.children.map(\.name),
            startAction: Self.startAction(connection)?.rawValue)
    }

    /// The strongest of its children's, if there is any.
    private static func startAction(_ connection: ConnectionConfiguration) -> ChildAction? {
        let actions = connection.children.map(\.startAction)
        return actions.contains(.start) ? .start : actions.contains(.trap) ? .trap : nil
    }

    /// A failure as the control socket tells it.
    func report(_ failure: FailureMemory.Failure) -> FailureReport {
        var report = FailureReport(
            at: self.clock.timestamp(failure.at), stage: failure.stage, reason: failure.reason)
        report.notify = failure.notify?.name
        report.isFromPeer = failure.notify?.isFromPeer
        report.remote = failure.remote?.description
        report.ours = failure.ours.isEmpty ? nil : failure.ours
        report.theirs = failure.theirs.isEmpty ? nil : failure.theirs
        return report
    }
}
