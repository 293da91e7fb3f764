package import IPsecModel
internal import LinuxIO
internal import Netlink

/// Sets and lists interfaces, addresses, routes and rules of the network namespace in which it was opened.
///
/// Each call is one transaction of some 20 µs and is done when it returns. What is there already is no fault to
/// add, and what is gone is no fault to delete.
package final class RoutingSocket {
    /// How what is ours is known.
    package let numbers: RoutingNumbers
    private let kernel: NetlinkSocket

    /// Opens the socket.
    package init(_ numbers: RoutingNumbers = RoutingNumbers()) throws(KernelFault) {
        self.numbers = numbers
        self.kernel = try NetlinkSocket(.route)
    }

    /// How many requests have been sent, counted from 0 on again after 2³².
    var transactions: UInt32 { self.kernel.sequence }

    // MARK: Interfaces

    /// Sets the interface up.
    package func setUp(interface: UInt32) throws(KernelFault) {
        try self.kernel.transact(
            LinkRequest.change(interface, isUp: true), on: "interface \(interface)")
    }

    /// Sets the interface's MTU in bytes. Below 1280 the interface loses IPv6 (RFC 8200 §5).
    package func setMTU(_ mtu: Int, interface: UInt32) throws(KernelFault) {
        let request = LinkRequest.change(interface) {
            $0.attribute(LinkAttribute.mtu, UInt32(clamping: mtu))
        }
        try self.kernel.transact(request, on: "interface \(interface), MTU \(mtu)")
    }

    /// Sets how many packets may wait for the interface.
    package func setQueueLength(_ packets: Int, interface: UInt32) throws(KernelFault) {
        let request = LinkRequest.change(interface) {
            $0.attribute(LinkAttribute.queueLength, UInt32(clamping: packets))
        }
        try self.kernel.transact(request, on: "interface \(interface), queue of \(packets)")
    }

    /// The interface's MTU in bytes.
    package func mtu(interface: UInt32) throws(KernelFault) -> Int {
        var mtu: Int?
        let object = "interface \(interface)"
        try self.kernel.transact(LinkRequest.get(interface), on: object) { message throws(MalformedMessage) in
            guard message.type == RouteMessageType.newLink.rawValue else { return }
            mtu = try LinkRequest.mtu(message.payload)
        }
        guard let mtu else {
            throw KernelFault(
                operation: RouteMessageType.getLink.name, object: object, errno: 0,
                text: "the kernel described no interface")
        }
        return mtu
    }

    // MARK: Addresses

    /// All addresses of this host, as the kernel orders them.
    package func addresses() throws(KernelFault) -> [InterfaceAddress] {
        try self.kernel.list(InterfaceAddress.list()) { message throws(MalformedMessage) in
            guard message.type == RouteMessageType.newAddress.rawValue else { return nil }
            return try InterfaceAddress(message.payload)
        }
    }

    /// Gives `address`, and no other of its network, to the interface.
    package func add(_ address: IPAddress, interface: UInt32) throws(KernelFault) {
        let address = Self.host(address, interface)
        let request = address.request(.newAddress, flags: [.acknowledge, .create, .exclusive])
        try self.transact(request, "\(address)", accepting: [Errno.exists])
    }

    /// Takes `address` from the interface.
    package func remove(_ address: IPAddress, interface: UInt32) throws(KernelFault) {
        let address = Self.host(address, interface)
        try self.transact(
            address.request(.deleteAddress), "\(address)",
            accepting: [Errno.addressNotAvailable, Errno.noDevice])
    }

    private static func host(_ address: IPAddress, _ interface: UInt32) -> InterfaceAddress {
        InterfaceAddress(address, prefixLength: address.family.bitWidth, interface: interface)
    }

    // MARK: Routes

    /// Puts `route` into our table, in the place of one with the same prefix if there is one.
    package func replace(_ route: Route) throws(KernelFault) {
        try self.kernel.transact(route.replacement(self.numbers), on: "\(route)")
    }

    /// Deletes our route of `prefix`.
    package func deleteRoute(_ prefix: IPPrefix) throws(KernelFault) {
        // ENOENT: not even the table is there.
        try self.transact(
            Route.deletion(prefix, self.numbers), "route \(prefix)",
            accepting: [Errno.noProcess, Errno.noEntry, Errno.noDevice])
    }

    /// The routes in our table that have our origin.
    package func routes(_ family: AddressFamily) throws(KernelFault) -> [Route] {
        do throws(KernelFault) {
            let request = Route.list(family, self.numbers)
            return try self.kernel.list(request) { message throws(MalformedMessage) in
                guard message.type == RouteMessageType.newRoute.rawValue else { return nil }
                return try Route(message.payload, self.numbers)
            }
        } catch {
            // A table comes into being with its first route.
            guard error.errno == Errno.noEntry else { throw error }
            return []
        }
    }

    /// Deletes all routes in our table that have our origin.
    package func flushRoutes(_ family: AddressFamily) throws(KernelFault) {
        for route in try self.routes(family) { try self.deleteRoute(route.prefix) }
    }

    // MARK: Rules

    /// Adds `rule`, with our origin.
    package func add(_ rule: RoutingRule) throws(KernelFault) {
        try self.transact(
            rule.creation(origin: self.numbers.origin), "\(rule)", accepting: [Errno.exists])
    }

    /// Deletes `rule`, if it has our origin.
    package func delete(_ rule: RoutingRule) throws(KernelFault) {
        try self.transact(
            rule.deletion(origin: self.numbers.origin), "\(rule)", accepting: [Errno.noEntry])
    }

    /// The rules that have our origin, whatever their table and mark.
    package func rules(_ family: AddressFamily) throws(KernelFault) -> [RoutingRule] {
        try self.kernel.list(RoutingRule.list(family)) { message throws(MalformedMessage) in
            guard message.type == RouteMessageType.newRule.rawValue else { return nil }
            return try RoutingRule(message.payload, origin: self.numbers.origin)
        }
    }

    /// A transaction whose wish is fulfilled by these errors as well.
    private func transact(
        _ request: NetlinkRequest, _ object: String, accepting fulfilled: Set<Int32>
    ) throws(KernelFault) {
        do throws(KernelFault) {
            try self.kernel.transact(request, on: object)
        } catch {
            guard fulfilled.contains(error.errno) else { throw error }
        }
    }
}
