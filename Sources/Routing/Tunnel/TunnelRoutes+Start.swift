package import IPsecModel
internal import LinuxIO

extension TunnelRoutes {
    /// Removes what a crashed daemon has left, and adds the rules that lead into the table.
    ///
    /// Returns why IPv6 is not routed, or nil if it is. A kernel without it carries IPv4 all the same; selectors
    /// of IPv6 are left out then.
    @discardableResult
    package func start() throws(KernelFault) -> KernelFault? {
        try self.removeEverything()
        self.families = [.v4, .v6]
        try self.socket.add(RoutingRule(.v4, self.socket.numbers))
        do throws(KernelFault) {
            try self.socket.add(RoutingRule(.v6, self.socket.numbers))
            return nil
        } catch {
            guard error.isMissingFamily else {
                _ = self.attempt { () throws(KernelFault) in
                    try self.socket.delete(RoutingRule(.v4, self.socket.numbers))
                }
                throw error
            }
            self.families = [.v4]
            return error
        }
    }

    /// Removes all routes and rules that have our numbers, whoever made them, and the addresses that children
    /// needed; of several faults the first is thrown. Children need another `start` before they come again.
    package func removeEverything() throws(KernelFault) {
        var first: KernelFault?
        for family in [AddressFamily.v4, .v6] {
            let fault = self.attempt { () throws(KernelFault) in try self.removeEverything(family) }
            if family == .v6, fault?.isMissingFamily == true { continue }
            first = first ?? fault
        }
        for address in self.books.addresses.keys {
            let fault = self.attempt { () throws(KernelFault) in
                try self.socket.remove(address, interface: self.interface)
            }
            first = first ?? fault
        }
        self.books = TunnelBooks()
        if let first { throw first }
    }

    private func removeEverything(_ family: AddressFamily) throws(KernelFault) {
        for rule in try self.socket.rules(family) where rule.isOurs(self.socket.numbers) {
            try self.socket.delete(rule)
        }
        try self.socket.flushRoutes(family)
    }
}
