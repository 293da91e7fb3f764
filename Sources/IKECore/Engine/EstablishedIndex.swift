internal import IPsecModel

/// Finds established IKE_SAs by who they are between and by their connection, however many there are.
struct EstablishedIndex {
    private(set) var byIdentities: [IdentityPair: SPIGroup] = [:]
    private(set) var byConnection: [String: SPIGroup] = [:]

    /// SPIs of ours of the IKE_SAs between these two, names and e-mail addresses of the peer without regard to case.
    func between(_ local: Identity, _ peer: Identity) -> [IKESPI] {
        self.byIdentities[IdentityPair(local: local, peer: peer)]?.all ?? []
    }

    /// SPIs of ours of the IKE_SAs of this connection.
    func of(connection name: String) -> [IKESPI] { self.byConnection[name]?.all ?? [] }

    /// An IKE_SA stands.
    mutating func insert(_ spi: IKESPI, _ established: IKESA.Established, connection: String) {
        self.byIdentities[IdentityPair(established), default: .none].insert(spi)
        self.byConnection[connection, default: .none].insert(spi)
    }

    /// It stands no more; what is given is what `insert` was given.
    mutating func remove(_ spi: IKESPI, _ established: IKESA.Established, connection: String) {
        Self.remove(spi, from: &self.byIdentities, IdentityPair(established))
        Self.remove(spi, from: &self.byConnection, connection)
    }

    private static func remove<Key>(_ spi: IKESPI, from table: inout [Key: SPIGroup], _ key: Key) {
        guard let index = table.index(forKey: key) else { return }
        table.values[index].remove(spi)
        if table.values[index].isEmpty { table.remove(at: index) }
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

/// Some SPIs of ours. Mostly there is one, which then needs no memory of its own.
enum SPIGroup {
    case none
    case one(IKESPI)
    case several(Set<IKESPI>)

    var isEmpty: Bool {
        switch self {
        case .none: return true
        case .one: return false
        case .several(let spis): return spis.isEmpty
        }
    }

    var all: [IKESPI] {
        switch self {
        case .none: return []
        case .one(let spi): return [spi]
        case .several(let spis): return Array(spis)
        }
    }

    mutating func insert(_ spi: IKESPI) {
        switch self {
        case .none: self = .one(spi)
        case .one(let first): self = .several([first, spi])
        case .several(var spis):
            // Not in two places at once, or the set would be copied.
            self = .none
            spis.insert(spi)
            self = .several(spis)
        }
    }

    mutating func remove(_ spi: IKESPI) {
        switch self {
        case .none: return
        case .one(let only): if only == spi { self = .none }
        case .several(var spis):
            self = .none
            spis.remove(spi)
            self = .several(spis)
        }
    }
}
