internal import IPsecModel

/// What the kernel should have, as far as it concerns the needs of some children.
struct TunnelState {
    private let targets: [IPPrefix: Route.Target]
    private let addresses: Set<IPAddress>
    private let outside: Set<IPAddress>
    private let admitted: Set<IPAddress>

    /// What `books` say about `prefixes`, and about the addresses of `needs`.
    init(
        _ books: TunnelBooks, _ prefixes: Set<IPPrefix>, concerning needs: [TunnelNeeds], interface: UInt32
    ) {
        var targets: [IPPrefix: Route.Target] = [:]
        for prefix in prefixes { targets[prefix] = books.target(of: prefix, interface: interface) }
        self.targets = targets
        self.addresses = Set(needs.flatMap(\.addresses).filter { books.addresses[$0] != nil })
        let outer = Set(needs.compactMap(\.outer?.address))
        self.outside = outer.filter { books.outer[$0]?.isOutside == true }
        // There is no such check for IPv6.
        self.admitted = outer.filter { $0.family == .v4 && books.outer[$0]?.isOutside == false }
    }

    /// What must be done, in this order, for the kernel to follow from this state to another.
    func steps(to other: TunnelState) -> [TunnelStep] {
        var steps: [TunnelStep] = []
        steps += other.addresses.subtracting(self.addresses).map { .add($0) }
        steps += self.addresses.subtracting(other.addresses).map { .remove($0) }
        steps += other.outside.subtracting(self.outside).map { .keepOutside($0) }
        steps += self.outside.subtracting(other.outside).map { .letInside($0) }
        steps += other.admitted.subtracting(self.admitted).map { .admitOuter($0) }
        steps += self.admitted.subtracting(other.admitted).map { .refuseOuter($0) }
        for prefix in Set(self.targets.keys).union(other.targets.keys) {
            let (before, after) = (self.targets[prefix], other.targets[prefix])
            if before != after { steps.append(.route(prefix, from: before, to: after)) }
        }
        return steps.sorted { $0.rank < $1.rank }
    }
}
