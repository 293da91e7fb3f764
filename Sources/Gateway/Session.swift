internal import ControlProtocol
internal import IKECore
internal import IPsecModel

/// What the daemon knows of itself: its configuration file, since when it runs, and on what.
///
/// Confined to the control loop's event loop.
final class Session {
    /// When the daemon started.
    let startedAt: Instant
    /// Why this data plane was chosen.
    let dataPlaneReason: String
    /// What is configured now.
    var configuration: GatewayConfiguration { self.effective(self.file.configuration) }
    /// True if the data plane carries ESP in UDP only, whatever the file says.
    private let encapsulatesAll: Bool
    private var file: LoadedConfiguration
    private let log: EventLog

    /// A session with a configuration that was just loaded.
    init(
        file: LoadedConfiguration, startedAt: Instant, dataPlaneReason: String, encapsulatesAll: Bool = false,
        log: EventLog
    ) {
        self.encapsulatesAll = encapsulatesAll
        self.file = file
        self.startedAt = startedAt
        self.dataPlaneReason = dataPlaneReason
        self.log = log
    }

    private func effective(_ configuration: GatewayConfiguration) -> GatewayConfiguration {
        guard self.encapsulatesAll else { return configuration }
        var changed = configuration
        for index in changed.connections.indices { changed.connections[index].forcesEncapsulation = true }
        return changed
    }

    /// Which file is in force, and how much is in it.
    var summary: String {
        let count = self.configuration.connections.count
        return "\(count) \(count == 1 ? "connection" : "connections") of \(self.file.path)"
    }

    /// Which file is in force, and whether it changed since.
    func configReport(_ clock: WallClock) -> ConfigReport {
        ConfigReport(
            path: self.file.path, loadedAt: clock.timestamp(self.file.loadedAt),
            changedOnDisk: self.file.hasChangedOnDisk)
    }

    /// Reads the file again: all of it comes into force, or nothing.
    func reload(_ loop: ControlLoop) -> ControlReply<ReloadReport> {
        let now = ControlLoop.now()
        let loaded: LoadedConfiguration
        do throws(ConfigurationRefusal) {
            loaded = try LoadedConfiguration.load(path: self.file.path, now: now)
        } catch {
            self.log.error("reload refused, the configuration from before stays in force: \(error.sentence)")
            for line in error.logLines { self.log.error(line) }
            return .failure(ControlError(.badConfiguration, error.sentence, diagnostics: error.diagnostics))
        }
        for line in loaded.warningLines { self.log.warning(line) }
        let plane = loaded.configuration.dataPlane
        if plane != self.configuration.dataPlane {
            self.log.warning("data_plane = \(plane.rawValue) comes into force when culvertd starts anew")
        }
        let report = self.bringIntoForce(loaded, loop, now)
        let names =
            report.added.map { "+\($0)" } + report.changed.map { "~\($0)" } + report.removed.map { "-\($0)" }
        let difference = names.isEmpty ? "nothing changed" : names.joined(separator: " ")
        self.log.notice("configuration reloaded from \(loaded.path): \(difference)")
        return .success(report)
    }

    private func bringIntoForce(
        _ loaded: LoadedConfiguration, _ loop: ControlLoop, _ now: Instant
    ) -> ReloadReport {
        let before = Dictionary(self.configuration.connections.map { ($0.name, $0) }) { first, _ in first }
        let configuration = self.effective(loaded.configuration)
        let after = Dictionary(configuration.connections.map { ($0.name, $0) }) { first, _ in first }
        let standing = Set(loop.engine.snapshots.compactMap(\.label.connection))
        self.file = loaded
        loop.configure(configuration)
        // A pre-shared key is no part of a connection, but an IKE_SA ends with its key as well.
        let ended = standing.subtracting(loop.engine.snapshots.compactMap(\.label.connection))
        let changed = after.keys.filter { name in
            before[name].map { $0 != after[name] || ended.contains(name) } ?? false
        }
        return ReloadReport(
            config: self.configReport(WallClock(instant: now)), connections: after.count,
            added: after.keys.filter { before[$0] == nil }.sorted(), changed: changed.sorted(),
            removed: before.keys.filter { after[$0] == nil }.sorted(), warnings: loaded.warnings)
    }
}
