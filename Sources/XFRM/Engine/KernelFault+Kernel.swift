internal import IPsecModel
internal import LinuxIO

extension KernelFault {
    /// A refusal of the kernel, with a sentence that says what to do where we know one.
    init(_ verdict: NetlinkVerdict, _ type: XFRMMessageType, _ object: String) {
        let sentence = Self.sentence(verdict.errno, type)
        let text: String
        switch (sentence, verdict.text.isEmpty) {
        case (let sentence?, true): text = sentence
        case (let sentence?, false): text = "\(sentence) (the kernel says: \(verdict.text))"
        case (nil, true): text = errorText(verdict.errno)
        case (nil, false): text = verdict.text
        }
        self.init(operation: type.name, object: object, errno: verdict.errno, text: text)
    }

    /// A socket that failed under an operation, or before one.
    init(_ fault: IOFault, operation: String? = nil, object: String? = nil) {
        let text = Self.sentence(fault.errno, nil) ?? fault.text
        self.init(
            operation: operation ?? fault.operation, object: object ?? fault.object, errno: fault.errno,
            text: text)
    }

    private static func sentence(_ errno: Int32, _ type: XFRMMessageType?) -> String? {
        switch (errno, type) {
        case (Errno.protocolNotSupported, nil):
            return "the kernel has no IPsec: modprobe xfrm_user, or run a kernel that has it"
        case (Errno.protocolNotSupported, _):
            return "the kernel has no ESP: modprobe -a esp4 esp6, or run a kernel that has it"
        case (Errno.notImplemented, _): return "the kernel does not have the algorithm, or not its module"
        case (Errno.notPermitted, _): return "IPsec needs root or the capability CAP_NET_ADMIN"
        case (Errno.exists, .newPolicy):
            return "there is a policy for these packets already, of another connection or another program"
        case (Errno.exists, _): return "there is a state with this SPI and destination already"
        case (Errno.noProcess, _): return "there is no such state"
        case (Errno.noEntry, .deletePolicy): return "there is no such policy"
        case (Errno.timedOut, _): return "the kernel did not answer"
        default: return nil
        }
    }
}
