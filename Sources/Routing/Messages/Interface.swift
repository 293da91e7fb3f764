package import IPsecModel
internal import LinuxIO
internal import Netlink

/// An address of this host.
package struct InterfaceAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address itself.
    package let address: IPAddress
    /// Leading bits that the link's other hosts share.
    package let prefixLength: Int
    /// The number of the interface that has it.
    package let interface: UInt32
    /// False for addresses that mean something on this host or this link only, such as 127.0.0.1 and fe80::1.
    package let isGlobal: Bool

    /// The address on the interface with the number `interface`.
    package init(_ address: IPAddress, prefixLength: Int, interface: UInt32, isGlobal: Bool = true) {
        self.address = address
        self.prefixLength = prefixLength
        self.interface = interface
        self.isGlobal = isGlobal
    }

    package var description: String { "\(self.address)/\(self.prefixLength) on interface \(self.interface)" }

    /// NEWADDR or DELADDR: `struct ifaddrmsg`. A new address makes no route by itself, and is usable at once.
    func request(_ type: RouteMessageType, flags: NetlinkRequest.Flags = .acknowledge) -> NetlinkRequest {
        let request = NetlinkRequest(type, flags: flags)
        request.append(family: self.address.family)
        request.append(bytes: [UInt8(clamping: self.prefixLength), 0, 0])
        request.append(native: self.interface)
        request.attribute(AddressAttribute.local, self.address)
        if type == .newAddress {
            let noDetection = self.address.family == .v6 ? RouteNumber.noDuplicateDetection : 0
            request.attribute(AddressAttribute.flags, RouteNumber.noPrefixRoute | noDetection)
        }
        request.attribute(AddressAttribute.address, self.address)
        return request
    }

    /// GETADDR: all addresses of both families.
    static func list() -> NetlinkRequest {
        let request = NetlinkRequest(.getAddress, flags: .dump)
        request.appendZeros(8)
        return request
    }

    /// Reads the payload of a NEWADDR message; nil for other families than IPv4 and IPv6.
    init?(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(payload)
        let family = AddressFamily(systemNumber: UInt16(try reader.native("ifa_family", as: UInt8.self)))
        self.prefixLength = Int(try reader.native("ifa_prefixlen", as: UInt8.self))
        _ = try reader.bytes(1, "ifa_flags")
        self.isGlobal = try reader.native("ifa_scope", as: UInt8.self) < RouteNumber.link
        self.interface = try reader.native("ifa_index")
        let attributes = try NetlinkAttributes(reader.rest)
        let address =
            attributes.address(AddressAttribute.local) ?? attributes.address(AddressAttribute.address)
        guard let family, let address, address.family == family else { return nil }
        self.address = address
    }
}

/// Requests about one interface: `struct ifinfomsg`.
enum LinkRequest {
    /// NEWLINK for a link that there is: sets it up, or what `fill` appends.
    static func change(
        _ interface: UInt32, isUp: Bool = false, _ fill: (NetlinkRequest) -> Void = { _ in }
    ) -> NetlinkRequest {
        let request = Self.header(.newLink, interface, flags: isUp ? RouteNumber.isUp : 0)
        fill(request)
        return request
    }

    /// GETLINK.
    static func get(_ interface: UInt32) -> NetlinkRequest { Self.header(.getLink, interface, flags: 0) }

    private static func header(
        _ type: RouteMessageType, _ interface: UInt32, flags: UInt32
    ) -> NetlinkRequest {
        let request = NetlinkRequest(type)
        request.appendZeros(4)  // family, padding, type of device
        request.append(native: interface)
        request.append(native: flags)
        request.append(native: flags)  // which of them to change
        return request
    }

    /// The MTU in the payload of a NEWLINK message, in bytes.
    static func mtu(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) -> Int {
        var reader = KernelReader(payload)
        _ = try reader.bytes(16, "ifinfomsg")
        let attributes = try NetlinkAttributes(reader.rest)
        guard let mtu = attributes.number(LinkAttribute.mtu) else {
            throw MalformedMessage(field: "IFLA_MTU")
        }
        return Int(mtu)
    }
}
