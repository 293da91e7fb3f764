internal import IPsecModel

/// The proposals of a CREATE_CHILD_SA request for a CHILD_SA, and the group of its KE payload (RFC 7296 §1.3.1).
///
/// What is configured is offered first. Whether a peer wants perfect forward secrecy shows only here, since IKE_AUTH has
/// no groups; a peer that wants it where we configured none gets it, with the groups that are good enough for IKE.
struct ChildOffer: Equatable {
    /// What is offered.
    let proposals: [Proposal]
    /// The group of the KE payload; nil for none.
    let method: KeyExchangeMethod?
    /// True if it has groups that the configuration of the child does not name.
    let isWidened: Bool
    /// Offers before this one that the peer refused.
    private let refusals: Int
    /// What the configuration has.
    let configured: [Proposal]
    private let allowed: [KeyExchangeMethod]

    /// Offers in all; a peer that likes none of them is not asked without end.
    private static let limit = 4

    /// The first offer: as configured, or as the CHILD_SA before, whose keys were made with `current`.
    ///
    /// `allowed` are the groups of the IKE_SA's configuration, that of its keys first.
    init(configured: [Proposal], current: KeyExchangeMethod?, allowed: [KeyExchangeMethod]) {
        let own = Self.methods(configured)
        let isWidened = own.isEmpty && current.map { allowed.contains($0) } == true
        let method = current.flatMap { own.contains($0) || isWidened ? $0 : nil } ?? own.first
        self.init(configured, allowed, isWidened: isWidened, method: method, refusals: 0)
    }

    private init(
        _ configured: [Proposal], _ allowed: [KeyExchangeMethod], isWidened: Bool, method: KeyExchangeMethod?,
        refusals: Int
    ) {
        self.configured = configured
        self.allowed = allowed
        self.isWidened = isWidened
        self.method = method
        self.refusals = refusals
        guard isWidened else {
            self.proposals = configured
            return
        }
        self.proposals = configured.map { proposal in
            Proposal(proposal.securityProtocol, proposal.transforms + allowed.map { .keyExchange($0) })
        }
    }

    private static func methods(_ proposals: [Proposal]) -> [KeyExchangeMethod] {
        proposals.flatMap { $0.transforms(.keyExchange) }.map { KeyExchangeMethod(rawValue: $0.id) }
            .filter { $0 != .none }
    }

    /// What may be offered after NO_PROPOSAL_CHOSEN: groups, if there were none.
    func afterNoProposalChosen() -> ChildOffer? {
        guard !self.isWidened, Self.methods(self.configured).isEmpty, let first = self.allowed.first else {
            return nil
        }
        return self.next(isWidened: true, first)
    }

    /// What may be offered after INVALID_KE_PAYLOAD, if the peer wants a group that we have.
    func afterInvalidKE(wanted: KeyExchangeMethod) -> ChildOffer? {
        guard wanted != self.method else { return nil }
        let own = Self.methods(self.configured)
        if own.contains(wanted) { return self.next(isWidened: self.isWidened, wanted) }
        guard own.isEmpty, self.allowed.contains(wanted) else { return nil }
        return self.next(isWidened: true, wanted)
    }

    private func next(isWidened: Bool, _ method: KeyExchangeMethod) -> ChildOffer? {
        guard self.refusals + 1 < Self.limit else { return nil }
        return ChildOffer(
            self.configured, self.allowed, isWidened: isWidened, method: method, refusals: self.refusals + 1)
    }
}
