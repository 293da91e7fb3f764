internal import IPsecModel
internal import LinuxIO
internal import XFRM

/// The data plane in use, and why it is this one.
struct ChosenDataPlane {
    let engine: any DataPlane
    let events: XFRMEventSocket?
    let reason: String
}

/// Chooses the engine that carries ESP. There is one in this version, and `LoadedConfiguration` refuses others.
struct DataPlaneChooser {
    let log: EventLog
    let configuration: GatewayConfiguration

    /// Probes the kernel, and clears it; says in one sentence what to do if it has no ESP.
    func chooseKernel() throws(StartupError) -> ChosenDataPlane {
        do throws(KernelFault) {
            try KernelDataPlane.probe().get()
            let engine = try KernelDataPlane()
            engine.claim(Set(self.configuration.connections.flatMap(\.children).compactMap(\.reqid)))
            // What a crashed daemon left behind would catch our peers' packets.
            try engine.removeEverything()
            self.log.notice("data plane \(engine.description): the kernel took an ESP state")
            for warning in KernelDataPlane.hostWarnings() { self.log.warning(warning) }
            return ChosenDataPlane(engine: engine, events: engine.events, reason: "the kernel has ESP")
        } catch {
            throw StartupError("cannot program the kernel: \(error.text.isEmpty ? "\(error)" : error.text)")
        }
    }
}
