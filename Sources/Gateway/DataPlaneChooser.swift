internal import IPsecModel
internal import LinuxIO
internal import XFRM

/// The data plane in use, and why it is this one.
struct ChosenDataPlane {
    let engine: any DataPlane
    let events: XFRMEventSocket?
    let reason: String
}

/// Chooses the engine that carries ESP (`data_plane = auto | kernel | userspace`).
struct DataPlaneChooser {
    let log: EventLog

    /// Probes what there is; says in one sentence what to do if there is nothing.
    func choose(_ choice: DataPlaneChoice) throws(StartupError) -> ChosenDataPlane {
        switch choice {
        case .userspace:
            throw StartupError(
                "data_plane = userspace is not in this version: use data_plane = kernel on a kernel with ESP")
        case .auto, .kernel:
            return try self.kernel()
        }
    }

    private func kernel() throws(StartupError) -> ChosenDataPlane {
        guard Host.hasNetworkAdministration else {
            throw StartupError("culvertd needs CAP_NET_ADMIN to program the kernel: run it as root")
        }
        do throws(KernelFault) {
            try KernelDataPlane.probe().get()
            let engine = try KernelDataPlane()
            // What a crashed daemon left behind would catch our peers' packets.
            try engine.removeEverything()
            self.log.notice("data plane \(engine.description): the kernel took an ESP state")
            for warning in KernelDataPlane.hostWarnings() { self.log.warning(warning) }
            return ChosenDataPlane(engine: engine, events: engine.events, reason: "the kernel has ESP")
        } catch {
            throw StartupError("the kernel cannot carry ESP: \(error)")
        }
    }
}
