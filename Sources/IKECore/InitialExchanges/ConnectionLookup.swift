internal import IPsecModel

/// Finds the connections that a peer may be meant by.
struct ConnectionLookup {
    let connections: [ConnectionConfiguration]

    /// The connections for these addresses; those that name the peer's address come first, then the file's
    /// order.
    func candidates(local: IPAddress, remote: IPAddress) -> [ConnectionConfiguration] {
        let matching = self.connections.filter { connection in
            connection.localAddresses.contains { $0.matches(local) }
                && connection.remoteAddresses.contains { $0.matches(remote) }
        }
        let namesPeer = { (connection: ConnectionConfiguration) -> Bool in
            connection.remoteAddresses.contains { $0 != .any && $0.matches(remote) }
        }
        return matching.filter(namesPeer) + matching.filter { !namesPeer($0) }
    }

    /// The connection that names the peer's identity most closely; the first of `candidates` among equals.
    ///
    /// `asked` is the identity that the peer wants us to have (IDr), if it says so.
    static func best(
        of candidates: [ConnectionConfiguration], peer: Identity, asked: Identity?
    ) -> ConnectionConfiguration? {
        var best: (rank: Int, connection: ConnectionConfiguration)?
        for connection in candidates {
            let rank = connection.remoteIdentity.rank(of: peer)
            guard rank > 0, Self.isOurs(asked, connection) else { continue }
            if rank > best?.rank ?? 0 { best = (rank, connection) }
        }
        return best?.connection
    }

    /// A peer that asks for somebody else does not want this connection; an address asks for whoever is there.
    private static func isOurs(_ asked: Identity?, _ connection: ConnectionConfiguration) -> Bool {
        guard let asked, let own = connection.localIdentity else { return true }
        if asked.type == .ipv4 || asked.type == .ipv6 { return true }
        return IdentityPattern.exact(own).matches(asked)
    }
}
