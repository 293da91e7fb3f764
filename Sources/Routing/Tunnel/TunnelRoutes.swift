package import IPsecModel
internal import LinuxIO

/// Decides which packets go to the tunnel's interface, and keeps the kernel's tables so.
///
/// All packets without our mark look into a table of our own first. In it, for each child:
/// - the prefixes of the remote selectors lead to the interface,
/// - the prefixes of our networks are thrown, as the configuration names them: they stay outside, even if a remote
///   selector is wider than they are,
/// - the peer's outer address is thrown, so that the check of source addresses (`rp_filter`) and other
///   programs find the peer outside. Our own outer packets carry the mark and never come here.
///
/// No peer can make a hole into somebody else's network by this: it does not choose our networks, and its own address
/// is not thrown where that lies in a network which leads to another peer (`TunnelBooks.isKept`). Its packets are let in
/// all the same, even by the strictest check of source addresses: a rule leads the answers to them past the table.
///
/// Routes look at destinations only. So before the table, packets from our own outer addresses are led past it: this host's
/// answers to others stay outside, unless local selectors have the address. A packet whose source is not chosen yet gets
/// an inner one from the table.
///
/// If two children want different things with one prefix or address, the way into the tunnel wins. Any number of children may
/// want the same; it goes with the last of them. A call costs as many transactions as the child has prefixes, and one for each
/// peer whose address lies in them, however many other children there are.
package final class TunnelRoutes {
    /// The number of the tunnel's interface, which must be up.
    package let interface: UInt32
    let socket: RoutingSocket
    /// What this kernel can route.
    var families: Set<AddressFamily> = [.v4, .v6]
    /// What children want, which is what the kernel has.
    var books = TunnelBooks()

    /// Routes to `interface`; see `start`.
    package init(_ socket: RoutingSocket, interface: UInt32) {
        self.socket = socket
        self.interface = interface
    }

    /// The number of children that are installed.
    package var count: Int { self.books.children.count }

    /// The largest inner packet, in bytes, of the child with `reqid`; nil if it is not installed.
    package func mtu(reqid: UInt32) -> Int? { self.books.children[reqid].map { Int($0.mtu) } }

    /// Routes the traffic of `child`, or changes how it is routed; a fault leaves all as it was.
    package func install(_ child: TunnelChild) throws(KernelFault) {
        let needs = try TunnelNeeds(
            child, candidates: try self.candidates(), interface: self.interface, families: self.families)
        let old = self.books.children[child.reqid]
        let steps = self.books.change(child.reqid, to: needs, interface: self.interface)
        do throws(KernelFault) {
            try self.perform(steps)
        } catch {
            self.books.enter(old, reqid: child.reqid)
            throw error
        }
    }

    /// The same for a child whose path or MTU has changed; nothing happens if it is not installed.
    package func update(_ child: TunnelChild) throws(KernelFault) {
        guard self.books.children[child.reqid] != nil else { return }
        try self.install(child)
    }

    /// Routes the traffic of the child no longer; nothing happens if it is not installed.
    ///
    /// The child is forgotten in any case: of several faults the first is thrown, and what could not be deleted
    /// goes with `removeEverything`.
    package func remove(reqid: UInt32) throws(KernelFault) {
        guard self.books.children[reqid] != nil else { return }
        var first: KernelFault?
        for step in self.books.change(reqid, to: nil, interface: self.interface) {
            let fault = self.attempt { () throws(KernelFault) in try self.perform(step) }
            first = first ?? fault
        }
        if let first { throw first }
    }

    /// Addresses that may be a source: not those that are on the interface only because of us.
    private func candidates() throws(KernelFault) -> [InterfaceAddress] {
        try self.socket.addresses().filter {
            $0.interface != self.interface || self.books.addresses[$0.address] == nil
        }
    }

    /// All steps, or none of them.
    private func perform(_ steps: [TunnelStep]) throws(KernelFault) {
        for (index, step) in steps.enumerated() {
            do throws(KernelFault) {
                try self.perform(step)
            } catch {
                for done in steps[..<index].reversed() {
                    // The first fault is the one to report.
                    _ = self.attempt { () throws(KernelFault) in try self.perform(done.inverse) }
                }
                throw error
            }
        }
    }

    private func perform(_ step: TunnelStep) throws(KernelFault) {
        switch step {
        case .add(let address): try self.socket.add(address, interface: self.interface)
        case .keepOutside(let address):
            try self.socket.add(RoutingRule(outside: address, self.socket.numbers))
        case .letInside(let address):
            try self.socket.delete(RoutingRule(outside: address, self.socket.numbers))
        case .admitOuter(let address): try self.admitOuter(at: address)
        case .refuseOuter(let address): try self.refuseOuter(at: address)
        case .remove(let address): try self.socket.remove(address, interface: self.interface)
        case .route(let prefix, _, let target?): try self.socket.replace(Route(prefix, target))
        case .route(let prefix, _, nil): try self.socket.deleteRoute(prefix)
        }
    }

    /// All three rules, or none.
    private func admitOuter(at address: IPAddress) throws(KernelFault) {
        var added: [RoutingRule] = []
        do throws(KernelFault) {
            for flow in RoutingRule.OuterFlow.allCases {
                let rule = RoutingRule(flow, at: address, self.socket.numbers)
                try self.socket.add(rule)
                added.append(rule)
            }
        } catch {
            for rule in added {
                _ = self.attempt { () throws(KernelFault) in try self.socket.delete(rule) }
            }
            throw error
        }
    }

    private func refuseOuter(at address: IPAddress) throws(KernelFault) {
        for flow in RoutingRule.OuterFlow.allCases {
            try self.socket.delete(RoutingRule(flow, at: address, self.socket.numbers))
        }
    }

    /// The fault of `body`, or nil if there was none.
    func attempt(_ body: () throws(KernelFault) -> Void) -> KernelFault? {
        do throws(KernelFault) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}
