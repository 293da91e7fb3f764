internal import LinuxIO
internal import Netlink

// What an operator should know of the errors of NETLINK_XFRM.

extension NetlinkProtocol {
    /// NETLINK_XFRM: states, policies and their events.
    static let xfrm = NetlinkProtocol(number: 6) { errno in
        switch errno {
        case Errno.protocolNotSupported:
            return "the kernel has no IPsec: modprobe xfrm_user, or run a kernel that has it"
        case Errno.notPermitted: return XFRMMessageType.permissionSentence
        default: return nil
        }
    }
}

extension XFRMMessageType: NetlinkMessageType {
    fileprivate static let permissionSentence = "IPsec needs root or the capability CAP_NET_ADMIN"

    func sentence(_ errno: Int32) -> String? {
        switch (errno, self) {
        case (Errno.protocolNotSupported, _):
            return "the kernel has no ESP: modprobe -a esp4 esp6, or run a kernel that has it"
        case (Errno.notImplemented, _): return "the kernel does not have the algorithm, or not its module"
        case (Errno.notPermitted, _): return Self.permissionSentence
        case (Errno.exists, .newPolicy):
            return "there is a policy for these packets already, of another connection or another program"
        case (Errno.exists, _): return "there is a state with this SPI and destination already"
        case (Errno.noProcess, _): return "there is no such state"
        case (Errno.noEntry, .deletePolicy): return "there is no such policy"
        default: return nil
        }
    }
}
