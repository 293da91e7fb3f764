package import IPsecModel
package import LinuxIO

extension KernelFault {
    /// A refusal of the kernel, with a sentence that says what to do where we know one.
    package init(_ verdict: NetlinkVerdict, _ type: any NetlinkMessageType, _ object: String) {
        let text: String
        switch (type.sentence(verdict.errno), verdict.text.isEmpty) {
        case (let sentence?, true): text = sentence
        case (let sentence?, false): text = "\(sentence) (the kernel says: \(verdict.text))"
        case (nil, true): text = errorText(verdict.errno)
        case (nil, false): text = verdict.text
        }
        self.init(operation: type.name, object: object, errno: verdict.errno, text: text)
    }

    /// A socket of `netlink` that failed under an operation, or before one.
    package init(
        _ fault: IOFault, _ netlink: NetlinkProtocol, operation: String? = nil, object: String? = nil
    ) {
        let text = fault.errno == Errno.timedOut ? "the kernel did not answer" : nil
        self.init(
            operation: operation ?? fault.operation, object: object ?? fault.object, errno: fault.errno,
            text: text ?? netlink.sentence(fault.errno) ?? fault.text)
    }
}
