package import IPsecModel
internal import LinuxIO
internal import Netlink

// The kernel has one policy at most for each selector and direction. So a CHILD_SA's policy takes the place of the trap
// with the same selector, and gives it back: in one step each, so that nothing leaves in clear in between.
extension KernelDataPlane {
    package func installTrap(_ trap: TrapPolicy) throws(KernelFault) {
        let old = self.traps[trap.reqid] ?? []
        let new = try KernelPolicy.policies(for: trap)
        var added: [KernelPolicy] = []
        do throws(KernelFault) {
            for policy in new where self.policies.policy(with: policy.key) == nil {
                switch self.traps.policy(with: policy.key)?.template.reqid {
                case nil:
                    try self.kernel.transact(policy.request(self.addition(of: policy)), on: "\(policy)")
                    added.append(policy)
                case trap.reqid?:
                    try self.kernel.transact(policy.request(.updatePolicy), on: "\(policy)")
                case .some: continue  // Of several traps with one selector the first counts.
                }
            }
        } catch {
            for policy in added {
                // The first fault is the one to report; a leftover is removed at the next start.
                _ = self.attempt { () throws(KernelFault) in try self.delete(policy) }
            }
            throw error
        }
        self.traps[trap.reqid] = new
        let stale = old.filter { policy in !new.contains { $0.key == policy.key } }
        for policy in stale { try self.uninstallTrap(policy) }
    }

    package func removeTrap(_ trap: TrapPolicy) throws(KernelFault) {
        var first: KernelFault?
        for policy in self.traps.take(trap.reqid) ?? [] {
            let fault = self.attempt { () throws(KernelFault) in try self.uninstallTrap(policy) }
            first = first ?? fault
        }
        if let first { throw first }
    }

    /// A trap that is not in the book any more.
    private func uninstallTrap(_ policy: KernelPolicy) throws(KernelFault) {
        guard self.policies.policy(with: policy.key) == nil else { return }
        try self.uninstall(policy)
    }

    /// A CHILD_SA's policy, in place of the trap that is there. Another CHILD_SA's it does not replace.
    func install(_ policy: KernelPolicy) throws(KernelFault) {
        let isTrapped =
            self.traps.policy(with: policy.key) != nil && self.policies.policy(with: policy.key) == nil
        let request = isTrapped ? .updatePolicy : self.addition(of: policy)
        try self.kernel.transact(policy.request(request), on: "\(policy)")
    }

    /// How a policy is installed that has none of ours to replace: in place of what a daemon that died has left, never of a
    /// stranger's.
    private func addition(of policy: KernelPolicy) -> XFRMMessageType {
        self.leftPolicies[policy.key] == nil ? .newPolicy : .updatePolicy
    }

    /// A CHILD_SA's policy no more: the trap is back, if there is one.
    func uninstall(_ policy: KernelPolicy) throws(KernelFault) {
        guard let trap = self.traps.policy(with: policy.key) else {
            try self.delete(policy)
            return
        }
        try self.kernel.transact(trap.request(.updatePolicy), on: "\(trap)")
        if policy.direction == .outbound { self.forgetCall(of: trap, on: policy.template) }
    }

    /// The kernel tells of a packet once, and keeps a half-made state for 30 s (net.core.xfrm_acq_expires) that says it has.
    /// A CHILD_SA with the trap's reqid would have ended that; ours has one of its own. So the state gets an SPI, by which
    /// it can be deleted, and the next packet calls again.
    private func forgetCall(of trap: KernelPolicy, on way: KernelPolicy.Template) {
        let request = KernelState.allocation(
            local: way.destination, remote: way.source, reqid: trap.template.reqid)
        _ = self.attempt { () throws(KernelFault) in
            var halfMade: SAIdentifier?
            try self.kernel.transact(request, on: "\(trap)") { message throws(MalformedMessage) in
                guard message.type == XFRMMessageType.newSA.rawValue else { return }
                halfMade = try StateSnapshot(message.payload).identifier
            }
            if let halfMade { try self.delete(halfMade) }
        }
    }
}
