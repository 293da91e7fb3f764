package import IPsecModel
internal import LinuxIO
internal import Netlink

// What an operator should know of the errors of NETLINK_ROUTE.

extension Errno {
    /// No such interface.
    static let noDevice: Int32 = 19
    /// The kernel does not have the address family.
    static let familyNotSupported: Int32 = 97
    /// The interface is down.
    static let networkDown: Int32 = 100
}

extension KernelFault {
    /// True if this kernel has no IPv6, or has it switched off: then what was asked for IPv6 can be left undone.
    package var isMissingFamily: Bool {
        self.errno == Errno.familyNotSupported || self.errno == Errno.operationNotSupported
    }
}

extension NetlinkProtocol {
    /// NETLINK_ROUTE: interfaces, addresses, routes and rules.
    static let route = NetlinkProtocol(number: 0) { errno in
        errno == Errno.notPermitted ? RouteMessageType.permissionSentence : nil
    }
}

extension RouteMessageType: NetlinkMessageType {
    fileprivate static let permissionSentence = "routes need root or the capability CAP_NET_ADMIN"

    var name: String {
        switch self {
        case .newLink: return "NEWLINK"
        case .getLink: return "GETLINK"
        case .newAddress: return "NEWADDR"
        case .deleteAddress: return "DELADDR"
        case .getAddress: return "GETADDR"
        case .newRoute: return "NEWROUTE"
        case .deleteRoute: return "DELROUTE"
        case .getRoute: return "GETROUTE"
        case .newRule: return "NEWRULE"
        case .deleteRule: return "DELRULE"
        case .getRule: return "GETRULE"
        }
    }

    func sentence(_ errno: Int32) -> String? {
        switch (errno, self) {
        case (Errno.notPermitted, _): return Self.permissionSentence
        case (Errno.noDevice, _): return "there is no such interface"
        case (Errno.networkDown, _): return "the interface is down"
        case (Errno.familyNotSupported, .newRule), (Errno.operationNotSupported, .newRule):
            return "the kernel has no rules for this address family (CONFIG_IP_MULTIPLE_TABLES)"
        case (Errno.familyNotSupported, _), (Errno.operationNotSupported, _):
            return "the kernel does not have this address family"
        default: return nil
        }
    }
}

extension NetlinkRequest {
    /// A request with an empty payload.
    convenience init(_ type: RouteMessageType, flags: Flags = .acknowledge) {
        self.init(type: type, flags: flags)
    }

    /// Appends an attribute that is a number.
    func attribute(_ number: UInt16, _ value: UInt32) {
        self.attribute(number: number) { $0.append(native: value) }
    }

    /// Appends an attribute that is an address.
    func attribute(_ number: UInt16, _ address: IPAddress) {
        self.attribute(number: number) { $0.append(bytes: address.bytes) }
    }

    /// The family as the first byte of a structure.
    func append(family: AddressFamily?) {
        self.append(bytes: [UInt8(truncatingIfNeeded: family?.systemNumber ?? 0)])
    }
}

extension NetlinkAttributes {
    /// The attribute as a number; nil if it is absent or of another size.
    func number(_ attribute: UInt16) -> UInt32? {
        self[number: attribute].flatMap { UInt32(nativeBytes: $0) }
    }

    /// The attribute as an address; nil if it is absent or of another size.
    func address(_ attribute: UInt16) -> IPAddress? {
        self[number: attribute].flatMap { IPAddress(bytes: $0) }
    }
}
