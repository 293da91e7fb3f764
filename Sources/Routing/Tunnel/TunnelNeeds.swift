internal import IPsecModel
internal import LinuxIO

/// What one child wants from routing, worked out from its selectors and this host's addresses.
struct TunnelNeeds: Hashable {
    /// The prefixes of its remote selectors.
    var tunnelled: [IPPrefix: TunnelWay] = [:]
    /// The prefixes of its local selectors, and the peer's outer address.
    var thrown: Set<IPPrefix> = []
    /// Addresses of this host that the interface must have too, because routes name them as source.
    var addresses: Set<IPAddress> = []
    /// Our outer address and whether packets from it are the child's; nil if it is not known.
    var outer: OuterAddress?

    /// Prefixes of one selector at most; more would be a configuration that nobody meant. Any range of IPv4
    /// needs fewer.
    static let limit = 64
    /// The smallest MTU with which a link can carry IPv6 (RFC 8200 §5): below, the tunnel must fragment.
    static let smallestIPv6MTU = 1_280

    /// The needs of `child`, leaving out families that are not in `families`.
    ///
    /// `candidates` are the addresses that may serve as source. Those on `interface` are there already.
    init(
        _ child: TunnelChild, candidates: [InterfaceAddress], interface: UInt32,
        families: Set<AddressFamily>
    ) throws(KernelFault) {
        let sources = Self.sources(child, candidates)
        for selector in child.remoteSelectors where families.contains(selector.addresses.first.family) {
            for prefix in try Self.prefixes(selector) {
                let family = prefix.address.family
                let mtu = family == .v6 ? max(child.mtu, Self.smallestIPv6MTU) : child.mtu
                let source = sources[family]
                self.tunnelled[prefix] = TunnelWay(mtu: mtu, source: source?.address)
                if let source, source.interface != interface { self.addresses.insert(source.address) }
            }
        }
        for selector in child.localSelectors where families.contains(selector.addresses.first.family) {
            // To throw all is the same as to have no route.
            for prefix in try Self.prefixes(selector) where prefix.length > 0 { self.thrown.insert(prefix) }
        }
        let family = child.peer.family
        if families.contains(family), let host = IPPrefix(child.peer, length: family.bitWidth) {
            self.thrown.insert(host)
        }
        if families.contains(child.outer.family), !child.outer.isUnspecified {
            self.outer = OuterAddress(child)
        }
    }

    /// For each family the first address that lies in the first local selector that has one.
    private static func sources(
        _ child: TunnelChild, _ candidates: [InterfaceAddress]
    ) -> [AddressFamily: InterfaceAddress] {
        var sources: [AddressFamily: InterfaceAddress] = [:]
        for selector in child.localSelectors {
            let range = selector.addresses
            let family = range.first.family
            guard sources[family] == nil else { continue }
            sources[family] = candidates.first { candidate in
                candidate.isGlobal && candidate.address.family == family
                    && range.first <= candidate.address && candidate.address <= range.last
            }
        }
        return sources
    }

    private static func prefixes(_ selector: TrafficSelector) throws(KernelFault) -> [IPPrefix] {
        guard let prefixes = selector.addresses.prefixes(atMost: Self.limit) else {
            throw KernelFault(
                operation: RouteMessageType.newRoute.name, object: "\(selector)", errno: Errno.invalid,
                text: "this selector needs more than \(Self.limit) routes; use ranges that are prefixes")
        }
        return prefixes
    }
}
