internal import IPsecModel
internal import LinuxIO
internal import UserspaceESP
internal import XFRM

/// The data plane in use, and why it is this one.
struct ChosenDataPlane {
    /// The engines that carry ESP.
    enum Engine {
        case kernel(KernelDataPlane)
        case userspace(UserspaceDataPlane)
        /// Whatever the program that runs the daemon has brought along. It tells of nothing by itself.
        case given(any DataPlane)
    }

    let engine: Engine
    let reason: String

    /// The engine as the rest of the daemon sees it.
    var plane: any DataPlane {
        switch self.engine {
        case .kernel(let plane): return plane
        case .userspace(let plane): return plane
        case .given(let plane): return plane
        }
    }

    /// Our own policies are there now: those that a daemon which died has left go.
    func forgetPredecessor() throws(KernelFault) {
        switch self.engine {
        case .kernel(let plane): try plane.removeLeftPolicies()
        case .userspace, .given: return
        }
    }

    /// What our own packets are marked with; 0 for nothing.
    var mark: UInt32 {
        switch self.engine {
        case .kernel, .given: return 0
        case .userspace: return TunnelInterface.mark
        }
    }

    /// True if peers that are not behind a NAT must be made to encapsulate as well.
    var requiresEncapsulation: Bool {
        switch self.engine {
        case .kernel, .given: return false
        case .userspace(let plane): return plane.requiresEncapsulation
        }
    }
}

/// Chooses the engine that carries ESP: the kernel if it can, else our own.
struct DataPlaneChooser {
    /// Which engine it will be. Nothing is changed on this host before `open`.
    enum Choice: Hashable {
        case kernel(reason: String)
        case userspace(reason: String)

        /// True if the kernel takes ESP out of our UDP sockets.
        var isKernel: Bool {
            switch self {
            case .kernel: return true
            case .userspace: return false
            }
        }
    }

    let log: EventLog
    let configuration: GatewayConfiguration

    /// Does what the configuration says, and for `auto` asks the kernel; says in one sentence what to do if the engine
    /// that is demanded cannot be had.
    func choose(probe: () -> Result<Void, KernelFault> = KernelDataPlane.probe) throws(StartupError) -> Choice
    {
        switch self.configuration.dataPlane {
        case .userspace: return .userspace(reason: "the configuration asks for it")
        case .kernel:
            if case .failure(let fault) = probe() { throw Self.unusable(fault) }
            return .kernel(reason: "the kernel has ESP")
        case .auto:
            guard case .failure(let fault) = probe() else { return .kernel(reason: "the kernel has ESP") }
            self.log.debug("the kernel refused an ESP state: \(fault)")
            return .userspace(reason: Self.reason(fault))
        }
    }

    /// What keeps us from the kernel: that it lacks something, or whatever else went wrong.
    private static func reason(_ fault: KernelFault) -> String {
        let lacks = [Errno.protocolNotSupported, Errno.notImplemented, Errno.familyNotSupported]
        return lacks.contains(fault.errno)
            ? "the kernel has no ESP" : "the kernel refused an ESP state: \(fault)"
    }

    /// Makes the engine ready, and clears this host of what a crashed daemon left behind, as it would catch our peers'
    /// packets. Where the kernel carries ESP, policies stay until `ChosenDataPlane.forgetPredecessor`. That `sockets` could
    /// be bound shows that no other daemon is alive in this network namespace.
    func open(_ choice: Choice, _ sockets: SocketSet) throws(StartupError) -> ChosenDataPlane {
        switch choice {
        case .kernel(let reason): return try self.openKernel(reason)
        case .userspace(let reason): return try self.openUserspace(reason, sockets)
        }
    }

    private func openKernel(_ reason: String) throws(StartupError) -> ChosenDataPlane {
        do throws(KernelFault) {
            let engine = try self.kernel()
            try engine.removeLeftStates()
            self.log.notice("data plane \(engine.description): the kernel took an ESP state")
            for warning in KernelDataPlane.hostWarnings() { self.log.warning(warning) }
            return ChosenDataPlane(engine: .kernel(engine), reason: reason)
        } catch { throw Self.unusable(error) }
    }

    /// Rids the kernel of what a daemon that died has left.
    func removeLeftovers() throws(KernelFault) { try self.kernel().removeEverything() }

    private func kernel() throws(KernelFault) -> KernelDataPlane {
        let engine = try KernelDataPlane()
        engine.claim(Set(self.configuration.connections.flatMap(\.children).compactMap(\.reqid)))
        return engine
    }

    private static func unusable(_ fault: KernelFault) -> StartupError {
        StartupError("cannot program the kernel: \(fault.text.isEmpty ? "\(fault)" : fault.text)")
    }
}
