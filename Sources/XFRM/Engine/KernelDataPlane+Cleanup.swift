package import IPsecModel
internal import LinuxIO
internal import Netlink

extension KernelDataPlane {
    /// States first: while their policies stand, their traffic is dropped and not sent in clear.
    package func removeEverything() throws(KernelFault) {
        var first = try self.removeAllStates()
        for policy in try self.ownPolicies() {
            let fault = self.attempt { () throws(KernelFault) in try self.delete(policy) }
            first = first ?? fault
        }
        self.forgetEverything()
        if let first { throw first }
    }

    /// Takes away the states that a daemon which died has left: they would catch our peers' packets. Its policies stay for now.
    /// Without states they hold packets back, as they should until ours are there.
    package func removeLeftStates() throws(KernelFault) {
        for policy in try self.ownPolicies() { self.leftPolicies[policy.key] = policy }
        if let fault = try self.removeAllStates() { throw fault }
    }

    /// Takes away the policies that it has left, for which by now there are others or which nobody wants.
    package func removeLeftPolicies() throws(KernelFault) {
        let left = self.leftPolicies.values
        self.leftPolicies = [:]
        var first: KernelFault?
        for policy in left
        where self.policies.policy(with: policy.key) == nil && self.traps.policy(with: policy.key) == nil {
            let fault = self.attempt { () throws(KernelFault) in try self.delete(policy) }
            first = first ?? fault
        }
        if let first { throw first }
    }

    /// The first fault, if there was any.
    private func removeAllStates() throws(KernelFault) -> KernelFault? {
        var first: KernelFault?
        for identifier in try self.ownStates() {
            let fault = self.attempt { () throws(KernelFault) in try self.delete(identifier) }
            first = first ?? fault
        }
        return first
    }

    /// Half-made states without an SPI cannot be named, and so not be deleted: the kernel drops them after 30 s.
    private func ownStates() throws(KernelFault) -> [SAIdentifier] {
        try self.kernel.list(.getSA) { message throws(MalformedMessage) in
            guard message.type == XFRMMessageType.newSA.rawValue else { return nil }
            let state = try StateSnapshot(message.payload)
            guard self.isOurs(state.reqid), state.ipProtocol == XFRMNumber.esp else { return nil }
            return state.identifier.spi.number == 0 ? nil : state.identifier
        }
    }

    private func ownPolicies() throws(KernelFault) -> [KernelPolicy] {
        try self.kernel.list(.getPolicy) { message throws(MalformedMessage) in
            guard message.type == XFRMMessageType.newPolicy.rawValue else { return nil }
            guard let policy = try KernelPolicy(message.payload) else { return nil }
            return self.isOurs(policy.template.reqid) ? policy : nil
        }
    }
}
