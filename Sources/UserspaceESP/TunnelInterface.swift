internal import ESPCore
package import IPsecModel
package import LinuxIO
internal import Routing

/// The TUN device as this host sees it: its routes, its addresses, its MTU.
package final class TunnelInterface {
    /// Our own outer packets carry it, so that no route of a tunnel catches them.
    package static let mark = RoutingNumbers().mark

    let tun: TunDevice
    /// Why IPv6 is not routed; nil if it is.
    package let withoutIPv6: KernelFault?
    private let routing: RoutingSocket
    private let routes: TunnelRoutes
    /// How many children can carry packets of each length: the device's MTU is the largest.
    private var countByMTU: [Int: Int] = [:]
    private var mtu: Int

    /// Bytes of the device's MTU while there is no child.
    private static let idleMTU = 1_500
    /// Below, the device loses IPv6 with all its addresses and routes (RFC 8200 §5). A narrower tunnel has a smaller number
    /// in its routes.
    private static let leastMTU = TunnelMTU.minimumIPv6
    /// Packets that wait in the device when the worker is busy.
    private static let queueLength = 1_000

    /// Brings `tun` up. What a crashed daemon left in our table of routes is removed.
    package init(_ tun: TunDevice) throws(KernelFault) {
        self.tun = tun
        self.mtu = Self.idleMTU
        self.routing = try RoutingSocket()
        self.routes = TunnelRoutes(self.routing, interface: tun.index)
        try self.routing.setQueueLength(Self.queueLength, interface: tun.index)
        try self.routing.setMTU(Self.idleMTU, interface: tun.index)
        try self.routing.setUp(interface: tun.index)
        self.withoutIPv6 = try self.routes.start()
    }

    /// Routes the inner packets of `child`, of at most `mtu` bytes, into the tunnel.
    func install(_ child: ChildSASpec, mtu: Int) throws(KernelFault) {
        // A route's MTU may not exceed the device's.
        try self.widen(to: mtu)
        let old = self.routes.mtu(reqid: child.reqid)
        try self.routes.install(TunnelChild(child, mtu: mtu))
        self.count(old, by: -1)
        self.count(mtu, by: 1)
    }

    /// Leads what `trap` holds back to the device, where it waits for a child.
    func install(_ trap: TrapPolicy) throws(KernelFault) {
        try self.routes.install(TunnelChild(trap, mtu: self.mtu))
    }

    /// The same for a child whose path is another; nothing happens if it is not routed.
    func update(_ child: ChildSASpec, on path: Path, mtu: Int) throws(KernelFault) {
        guard self.routes.mtu(reqid: child.reqid) != nil else { return }
        var moved = child
        moved.path = path
        try self.install(moved, mtu: mtu)
    }

    /// Routes them no more.
    func remove(_ reqid: UInt32) throws(KernelFault) {
        self.count(self.routes.mtu(reqid: reqid), by: -1)
        try self.routes.remove(reqid: reqid)
    }

    /// Leads it there no more.
    func remove(_ trap: TrapPolicy) throws(KernelFault) { try self.routes.remove(reqid: trap.reqid) }

    /// Removes all routes, rules and addresses of ours.
    func removeEverything() throws(KernelFault) {
        self.countByMTU = [:]
        try self.routes.removeEverything()
    }

    /// Sets the MTU of the device whatever its children can carry; for measurements.
    package func setMTU(_ mtu: Int) throws(KernelFault) {
        try self.routing.setMTU(mtu, interface: self.tun.index)
        self.mtu = mtu
    }

    private func widen(to mtu: Int) throws(KernelFault) {
        let needed = max(mtu, self.countByMTU.keys.max() ?? mtu, Self.leastMTU)
        guard needed != self.mtu else { return }
        try self.setMTU(needed)
    }

    private func count(_ mtu: Int?, by one: Int) {
        guard let mtu else { return }
        let count = (self.countByMTU[mtu] ?? 0) + one
        self.countByMTU[mtu] = count > 0 ? count : nil
    }
}
