internal import IPsecModel

/// How many IKE_SAs wait for their IKE_AUTH, in all and from each origin.
struct HalfOpenCount {
    /// In all.
    private(set) var total = 0
    private var byOrigin: [IPAddress: Int] = [:]

    /// How many of them came from where `address` is.
    func from(_ address: IPAddress) -> Int { self.byOrigin[Self.origin(address)] ?? 0 }

    /// There is one more, from `address`.
    mutating func add(_ address: IPAddress) {
        self.total += 1
        self.byOrigin[Self.origin(address), default: 0] += 1
    }

    /// There is one less from `address`.
    mutating func remove(_ address: IPAddress) {
        let count = self.from(address) - 1
        self.total -= 1
        self.byOrigin[Self.origin(address)] = count > 0 ? count : nil
    }

    /// Who is behind an address: with IPv6 a single host has 2⁶⁴ of them.
    private static func origin(_ address: IPAddress) -> IPAddress {
        guard case .v6 = address, let block = IPPrefix(address, length: 64) else { return address }
        return block.address
    }
}
