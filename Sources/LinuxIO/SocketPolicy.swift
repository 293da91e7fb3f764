internal import CLinux
internal import IPsecModel

/// `struct xfrm_userpolicy_info` (linux/xfrm.h) for one socket: its packets pass without IPsec.
enum SocketPolicy {
    /// Which packets of the socket.
    enum Direction: UInt8, CaseIterable {
        case inbound = 0  // XFRM_POLICY_IN
        case outbound = 1  // XFRM_POLICY_OUT
    }

    /// Lets all packets of a socket of `family` pass without IPsec; needs CAP_NET_ADMIN.
    static func allowAll(_ fd: Int32, _ family: AddressFamily, object: String) throws(IOFault) {
        for direction in Direction.allCases {
            let policy = self.allow(direction, family: family)
            _ = try systemCall("setsockopt XFRM_POLICY", object) {
                // SAFETY: the bytes are lent for the call, with their own count.
                unsafe policy.withUnsafeBytes {
                    unsafe lx_set_xfrm_policy(fd, Int32(family.number), $0.baseAddress, $0.count)
                }
            }
        }
    }

    /// The bytes for `IP_XFRM_POLICY` or `IPV6_XFRM_POLICY`.
    static func allow(_ direction: Direction, family: AddressFamily) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(contentsOf: repeatElement(0, count: 40))  // sel: any addresses and ports
        bytes.appendNative(family.systemNumber)  // sel.family
        bytes.append(contentsOf: repeatElement(0, count: 160 - bytes.count))  // no limits, counters, priority
        bytes.append(direction.rawValue)
        bytes.append(0)  // XFRM_POLICY_ALLOW
        bytes.append(contentsOf: repeatElement(0, count: 168 - bytes.count))
        return bytes
    }
}
