internal import IPsecModel

/// One child with other needs: the claims and counts that follow, and the steps that make the kernel follow.
struct TunnelChange {
    /// The claims on each prefix that the child had or will have.
    private(set) var claims: [IPPrefix: PrefixClaims] = [:]
    /// How many children need each address that the child had or will have.
    private(set) var addresses: [IPAddress: Int] = [:]
    /// The claims on our outer address that the child had, and on the one that it will have.
    private(set) var outer: [IPAddress: OuterClaims] = [:]
    /// In the order in which they must be done.
    private(set) var steps: [TunnelStep] = []

    /// The change of the child with `reqid`, whose needs become `needs`; nil if it goes.
    init(_ routes: TunnelRoutes, reqid: UInt32, to needs: TunnelNeeds?) {
        let old = routes.children[reqid]
        self.count(routes, old, by: -1)
        self.count(routes, needs, by: 1)
        self.claim(routes, old) { claims, _ in claims.tunnelled[reqid] = nil }
        self.claim(routes, needs) { claims, way in claims.tunnelled[reqid] = way }
        for (address, count) in self.addresses {
            switch (routes.addresses[address] ?? 0, count) {
            case (0, 1...): self.steps.append(.add(address))
            case (1..., 0): self.steps.append(.remove(address))
            case (_, _): continue
            }
        }
        for (address, claims) in self.outer {
            switch (routes.outer[address]?.isOutside ?? false, claims.isOutside) {
            case (false, true): self.steps.append(.keepOutside(address))
            case (true, false): self.steps.append(.letInside(address))
            case (true, true), (false, false): continue
            }
        }
        for (prefix, claims) in self.claims {
            let before = routes.claims[prefix]?.target(interface: routes.interface)
            let after = claims.target(interface: routes.interface)
            if before != after { self.steps.append(.route(prefix, from: before, to: after)) }
        }
        self.steps.sort { $0.rank < $1.rank }
    }

    /// Counts addresses, throws and our outer address, `by` one more or one less.
    private mutating func count(_ routes: TunnelRoutes, _ needs: TunnelNeeds?, by one: Int) {
        for address in needs?.addresses ?? [] {
            self.addresses[address, default: routes.addresses[address] ?? 0] += one
        }
        for prefix in needs?.thrown ?? [] {
            self.claims[prefix, default: routes.claims[prefix] ?? PrefixClaims()].throwers += one
        }
        if let outer = needs?.outer {
            self.outer[outer.address, default: routes.outer[outer.address] ?? OuterClaims()].count(
                outer, by: one)
        }
    }

    private mutating func claim(
        _ routes: TunnelRoutes, _ needs: TunnelNeeds?, _ edit: (inout PrefixClaims, TunnelWay) -> Void
    ) {
        for (prefix, way) in needs?.tunnelled ?? [:] {
            edit(&self.claims[prefix, default: routes.claims[prefix] ?? PrefixClaims()], way)
        }
    }
}
