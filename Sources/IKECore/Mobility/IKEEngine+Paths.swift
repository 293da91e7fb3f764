internal import IPsecModel

// Changes of this host's addresses and routes concern all IKE_SAs.
extension IKEEngine {
    /// The driver has looked for addresses, for a connection that is to be begun or for an IKE_SA that stands.
    func found(_ searchID: UInt64, _ pairs: [AddressPair], _ turn: inout Turn) {
        guard let owner = self.context.takePathSearch(searchID) else {
            self.begin(searchID: searchID, pairs, &turn)
            return
        }
        self.context.directory[owner]?.current.pathFound(pairs, &turn)
    }

    /// Attempts from an address that is gone end, and come again after their rest. What stands looks for its way.
    func reconsiderPaths(_ addresses: [IPAddress], _ turn: inout Turn) {
        self.context.ownAddresses = Set(addresses)
        for initiation in Array(self.initiations.values)
        where !self.context.ownAddresses.contains(initiation.local.address) {
            self.end(initiation, .ended(.addressLost), &turn)
        }
        // Most have nothing to do with it, and are not touched: routers change routes all day.
        for ikeSA in self.context.directory.all { ikeSA.ownAddressesChanged(&turn) }
    }
}
