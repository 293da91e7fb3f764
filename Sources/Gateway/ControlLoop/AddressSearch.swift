internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// Between which addresses a connection may be begun.
struct AddressSearch: Sendable {
    let local: [AddressPattern]
    let remote: [AddressPattern]
    /// What our IKE packets are marked with, so that their way is looked up as it will be.
    let mark: UInt32

    /// True if a name must be resolved.
    var asksNameServers: Bool {
        self.remote.contains { if case .name = $0 { true } else { false } }
    }

    /// The peer's addresses in the configuration's order. Waits for name servers.
    func remoteAddresses() -> [IPAddress] {
        self.remote.flatMap { pattern -> [IPAddress] in
            switch pattern {
            case .any: return []
            case .range(let range): return range.first == range.last ? [range.first] : []
            case .name(let name): return Host.addresses(of: name)
            }
        }
    }

    /// Each of them with the address of ours that packets to it leave from; where the configuration names ours, it must
    /// be one of those. On the control thread, which may mark packets.
    func pairs(_ remotes: [IPAddress]) -> [AddressPair] {
        remotes.compactMap { remote in self.source(to: remote).map { AddressPair(local: $0, remote: remote) }
        }
    }

    private func source(to remote: IPAddress) -> IPAddress? {
        let usual = Host.sourceAddress(to: remote, mark: self.mark)
        // The kernel takes an address of the link where it has no better one, and no answer comes back to that.
        if let usual, usual.isLinkLocal, !remote.isLinkLocal { return nil }
        if let usual, self.local.contains(where: { $0.matches(usual) }) { return usual }
        for case .range(let range) in self.local
        where range.first == range.last && range.first.family == remote.family {
            guard let named = Host.sourceAddress(to: remote, from: range.first, mark: self.mark) else {
                continue
            }
            return named
        }
        return nil
    }
}
