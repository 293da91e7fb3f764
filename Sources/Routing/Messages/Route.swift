package import IPsecModel
internal import LinuxIO
internal import Netlink

/// A route in a table of ours.
package struct Route: Hashable, Sendable, CustomStringConvertible {
    /// What becomes of the packets.
    package enum Target: Hashable, Sendable {
        /// They go to an interface.
        case interface(Hop)
        /// The table has nothing for them: the next rule is asked.
        case `throw`
    }

    /// An interface, and what this host's own packets should know of the way.
    package struct Hop: Hashable, Sendable {
        /// The interface's number.
        package var interface: UInt32
        /// The source address of packets that have none yet.
        package var preferredSource: IPAddress?
        /// The largest packet in bytes; nil takes the interface's.
        package var mtu: Int?
        /// The TCP MSS that this host offers, in bytes; nil takes what the MTU leaves.
        package var advertisedMSS: Int?

        /// The interface with the number `interface`.
        package init(
            interface: UInt32, preferredSource: IPAddress? = nil, mtu: Int? = nil, advertisedMSS: Int? = nil
        ) {
            self.interface = interface
            self.preferredSource = preferredSource
            self.mtu = mtu
            self.advertisedMSS = advertisedMSS
        }
    }

    /// Packets to these addresses.
    package let prefix: IPPrefix
    /// What becomes of them.
    package let target: Target

    /// The route of `prefix` to `target`.
    package init(_ prefix: IPPrefix, _ target: Target) {
        self.prefix = prefix
        self.target = target
    }

    package var description: String {
        switch self.target {
        case .interface(let hop): return "\(self.prefix) to interface \(hop.interface)"
        case .throw: return "throw \(self.prefix)"
        }
    }

    /// NEWROUTE that takes the place of a route with the same prefix: `struct rtmsg`.
    func replacement(_ numbers: RoutingNumbers) -> NetlinkRequest {
        let request = NetlinkRequest(.newRoute, flags: [.acknowledge, .create, .replace])
        switch self.target {
        case .throw:
            Self.append(
                to: request, self.prefix, numbers, scope: RouteNumber.universe, kind: RouteNumber.throw)
        case .interface(let hop):
            Self.append(
                to: request, self.prefix, numbers, scope: RouteNumber.link, kind: RouteNumber.unicast,
                source: hop.preferredSource)
            request.attribute(RouteAttribute.interface, hop.interface)
            hop.appendMetrics(to: request)
        }
        return request
    }

    /// DELROUTE for our route of `prefix`, whatever its target.
    static func deletion(_ prefix: IPPrefix, _ numbers: RoutingNumbers) -> NetlinkRequest {
        let request = NetlinkRequest(.deleteRoute)
        // IPv6 has no scopes.
        let scope = prefix.address.family == .v4 ? RouteNumber.anyScope : RouteNumber.universe
        Self.append(to: request, prefix, numbers, scope: scope, kind: 0)
        return request
    }

    private static func append(
        to request: NetlinkRequest, _ prefix: IPPrefix, _ numbers: RoutingNumbers, scope: UInt8, kind: UInt8,
        source: IPAddress? = nil
    ) {
        request.append(family: prefix.address.family)
        request.append(bytes: [UInt8(clamping: prefix.length), 0, 0, 0, numbers.origin, scope, kind])
        request.append(native: UInt32(0))  // flags
        if prefix.length > 0 { request.attribute(RouteAttribute.destination, prefix.address) }
        if let source { request.attribute(RouteAttribute.preferredSource, source) }
        request.attribute(RouteAttribute.table, numbers.table)
    }

    /// GETROUTE: the routes of our table; kernels before 4.20 send those of all tables.
    static func list(_ family: AddressFamily, _ numbers: RoutingNumbers) -> NetlinkRequest {
        let request = NetlinkRequest(.getRoute, flags: .dump)
        request.append(family: family)
        request.appendZeros(11)
        request.attribute(RouteAttribute.table, numbers.table)
        return request
    }

    /// Reads the payload of a NEWROUTE message; nil if the route is not ours, or of another kind than ours.
    init?(_ payload: ArraySlice<UInt8>, _ numbers: RoutingNumbers) throws(MalformedMessage) {
        var reader = KernelReader(payload)
        let family = AddressFamily(systemNumber: UInt16(try reader.native("rtm_family", as: UInt8.self)))
        let length = Int(try reader.native("rtm_dst_len", as: UInt8.self))
        _ = try reader.bytes(2, "rtm_src_len")
        let table = try reader.native("rtm_table", as: UInt8.self)
        let origin = try reader.native("rtm_protocol", as: UInt8.self)
        _ = try reader.bytes(1, "rtm_scope")
        let kind = try reader.native("rtm_type", as: UInt8.self)
        let flags = try reader.native("rtm_flags", as: UInt32.self)
        let attributes = try NetlinkAttributes(reader.rest)
        guard let family, origin == numbers.origin, flags & RouteNumber.isCloned == 0,
            attributes.number(RouteAttribute.table) ?? UInt32(table) == numbers.table
        else { return nil }
        let address = attributes.address(RouteAttribute.destination) ?? family.unspecified
        guard address.family == family, let prefix = IPPrefix(address, length: length) else {
            throw MalformedMessage(field: "rtm_dst_len")
        }
        switch kind {
        case RouteNumber.throw: self.init(prefix, .throw)
        case RouteNumber.unicast:
            guard let hop = try Hop(attributes) else { return nil }
            self.init(prefix, .interface(hop))
        default: return nil
        }
    }
}

extension Route.Hop {
    fileprivate func appendMetrics(to request: NetlinkRequest) {
        guard self.mtu != nil || self.advertisedMSS != nil else { return }
        request.attribute(number: RouteAttribute.metrics) { metrics in
            if let mtu = self.mtu { metrics.attribute(RouteAttribute.mtu, UInt32(clamping: mtu)) }
            if let size = self.advertisedMSS {
                metrics.attribute(RouteAttribute.advertisedMSS, UInt32(clamping: size))
            }
        }
    }

    /// The way in the attributes of a route; nil without an interface.
    fileprivate init?(_ attributes: NetlinkAttributes) throws(MalformedMessage) {
        guard let interface = attributes.number(RouteAttribute.interface) else { return nil }
        let metrics = try NetlinkAttributes(attributes[number: RouteAttribute.metrics] ?? [])
        self.init(
            interface: interface, preferredSource: attributes.address(RouteAttribute.preferredSource),
            mtu: metrics.number(RouteAttribute.mtu).map { Int($0) },
            advertisedMSS: metrics.number(RouteAttribute.advertisedMSS).map { Int($0) })
    }
}
