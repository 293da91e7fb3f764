internal import IPsecModel
internal import LinuxIO

/// What the daemon takes hold of before it begins: configuration, sockets, data plane.
///
/// All of it happens on the main thread, before there is another: Linux gives each thread capabilities of its
/// own, so they must be given up here.
struct Startup {
    let file: LoadedConfiguration
    let sockets: SocketSet
    let plane: ChosenDataPlane
    let startedAt: Instant
    /// By what our peers know after a crash that it was us; nil if it cannot be kept.
    let crashSecret: SecretBytes?

    /// Reads the configuration, chooses a data plane, binds the sockets, then opens the data plane and clears it of what
    /// a crashed daemon left: the sockets show that no other is alive in this network namespace.
    ///
    /// With a data plane that is `given` there is nothing to choose, and nothing of this host is cleared.
    init(
        configurationPath: String, stateFolder: String, given: (any DataPlane)? = nil, log: EventLog
    ) throws(StartupError) {
        self.startedAt = ControlLoop.now()
        // Without CAP_DAC_OVERRIDE from here on: what can be read now can be read again on reload.
        try Self.keepOnly([.networkAdministration, .privilegedPorts, .rawSockets])
        guard Capabilities.effective.contains(.networkAdministration) else {
            throw StartupError(
                "programming the kernel needs the capability CAP_NET_ADMIN: run culvertd as root")
        }
        self.file = try Self.load(configurationPath, now: self.startedAt, log: log)
        if let given {
            self.sockets = try SocketSet(kernelTakesESP: false, log: log)
            self.plane = ChosenDataPlane(engine: .given(given), reason: "it was given to culvertd")
        } else {
            let chooser = DataPlaneChooser(log: log, configuration: self.file.configuration)
            let choice = try chooser.choose()
            self.sockets = try SocketSet(kernelTakesESP: choice.isKernel, log: log)
            self.plane = try chooser.open(choice, self.sockets)
        }
        self.crashSecret = CrashSecret.load(from: stateFolder, log: log)
        try Self.keepOnly(.networkAdministration)
    }

    private static func keepOnly(_ capabilities: Capabilities) throws(StartupError) {
        do throws(IOFault) {
            try Privileges.keepOnly(capabilities)
        } catch { throw StartupError("cannot give up privileges: \(error)") }
    }

    private static func load(
        _ path: String, now: Instant, log: EventLog
    ) throws(StartupError) -> LoadedConfiguration {
        do throws(ConfigurationRefusal) {
            let file = try LoadedConfiguration.load(path: path, now: now)
            for line in file.warningLines { log.warning(line) }
            return file
        } catch {
            throw StartupError((error.lines + [error.sentence]).joined(separator: "\n"))
        }
    }
}
