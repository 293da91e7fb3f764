import IPsecModel

/// A data plane that writes down what it is asked, and fails where it is told to.
final class FakeDataPlane: DataPlane {
    /// A call that can be made to fail.
    enum Call: Hashable, Sendable {
        case allocateSPI, installInbound, installOutbound, installPolicies, removePolicies, removeStates, move
        case installTrap, removeTrap, statistics
    }

    /// The calls that change something, in order, as `inbound c0000001`.
    private(set) var calls: [String] = []
    /// These fail from now on, with this errno.
    var failing: [Call: Int32] = [:]
    /// What `statistics` tells.
    var counters: (inbound: SAStatistics, outbound: SAStatistics) = (SAStatistics(), SAStatistics())
    /// What `dropped` tells.
    var dropped: [String: UInt64]?
    /// What `tunnelSize` tells.
    var size: TunnelSize?
    private var lastSPI: UInt32 = 0xc000_0000

    var description: String { "fake" }

    func tunnelSize(_ child: ChildSASpec) -> TunnelSize? { self.size }

    private func note(_ call: Call, _ text: String) throws(KernelFault) {
        // Looking changes nothing.
        if call != .statistics { self.calls.append(text) }
        if let errno = self.failing[call] {
            throw KernelFault(operation: "\(call)", object: "test", errno: errno, text: "told to fail")
        }
    }

    func allocateSPI(local: IPAddress, remote: IPAddress, reqid: UInt32) throws(KernelFault) -> ESPSPI {
        try self.note(.allocateSPI, "allocate")
        self.lastSPI += 1
        return ESPSPI(self.lastSPI)
    }

    func releaseSPI(_ spi: ESPSPI, local: IPAddress) { self.calls.append("release \(spi)") }

    func installInbound(_ child: ChildSASpec) throws(KernelFault) {
        try self.note(.installInbound, "inbound \(child.inboundSPI)")
    }

    func installOutbound(_ child: ChildSASpec) throws(KernelFault) {
        try self.note(.installOutbound, "outbound \(child.outboundSPI)")
    }

    func installPolicies(_ child: ChildSASpec) throws(KernelFault) {
        try self.note(.installPolicies, "policies \(child.reqid)")
    }

    func removePolicies(_ child: ChildSASpec) throws(KernelFault) {
        try self.note(.removePolicies, "remove policies \(child.reqid)")
    }

    func installTrap(_ trap: TrapPolicy) throws(KernelFault) {
        try self.note(.installTrap, "trap \(trap.reqid)")
    }

    func removeTrap(_ trap: TrapPolicy) throws(KernelFault) {
        try self.note(.removeTrap, "remove trap \(trap.reqid)")
    }

    func removeStates(_ child: ChildSASpec) throws(KernelFault) {
        try self.note(.removeStates, "remove states \(child.inboundSPI) \(child.outboundSPI)")
    }

    func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault) {
        try self.note(.move, "move \(children.count) to \(path.remote)")
    }

    func statistics(
        _ child: ChildSASpec
    ) throws(KernelFault) -> (inbound: SAStatistics, outbound: SAStatistics) {
        try self.note(.statistics, "statistics")
        return self.counters
    }

    func removeEverything() throws(KernelFault) { self.calls.append("remove everything") }
}
