internal import IPsecModel
internal import LinuxIO

/// What one child wants from routing, worked out from its selectors and this host's addresses.
struct TunnelNeeds: Hashable {
    /// A prefix of a remote selector, and how packets to there go.
    struct Tunnelled: Hashable {
        let prefix: IPPrefix
        let way: TunnelWay
    }

    /// The prefixes of its remote selectors, each once.
    private(set) var tunnelled: [Tunnelled] = []
    /// The prefixes of our networks; each once.
    private(set) var networks: [IPPrefix] = []
    /// The peer's outer address; nil if its family is not routed.
    private(set) var peer: IPAddress?
    /// The largest inner packet in bytes.
    let mtu: UInt16
    /// Our outer address and whether packets from it are the child's; nil if it is not known.
    private(set) var outer: OuterAddress?

    /// Addresses of this host that the interface must have too, because routes name them as source.
    var addresses: Set<IPAddress> {
        Set(self.tunnelled.compactMap { $0.way.needsAddress ? $0.way.source : nil })
    }

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
        self.mtu = UInt16(clamping: child.mtu)
        let sources = Self.sources(child, candidates)
        for selector in child.remoteSelectors where families.contains(selector.addresses.first.family) {
            for prefix in try Self.prefixes(selector) {
                let family = prefix.address.family
                let mtu = family == .v6 ? max(child.mtu, Self.smallestIPv6MTU) : child.mtu
                let source = sources[family]
                let way = TunnelWay(
                    mtu: mtu, source: source?.address, isTrap: child.isTrap,
                    needsAddress: source.map { $0.interface != interface } ?? false)
                self.lead(prefix, way)
            }
        }
        for selector in child.ownNetworks where families.contains(selector.addresses.first.family) {
            // To throw all is the same as to have no route.
            for prefix in try Self.prefixes(selector) where prefix.length > 0 { self.keepOutside(prefix) }
        }
        if families.contains(child.peer.family), !child.peer.isUnspecified { self.peer = child.peer }
        if families.contains(child.outer.family), !child.outer.isUnspecified {
            self.outer = OuterAddress(child)
        }
    }

    private mutating func lead(_ prefix: IPPrefix, _ way: TunnelWay) {
        if !self.tunnelled.contains(where: { $0.prefix == prefix }) {
            self.tunnelled.append(Tunnelled(prefix: prefix, way: way))
        }
    }

    private mutating func keepOutside(_ prefix: IPPrefix) {
        if !self.networks.contains(prefix) { self.networks.append(prefix) }
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
