internal import IPsecModel

/// Narrows a peer's traffic selectors to what a child's configuration allows (RFC 7296 §2.9).
struct SelectorNarrowing {
    /// Both sides' selectors after narrowing; neither list is empty.
    struct Result: Hashable {
        let local: [TrafficSelector]
        let remote: [TrafficSelector]
    }

    /// Selectors in one list at most; the narrowed product of two long lists could be longer.
    static let limit = 64

    let child: ChildConfiguration
    /// The outer addresses, which `dynamic` stands for.
    let localAddress: IPAddress
    let remoteAddress: IPAddress

    /// The intersection with what the peer asks for, or nil if it is empty on one side.
    func narrow(local: [TrafficSelector], remote: [TrafficSelector]) -> Result? {
        let ownLocal = Self.resolve(self.child.localSelectors, self.localAddress)
        let ownRemote = Self.resolve(self.child.remoteSelectors, self.remoteAddress)
        let narrowedLocal = Self.intersect(local, ownLocal)
        let narrowedRemote = Self.intersect(remote, ownRemote)
        guard !narrowedLocal.isEmpty, !narrowedRemote.isEmpty else { return nil }
        return Result(local: narrowedLocal, remote: narrowedRemote)
    }

    /// The configured selectors with `dynamic` replaced by `address`.
    static func resolve(_ selectors: [ConfiguredSelector], _ address: IPAddress) -> [TrafficSelector] {
        selectors.compactMap { selector in
            switch selector {
            case .fixed(let fixed): return fixed
            case .dynamic(let ipProtocol, let ports):
                return AddressRange(address, address).map {
                    TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: $0)
                }
            }
        }
    }

    /// The same packets, each once: without what another one has already; at most `limit`.
    static func reduced(_ selectors: [TrafficSelector]) -> [TrafficSelector] {
        self.intersect(selectors, selectors)
    }

    /// What is in both lists, each part once, in the order of `asked`.
    private static func intersect(_ asked: [TrafficSelector], _ own: [TrafficSelector]) -> [TrafficSelector] {
        var parts: [TrafficSelector] = []
        for selector in asked {
            for allowed in own {
                guard let part = selector.intersection(allowed) else { continue }
                guard !parts.contains(where: { $0.contains(part) }) else { continue }
                parts.removeAll { part.contains($0) }
                guard parts.count < Self.limit else { return parts }
                parts.append(part)
            }
        }
        return parts
    }
}
