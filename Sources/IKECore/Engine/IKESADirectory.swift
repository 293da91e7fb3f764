internal import IPsecModel

/// Finds IKE_SAs by all that packets and kernel events name them by, and counts those that are half-open.
final class IKESADirectory {
    /// What a retransmitted IKE_SA_INIT request is recognised by, beside its octets (RFC 7296 §2.1).
    struct InitialKey: Hashable {
        let initiatorSPI: IKESPI
        let source: Endpoint
    }

    private var byLocalSPI: [IKESPI: IKESA] = [:]
    private var halfOpen: [InitialKey: IKESPI] = [:]
    private var halfOpenByAddress: [IPAddress: Int] = [:]
    private var byChildSPI: [ESPSPI: IKESPI] = [:]

    /// The IKE_SA with our SPI `spi`.
    subscript(_ spi: IKESPI) -> IKESA? { self.byLocalSPI[spi] }

    /// All IKE_SAs, in no order.
    var all: [IKESA] { Array(self.byLocalSPI.values) }

    /// How many there are.
    var count: Int { self.byLocalSPI.count }

    /// How many wait for their IKE_AUTH.
    var halfOpenCount: Int { self.halfOpen.count }

    /// How many of those came from `address`.
    func halfOpenCount(from address: IPAddress) -> Int { self.halfOpenByAddress[address] ?? 0 }

    /// The half-open IKE_SA that answered a request like this one.
    func halfOpenIKESA(_ key: InitialKey) -> IKESA? {
        self.halfOpen[key].flatMap { self.byLocalSPI[$0] }
    }

    /// Takes in a new IKE_SA; `initial` if it is half-open.
    func add(_ ikeSA: IKESA, initial: InitialKey?) {
        self.byLocalSPI[ikeSA.localSPI] = ikeSA
        guard let initial else { return }
        let isNew = self.halfOpen.updateValue(ikeSA.localSPI, forKey: initial) == nil
        guard isNew else { return }
        self.halfOpenByAddress[initial.source.address, default: 0] += 1
    }

    /// The IKE_SA is half-open no more.
    func promote(_ initial: InitialKey) {
        guard self.halfOpen.removeValue(forKey: initial) != nil else { return }
        let count = self.halfOpenCount(from: initial.source.address) - 1
        self.halfOpenByAddress[initial.source.address] = count > 0 ? count : nil
    }

    /// Lets go of an IKE_SA.
    func remove(_ ikeSA: IKESA) {
        self.byLocalSPI[ikeSA.localSPI] = nil
        if let initial = ikeSA.initialKey, self.halfOpen[initial] == ikeSA.localSPI { self.promote(initial) }
    }

    /// The IKE_SA that has a CHILD_SA with our inbound SPI `spi`.
    func owner(ofChild spi: ESPSPI) -> IKESA? {
        self.byChildSPI[spi].flatMap { self.byLocalSPI[$0] }
    }

    /// A CHILD_SA belongs to the IKE_SA with our SPI `owner`; nil if to none any more.
    func setOwner(ofChild spi: ESPSPI, _ owner: IKESPI?) {
        self.byChildSPI[spi] = owner
    }
}
