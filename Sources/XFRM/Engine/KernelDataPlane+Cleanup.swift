package import IPsecModel
internal import LinuxIO
internal import Netlink

extension KernelDataPlane {
    /// States first: while their policies stand, their traffic is dropped and not sent in clear.
    package func removeEverything() throws(KernelFault) {
        var first: KernelFault?
        for identifier in try self.ownStates() {
            let fault = self.attempt { () throws(KernelFault) in try self.delete(identifier) }
            first = first ?? fault
        }
        for policy in try self.ownPolicies() {
            let fault = self.attempt { () throws(KernelFault) in try self.delete(policy) }
            first = first ?? fault
        }
        self.forgetEverything()
        if let first { throw first }
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
