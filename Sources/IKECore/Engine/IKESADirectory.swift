internal import IPsecModel

/// Finds IKE_SAs by all that packets and kernel events name them by, and counts those that are half-open.
final class IKESADirectory {
    /// What a retransmitted IKE_SA_INIT request is recognised by, beside its octets (RFC 7296 §2.1).
    ///
    /// Requests that differ in their octets share it: each of them is a half-open IKE_SA of its own, and counts.
    struct InitialKey: Hashable {
        let initiatorSPI: IKESPI
        let source: Endpoint
    }

    private var byLocalSPI: [IKESPI: IKESA] = [:]
    private var halfOpen: [InitialKey: [IKESPI]] = [:]
    private var byChildSPI: [ESPSPI: IKESPI] = [:]
    /// Inbound SPIs of CHILD_SAs by those of their halves that send, which the peers choose: several may have the same.
    private(set) var byOutboundSPI: [ESPSPI: Group<ESPSPI>] = [:]
    /// Finds those that are established.
    private(set) var index = EstablishedIndex()
    /// Those that are not: no more than may be half-open, what we begin ourselves, and what is closing.
    private(set) var others: Set<IKESPI> = []
    /// Our SPIs of IKE_SAs that are to come of rekeyings we have begun: at most one for each that is there.
    private(set) var successorSPIs: Set<IKESPI> = []

    /// The IKE_SA with our SPI `spi`.
    subscript(_ spi: IKESPI) -> IKESA? { self.byLocalSPI[spi] }

    /// All IKE_SAs, in no order.
    var all: [IKESA] { Array(self.byLocalSPI.values) }

    /// How many there are.
    var count: Int { self.byLocalSPI.count }

    /// How many CHILD_SAs have an owner.
    var childCount: Int { self.byChildSPI.count }

    /// How many wait for their IKE_AUTH, those that are only expected too.
    private(set) var halfOpenCount = HalfOpenCount()

    /// A half-open IKE_SA is on its way, for a request from there, and counts already.
    func expect(_ initial: InitialKey) { self.halfOpenCount.add(initial.source.address) }

    /// It is on its way no more: it will not come, or is about to be added.
    func expectNoMore(_ initial: InitialKey) { self.halfOpenCount.remove(initial.source.address) }

    /// The half-open IKE_SAs that answered requests like this one.
    func halfOpenIKESAs(_ key: InitialKey) -> [IKESA] {
        (self.halfOpen[key] ?? []).compactMap { self.byLocalSPI[$0] }
    }

    /// Takes in a new IKE_SA; `initial` if it is half-open.
    func add(_ ikeSA: IKESA, initial: InitialKey?) {
        self.byLocalSPI[ikeSA.localSPI] = ikeSA
        if let established = ikeSA.established {
            self.index.insert(ikeSA.localSPI, established, connection: ikeSA.connection.name)
        } else {
            self.others.insert(ikeSA.localSPI)
        }
        guard let initial else { return }
        self.halfOpen[initial, default: []].append(ikeSA.localSPI)
        self.halfOpenCount.add(initial.source.address)
    }

    /// The IKE_SA is half-open no more.
    func promote(_ ikeSA: IKESA) {
        guard let initial = ikeSA.initialKey, var similar = self.halfOpen[initial],
            let index = similar.firstIndex(of: ikeSA.localSPI)
        else { return }
        similar.remove(at: index)
        self.halfOpen[initial] = similar.isEmpty ? nil : similar
        self.halfOpenCount.remove(initial.source.address)
    }

    /// Lets go of an IKE_SA.
    func remove(_ ikeSA: IKESA) {
        self.byLocalSPI[ikeSA.localSPI] = nil
        self.others.remove(ikeSA.localSPI)
        if let successor = ikeSA.requestedSuccessor?.spi { self.successorSPIs.remove(successor) }
        if let established = ikeSA.established {
            self.index.remove(ikeSA.localSPI, established, connection: ikeSA.connection.name)
        }
        self.promote(ikeSA)
    }

    /// An IKE_SA asks for new keys, to be found by our SPI `new`, or does not ask any more.
    func successorChanged(from old: IKESPI?, to new: IKESPI?) {
        guard old != new else { return }
        if let old { self.successorSPIs.remove(old) }
        if let new { self.successorSPIs.insert(new) }
    }

    /// True if our SPI `spi` is that of an IKE_SA, or of one that is to come of a rekeying.
    func isTaken(_ spi: IKESPI) -> Bool { self.byLocalSPI[spi] != nil || self.successorSPIs.contains(spi) }

    /// An IKE_SA has entered another phase. One that is not in the directory yet is entered as it is then.
    func phaseChanged(_ ikeSA: IKESA, from old: IKESA.Phase) {
        let spi = ikeSA.localSPI
        guard self.byLocalSPI[spi] != nil else { return }
        if case .established(let established) = old {
            self.index.remove(spi, established, connection: ikeSA.connection.name)
            self.others.insert(spi)
        }
        if let established = ikeSA.established {
            self.others.remove(spi)
            self.index.insert(spi, established, connection: ikeSA.connection.name)
        }
    }

    /// The established IKE_SAs between these identities.
    func established(between local: Identity, and peer: Identity) -> [IKESA] {
        self.index.between(local, peer).compactMap { self.byLocalSPI[$0] }
    }

    /// The established IKE_SAs of the connection of this name.
    func established(of connection: String) -> [IKESA] {
        self.index.of(connection: connection).compactMap { self.byLocalSPI[$0] }
    }

    /// The IKE_SAs that are not established, or no more.
    var unestablished: [IKESA] { self.others.compactMap { self.byLocalSPI[$0] } }

    /// The IKE_SA that has a CHILD_SA with our inbound SPI `spi`.
    func owner(ofChild spi: ESPSPI) -> IKESA? {
        self.byChildSPI[spi].flatMap { self.byLocalSPI[$0] }
    }

    /// The IKE_SAs that have a CHILD_SA whose packets to the peer carry `spi`.
    func owners(ofOutbound spi: ESPSPI) -> [IKESA] {
        (self.byOutboundSPI[spi]?.all ?? []).compactMap { self.owner(ofChild: $0) }
    }

    /// A CHILD_SA belongs to the IKE_SA with our SPI `owner`; nil if to none any more.
    func setOwner(ofChild child: ChildSASpec, _ owner: IKESPI?) {
        self.byChildSPI[child.inboundSPI] = owner
        if owner == nil {
            self.byOutboundSPI.remove(child.inboundSPI, child.outboundSPI)
        } else {
            self.byOutboundSPI.insert(child.inboundSPI, child.outboundSPI)
        }
    }
}
