package import IPsecModel
internal import LinuxIO
internal import Netlink

/// The kernel's ESP, programmed through XFRM netlink.
///
/// Confined to the control thread. Each call is one or a few netlink transactions of some 20 µs; the first use
/// of an algorithm takes as long as its module takes to load.
package final class KernelDataPlane: DataPlane {
    /// Moved peers, expiry and the like, for the event loop to drain.
    package let events: XFRMEventSocket

    let kernel: NetlinkSocket
    /// What we have installed, by reqid: policies are identified by their selectors, which rekeying may narrow.
    var policies = PolicyBook()
    /// Policies that hold packets back where no CHILD_SA's stand, by reqid: see KernelDataPlane+Traps.
    var traps = PolicyBook()
    /// Policies of a daemon that died, whose place ours take: see KernelDataPlane+Cleanup.
    var leftPolicies: [KernelPolicy.Key: KernelPolicy] = [:]
    /// The largest time of installation of any sending state, by reqid: see `installOutbound`.
    private var newestAddition: [UInt32: UInt64] = [:]
    /// Reqids of ours that lie outside `ReqID.range`, because the configuration names them.
    private var configuredReqids: Set<UInt32> = []

    /// Opens the sockets; fails without CAP_NET_ADMIN, or if the kernel has no XFRM.
    package init() throws(KernelFault) {
        self.kernel = try NetlinkSocket(.xfrm)
        self.events = try XFRMEventSocket(ownPortID: self.kernel.portID)
    }

    package var description: String { "kernel-xfrm (Linux \(Host.kernelRelease))" }

    // MARK: SPIs

    package func allocateSPI(
        local: IPAddress, remote: IPAddress, reqid: UInt32
    ) throws(KernelFault) -> ESPSPI {
        var spi: ESPSPI?
        let object = "\(remote) to \(local)"
        let request = KernelState.allocation(local: local, remote: remote, reqid: reqid)
        try self.kernel.transact(request, on: object) { message throws(MalformedMessage) in
            guard message.type == XFRMMessageType.newSA.rawValue else { return }
            spi = try StateSnapshot(message.payload).identifier.spi
        }
        guard let spi else {
            throw KernelFault(
                operation: "ALLOCSPI", object: object, errno: 0, text: "the kernel named no SPI")
        }
        return spi
    }

    package func releaseSPI(_ spi: ESPSPI, local: IPAddress) {
        do throws(KernelFault) {
            try self.delete(SAIdentifier(spi: spi, destination: local))
        } catch {
            // The kernel forgets reserved SPIs by itself after 30 s (net.core.xfrm_acq_expires).
        }
    }

    // MARK: States

    package func installInbound(_ child: ChildSASpec) throws(KernelFault) {
        self.remember(child.reqid)
        let state = KernelState(inboundOf: child, on: child.path)
        do throws(KernelFault) {
            try self.send(.updateSA, state)
        } catch {
            // The reservation of the SPI lasts 30 s; a slow negotiation may outlive it.
            guard error.errno == Errno.noProcess else { throw error }
            try self.send(.newSA, state)
        }
    }

    /// Of several states that fit a template the kernel takes the one that was added last by the wall clock, in
    /// whole seconds: if the clock is set back, a rekeyed SA would not be used (seen on 6.1). So we say when a
    /// state was added, and always a second later than the one before.
    package func installOutbound(_ child: ChildSASpec) throws(KernelFault) {
        self.remember(child.reqid)
        var state = KernelState(outboundOf: child, on: child.path)
        let previous = self.newestAddition[child.reqid] ?? 0
        // A time in seconds does not get near the end.
        let addedAt = max(Host.wallClockSeconds, previous &+ 1)
        state.resumption = KernelState.Resumption(counters: LifetimeCounters(addedAt: addedAt))
        try self.send(.newSA, state)
        self.newestAddition[child.reqid] = addedAt
    }

    package func removeStates(_ child: ChildSASpec) throws(KernelFault) {
        var halves = [SAIdentifier(spi: child.inboundSPI, destination: child.path.local.address)]
        if child.hasOutboundHalf {
            halves.append(SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address))
        }
        var first: KernelFault?
        for half in halves {
            do throws(KernelFault) {
                try self.delete(half)
            } catch {
                first = first ?? error
            }
        }
        if let first { throw first }
    }

    package func statistics(
        _ child: ChildSASpec
    ) throws(KernelFault) -> (inbound: SAStatistics, outbound: SAStatistics) {
        let inbound = try self.snapshot(
            SAIdentifier(spi: child.inboundSPI, destination: child.path.local.address))
        return (inbound.statistics(ofInbound: true), try self.outboundStatistics(child))
    }

    /// Zero as long as a rekeyed CHILD_SA does not send yet: then there is no such state.
    private func outboundStatistics(_ child: ChildSASpec) throws(KernelFault) -> SAStatistics {
        guard child.hasOutboundHalf else { return SAStatistics() }
        do throws(KernelFault) {
            return try self.snapshot(
                SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
            ).statistics(ofInbound: false)
        } catch {
            guard error.errno == Errno.noProcess else { throw error }
            return SAStatistics()
        }
    }

    // MARK: Policies

    package func installPolicies(_ child: ChildSASpec) throws(KernelFault) {
        self.remember(child.reqid)
        guard self.policies[child.reqid] == nil else {
            try self.updatePolicies(child)
            return
        }
        var installed: [KernelPolicy] = []
        do throws(KernelFault) {
            for policy in try KernelPolicy.policies(for: child, on: child.path) {
                try self.install(policy)
                installed.append(policy)
            }
        } catch {
            for policy in installed.reversed() {
                // The first fault is the one to report; a leftover is removed at the next start.
                _ = self.attempt { () throws(KernelFault) in try self.uninstall(policy) }
            }
            throw error
        }
        self.policies[child.reqid] = installed
    }

    /// Another IKE_SA of the same peer has these policies already: from now on they lead to this one. They never
    /// go in between, so nothing leaves in clear.
    private func updatePolicies(_ child: ChildSASpec) throws(KernelFault) {
        let policies = try KernelPolicy.policies(for: child, on: child.path)
        for policy in policies {
            do throws(KernelFault) {
                try self.kernel.transact(policy.request(.updatePolicy), on: "\(policy)")
            } catch {
                // Back to what there was; the first fault is the one to report.
                for old in self.policies[child.reqid] ?? [] {
                    _ = self.attempt { () throws(KernelFault) in
                        try self.kernel.transact(old.request(.updatePolicy), on: "\(old)")
                    }
                }
                throw error
            }
        }
        self.policies[child.reqid] = policies
    }

    package func removePolicies(_ child: ChildSASpec) throws(KernelFault) {
        let policies: [KernelPolicy]
        if let installed = self.policies.take(child.reqid) {
            policies = installed
        } else {
            policies = try KernelPolicy.policies(for: child, on: child.path)
        }
        self.newestAddition[child.reqid] = nil
        var first: KernelFault?
        for policy in policies {
            let fault = self.attempt { () throws(KernelFault) in try self.uninstall(policy) }
            first = first ?? fault
        }
        if let first { throw first }
    }

    // MARK: Transactions

    /// True if states and policies of `reqid` are ours.
    func isOurs(_ reqid: UInt32) -> Bool {
        ReqID.range.contains(reqid) || self.configuredReqids.contains(reqid)
    }

    /// The configuration gives these reqids to us, so what a crashed daemon left with them is ours as well.
    package func claim(_ reqids: Set<UInt32>) {
        for reqid in reqids { self.remember(reqid) }
    }

    private func remember(_ reqid: UInt32) {
        if !ReqID.range.contains(reqid) { self.configuredReqids.insert(reqid) }
    }

    /// Nothing is ours any more.
    func forgetEverything() {
        self.policies = PolicyBook()
        self.traps = PolicyBook()
        self.leftPolicies = [:]
        self.newestAddition = [:]
        self.configuredReqids = []
    }

    /// NEWSA or UPDSA.
    func send(_ type: XFRMMessageType, _ state: KernelState) throws(KernelFault) {
        let request = try state.request(type)
        try self.kernel.transact(request, on: "\(state.identifier) from \(state.source)")
    }

    /// The state as it is now.
    func snapshot(_ identifier: SAIdentifier) throws(KernelFault) -> StateSnapshot {
        var snapshot: StateSnapshot?
        let request = KernelState.request(.getSA, identifier)
        try self.kernel.transact(request, on: "\(identifier)") { message throws(MalformedMessage) in
            guard message.type == XFRMMessageType.newSA.rawValue else { return }
            snapshot = try StateSnapshot(message.payload)
        }
        guard let snapshot else {
            throw KernelFault(
                operation: "GETSA", object: "\(identifier)", errno: 0, text: "the kernel described no state")
        }
        return snapshot
    }

    /// Deletes a state; one that is gone already is no fault.
    func delete(_ identifier: SAIdentifier) throws(KernelFault) {
        do throws(KernelFault) {
            try self.kernel.transact(KernelState.request(.deleteSA, identifier), on: "\(identifier)")
        } catch {
            guard error.errno == Errno.noProcess else { throw error }
        }
    }

    /// Deletes a policy; one that is gone already is no fault.
    func delete(_ policy: KernelPolicy) throws(KernelFault) {
        do throws(KernelFault) {
            try self.kernel.transact(policy.deletion(), on: "\(policy)")
        } catch {
            guard error.errno == Errno.noEntry else { throw error }
        }
    }

    /// The fault of `body`, or nil if there was none.
    func attempt(_ body: () throws(KernelFault) -> Void) -> KernelFault? {
        do throws(KernelFault) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}
