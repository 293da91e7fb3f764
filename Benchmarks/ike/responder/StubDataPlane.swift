internal import IPsecModel

/// A data plane that hands out SPIs and carries nothing.
final class StubDataPlane: DataPlane {
    private var lastSPI: UInt32 = 0xc000_0000

    var description: String { "none" }

    func allocateSPI(local: IPAddress, remote: IPAddress, reqid: UInt32) throws(KernelFault) -> ESPSPI {
        // Wraps after a thousand million SPIs, when the first of them are long gone.
        self.lastSPI = self.lastSPI == 0xffff_ffff ? 0xc000_0000 : self.lastSPI + 1
        return ESPSPI(self.lastSPI)
    }

    func releaseSPI(_ spi: ESPSPI, local: IPAddress) {}
    func installInbound(_ child: ChildSASpec) throws(KernelFault) {}
    func installOutbound(_ child: ChildSASpec) throws(KernelFault) {}
    func installTrap(_ trap: TrapPolicy) throws(KernelFault) {}
    func removeTrap(_ trap: TrapPolicy) throws(KernelFault) {}
    func installPolicies(_ child: ChildSASpec) throws(KernelFault) {}
    func removePolicies(_ child: ChildSASpec) throws(KernelFault) {}
    func removeStates(_ child: ChildSASpec) throws(KernelFault) {}
    func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault) {}

    func statistics(
        _ child: ChildSASpec
    ) throws(KernelFault) -> (inbound: SAStatistics, outbound: SAStatistics) {
        (SAStatistics(), SAStatistics())
    }

    func removeEverything() throws(KernelFault) {}
}
