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
    private(set) var configuration: GatewayConfiguration
    private var file: LoadedConfiguration
    private let log: EventLog

    /// A session with a configuration that was just loaded.
    init(file: LoadedConfiguration, startedAt: Instant, dataPlaneReason: String, log: EventLog) {
        self.file = file
        self.configuration = file.configuration
        self.startedAt = startedAt
        self.dataPlaneReason = dataPlaneReason
        self.log = log
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
            self.log.error("reload refused, the configuration of before stays in force: \(error.sentence)")
            for line in error.lines { self.log.error(line) }
            return .failure(
                ControlError(.badConfiguration, error.sentence, diagnostics: error.diagnostics))
        }
        for line in loaded.warningLines { self.log.warning(line) }
        let before = Dictionary(self.configuration.connections.map { ($0.name, $0) }) { first, _ in first }
        let after = Dictionary(loaded.configuration.connections.map { ($0.name, $0) }) { first, _ in first }
        self.file = loaded
        self.configuration = loaded.configuration
        loop.failures.keep(only: Set(after.keys))
        loop.handle(.configuration(loaded.configuration))
        self.log.notice("configuration reloaded from \(loaded.path): \(after.count) connections")
        return .success(
            ReloadReport(
                config: self.configReport(WallClock(instant: now)), connections: after.count,
                added: after.keys.filter { before[$0] == nil }.sorted(),
                changed: after.keys.filter { before[$0] != nil && before[$0] != after[$0] }.sorted(),
                removed: before.keys.filter { after[$0] == nil }.sorted(),
                warnings: loaded.warnings))
    }
}
