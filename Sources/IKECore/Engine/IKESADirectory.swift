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
    private var halfOpenByAddress: [IPAddress: Int] = [:]
    private var byChildSPI: [ESPSPI: IKESPI] = [:]

    /// The IKE_SA with our SPI `spi`.
    subscript(_ spi: IKESPI) -> IKESA? { self.byLocalSPI[spi] }

    /// All IKE_SAs, in no order.
    var all: [IKESA] { Array(self.byLocalSPI.values) }

    /// How many there are.
    var count: Int { self.byLocalSPI.count }

    /// How many wait for their IKE_AUTH.
    private(set) var halfOpenCount = 0

    /// How many of those came from `address`.
    func halfOpenCount(from address: IPAddress) -> Int { self.halfOpenByAddress[Self.origin(address)] ?? 0 }

    /// Who is behind an address: with IPv6 a single host has 2⁶⁴ of them.
    private static func origin(_ address: IPAddress) -> IPAddress {
        guard case .v6 = address, let block = IPPrefix(address, length: 64) else { return address }
        return block.address
    }

    /// The half-open IKE_SAs that answered requests like this one.
    func halfOpenIKESAs(_ key: InitialKey) -> [IKESA] {
        (self.halfOpen[key] ?? []).compactMap { self.byLocalSPI[$0] }
    }

    /// Takes in a new IKE_SA; `initial` if it is half-open.
    func add(_ ikeSA: IKESA, initial: InitialKey?) {
        self.byLocalSPI[ikeSA.localSPI] = ikeSA
        guard let initial else { return }
        self.halfOpen[initial, default: []].append(ikeSA.localSPI)
        self.halfOpenCount += 1
        self.halfOpenByAddress[Self.origin(initial.source.address), default: 0] += 1
    }

    /// The IKE_SA is half-open no more.
    func promote(_ ikeSA: IKESA) {
        guard let initial = ikeSA.initialKey, var similar = self.halfOpen[initial],
            let index = similar.firstIndex(of: ikeSA.localSPI)
        else { return }
        similar.remove(at: index)
        self.halfOpen[initial] = similar.isEmpty ? nil : similar
        self.halfOpenCount -= 1
        let count = self.halfOpenCount(from: initial.source.address) - 1
        self.halfOpenByAddress[Self.origin(initial.source.address)] = count > 0 ? count : nil
    }

    /// Lets go of an IKE_SA.
    func remove(_ ikeSA: IKESA) {
        self.byLocalSPI[ikeSA.localSPI] = nil
        self.promote(ikeSA)
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
