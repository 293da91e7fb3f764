internal import ESPCore
package import IPsecModel
package import LinuxIO

/// Culvert's own ESP: inner packets come and go by a TUN device, ESP by the sockets of UDP 4500 and by raw ones.
///
/// It is confined to the control thread. Two workers carry the packets; they learn of a change by a table that replaces
/// theirs as a whole, and share nothing else with this thread but counters and a queue.
package final class UserspaceDataPlane: DataPlane {
    /// What the workers have to tell.
    package let control: ControlQueue
    /// What went no further, and why.
    package let drops: DropCounters

    let provider: any ESPTransformProvider
    let interface: TunnelInterface
    let sockets: TunnelSockets
    let outboundMail: TableMailbox<OutboundTable>
    let inboundMail: TableMailbox<InboundTable>

    /// What the workers have, or are about to have.
    var outbound = OutboundTable()
    var inbound = InboundTable()
    /// SPIs that were given out and not installed yet.
    var reserved: Set<ESPSPI> = []
    /// The paths that have a socket of their own.
    var paths = PathSockets()
    /// True once the log has it that a path has none.
    var hasNotedSharing = false
    /// Sending halves that a newer one has replaced and nobody has removed yet, by reqid, the newest last. Few have any.
    var olderSenders: [UInt32: [OutboundEntry]] = [:]
    /// The path MTU of each child that is too narrow, by reqid: said once.
    var narrowPaths: [UInt32: Int] = [:]

    let surroundings: Surroundings
    private var workers: Workers?

    /// The plane over these devices. It carries nothing before `start`.
    package init(
        _ interface: TunnelInterface, sockets: TunnelSockets, provider: any ESPTransformProvider
    ) throws(IOFault) {
        self.provider = provider
        self.interface = interface
        self.sockets = sockets
        self.drops = DropCounters()
        self.control = try ControlQueue()
        self.outboundMail = TableMailbox(OutboundTable(), wake: try WakeSignal())
        self.inboundMail = TableMailbox(InboundTable(), wake: try WakeSignal())
        self.surroundings = Surroundings(
            tun: interface.tun, sockets: sockets, control: self.control, drops: self.drops)
    }

    /// Nobody could end the workers any more.
    deinit { self.stop() }

    /// Starts the workers. They inherit the capabilities of this thread, so it should have given up its own before.
    package func start() throws(IOFault) {
        guard self.workers == nil else { return }
        self.workers = try Workers(self.surroundings, self.outboundMail, self.inboundMail)
    }

    /// Ends the workers and waits for them.
    package func stop() {
        self.workers?.stop()
        self.workers = nil
    }

    package var description: String {
        "userspace-esp (\(self.interface.tun.name), \(self.provider.name))"
    }

    /// True if this host carries ESP in UDP only, so that peers without a NAT must be made to use it as well.
    package var requiresEncapsulation: Bool { !self.sockets.hasBareESP }

    package var dropped: [String: UInt64]? {
        Dictionary(self.drops.snapshot.map { ($0.key.name, $0.value) }) { first, _ in first }
    }

    // MARK: SPIs

    package func allocateSPI(
        local: IPAddress, remote: IPAddress, reqid: UInt32
    ) throws(KernelFault) -> ESPSPI {
        // The same range as the kernel's (RFC 4303 §2.1 reserves 1–255).
        for _ in 0..<64 {
            let spi = ESPSPI(UInt32.random(in: 0xc000_0000...0xcfff_ffff))
            guard self.inbound.entries[spi.number] == nil, self.reserved.insert(spi).inserted else {
                continue
            }
            return spi
        }
        throw KernelFault(
            operation: "allocate SPI", object: "\(remote) to \(local)", errno: 0, text: "no SPI is free")
    }

    package func releaseSPI(_ spi: ESPSPI, local: IPAddress) {
        self.reserved.remove(spi)
        guard self.inbound.entries[spi.number] != nil else { return }
        self.inbound.entries[spi.number] = nil
        self.inboundMail.post(self.inbound)
    }

    // MARK: States

    package func installInbound(_ child: ChildSASpec) throws(KernelFault) {
        let identifier = SAIdentifier(spi: child.inboundSPI, destination: child.path.local.address)
        guard self.inbound.entries[child.inboundSPI.number] == nil else {
            throw Self.exists("install inbound", identifier)
        }
        let transform = try self.transform(child, child.inboundKeys, .inbound, identifier)
        self.reserved.remove(child.inboundSPI)
        self.inbound.entries[child.inboundSPI.number] = InboundEntry(
            reqid: child.reqid, sa: InboundSA(child, transform: transform), counters: InboundCounters(),
            path: child.path, mtu: self.mtu(of: child))
        self.inboundMail.post(self.inbound)
    }

    package func installOutbound(_ child: ChildSASpec) throws(KernelFault) {
        let identifier = SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
        guard self.sender(child.reqid, identifier) == nil else {
            throw Self.exists("install outbound", identifier)
        }
        let transform = try self.transform(child, child.outboundKeys, .outbound, identifier)
        let route = TunnelRoute(child.path)
        let entry = OutboundEntry(
            reqid: child.reqid, sa: OutboundSA(child, transform: transform), counters: SharedCounters(),
            route: route, socket: self.socket(for: route), mtu: self.mtu(of: child))
        self.postSockets()
        self.add(entry)
        self.outboundMail.post(self.outbound)
    }

    package func removeStates(_ child: ChildSASpec) throws(KernelFault) {
        self.reserved.remove(child.inboundSPI)
        if self.inbound.entries[child.inboundSPI.number] != nil {
            self.inbound.entries[child.inboundSPI.number] = nil
            self.inboundMail.post(self.inbound)
        }
        guard let sender = self.sender(of: child) else { return }
        self.replace(sender, by: nil)
        self.outboundMail.post(self.outbound)
        self.leavePath(of: sender)
        self.postSockets()
    }

    package func statistics(
        _ child: ChildSASpec
    ) throws(KernelFault) -> (inbound: SAStatistics, outbound: SAStatistics) {
        let inbound = SAIdentifier(spi: child.inboundSPI, destination: child.path.local.address)
        let outbound = SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
        let sender = child.hasOutboundHalf ? self.sender(child.reqid, outbound) : nil
        // As with the kernel's, what has come to its end is gone: so whoever lost the event learns of it by asking.
        guard let receiver = self.inbound.entries[child.inboundSPI.number], !receiver.counters.isSpent,
            sender?.counters.isSpent != true
        else {
            throw KernelFault(
                operation: "statistics", object: "\(inbound)", errno: Errno.noProcess,
                text: "there is no such SA")
        }
        return (receiver.counters.statistics, sender?.counters.statistics ?? SAStatistics())
    }

    // MARK: Policies

    // RFC-GAP: RFC 4301 §5.2 packets in clear from the peer's network, by another interface, are not refused.
    package func installPolicies(_ child: ChildSASpec) throws(KernelFault) {
        // Routes last: until a packet can be sealed, none is led here.
        let before = self.outbound.selectors
        let isTaken = self.outbound.selectors.insert(
            reqid: child.reqid, local: child.localSelectors, remote: child.remoteSelectors)
        guard isTaken else {
            throw Self.tooManySelectors(child.reqid, child.localSelectors, child.remoteSelectors)
        }
        self.outboundMail.post(self.outbound)
        let mtu = self.mtu(of: child)
        do throws(KernelFault) {
            try self.interface.install(child, mtu: mtu.limit(.v4))
        } catch {
            self.outbound.selectors = before
            self.outboundMail.post(self.outbound)
            throw error
        }
        self.noteNarrowness(of: child, mtu, on: child.path)
    }

    package func removePolicies(_ child: ChildSASpec) throws(KernelFault) {
        // Routes first: what is still led here finds a policy without an SA, and is dropped.
        self.narrowPaths[child.reqid] = nil
        defer {
            self.outbound.selectors.remove(reqid: child.reqid)
            self.outboundMail.post(self.outbound)
        }
        try self.interface.remove(child.reqid)
    }

    // MARK: Traps

    package func installTrap(_ trap: TrapPolicy) throws(KernelFault) {
        // Routes last, as with a child's policies.
        let before = self.outbound.selectors
        let isTaken = self.outbound.selectors.insert(
            reqid: trap.reqid, local: trap.localSelectors, remote: trap.remoteSelectors, isTrap: true)
        guard isTaken else {
            throw Self.tooManySelectors(trap.reqid, trap.localSelectors, trap.remoteSelectors)
        }
        self.outboundMail.post(self.outbound)
        do throws(KernelFault) {
            try self.interface.install(trap)
        } catch {
            self.outbound.selectors = before
            self.outboundMail.post(self.outbound)
            throw error
        }
    }

    package func removeTrap(_ trap: TrapPolicy) throws(KernelFault) {
        defer {
            self.outbound.selectors.remove(reqid: trap.reqid)
            self.outboundMail.post(self.outbound)
        }
        try self.interface.remove(trap)
    }

    package func removeEverything() throws(KernelFault) {
        defer {
            self.reserved = []
            self.olderSenders = [:]
            for socket in self.paths.all { self.surroundings.leaving.add(socket) }
            self.paths = PathSockets()
            self.outbound = OutboundTable()
            self.inbound = InboundTable()
            self.outboundMail.post(self.outbound)
            self.inboundMail.post(self.inbound)
        }
        try self.interface.removeEverything()
    }
}
