internal import IPsecModel

/// Finds established IKE_SAs by who they are between and by their connection, however many there are.
struct EstablishedIndex {
    private(set) var byIdentities: [IdentityPair: Group<IKESPI>] = [:]
    private(set) var byConnection: [String: Group<IKESPI>] = [:]

    /// SPIs of ours of the IKE_SAs between these two, names and e-mail addresses of the peer without regard to case.
    func between(_ local: Identity, _ peer: Identity) -> [IKESPI] {
        self.byIdentities[IdentityPair(local: local, peer: peer)]?.all ?? []
    }

    /// SPIs of ours of the IKE_SAs of this connection.
    func of(connection name: String) -> [IKESPI] { self.byConnection[name]?.all ?? [] }

    /// An IKE_SA stands.
    mutating func insert(_ spi: IKESPI, _ established: IKESA.Established, connection: String) {
        self.byIdentities.insert(spi, IdentityPair(established))
        self.byConnection.insert(spi, connection)
    }

    /// It stands no more; what is given is what `insert` was given.
    mutating func remove(_ spi: IKESPI, _ established: IKESA.Established, connection: String) {
        self.byIdentities.remove(spi, IdentityPair(established))
        self.byConnection.remove(spi, connection)
    }
}

/// Who an IKE_SA is between. The peer's identity is compared as `IdentityPattern.exact` does.
struct IdentityPair: Hashable {
    let local: Identity
    let peer: Identity

    init(local: Identity, peer: Identity) {
        self.local = local
        self.peer = peer
    }

    init(_ established: IKESA.Established) {
        self.init(local: established.localIdentity, peer: established.peerIdentity)
    }

    static func == (left: IdentityPair, right: IdentityPair) -> Bool {
        left.local == right.local && IdentityPattern.exact(left.peer).matches(right.peer)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.local)
        hasher.combine(self.peer.type)
        // Equal but for case means equal but for this bit; that others become equal as well does no harm.
        for octet in self.peer.data { hasher.combine(octet | 0x20) }
    }
}
