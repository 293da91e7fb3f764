internal import IKEWire
internal import IPsecModel

/// Puts two offers side by side for a person.
enum MismatchReport {
    /// Proposals and selectors of a peer that are shown; it could send thousands.
    private static let shown = 8

    /// Nothing in common among proposals; `key` is the configuration key that holds ours.
    static func proposals(
        _ subject: Mismatch.Subject, ours: [Proposal], theirs: [ProposalSubstructure], key: String
    ) -> Mismatch {
        let offered = theirs.prefix(Self.shown).map {
            Proposal($0.protocolID, Array($0.transforms.prefix(32)))
        }
        // What the peer wants first and we know how to do is the shortest cure.
        let usable = offered.first { proposal in
            proposal.transforms.allSatisfy { Self.isNamed($0) } && !proposal.transforms.isEmpty
        }
        return Mismatch(
            subject, ours: Self.unique(ours.map(\.description)), theirs: offered.map(\.description),
            cure: usable.map { "\(key) = \($0)" } ?? "")
    }

    /// Nothing in common among traffic selectors.
    static func selectors(
        children: [ChildConfiguration], local: [TrafficSelector], remote: [TrafficSelector]
    ) -> Mismatch {
        let list = { (selectors: [TrafficSelector]) in
            selectors.prefix(Self.shown).map(\.description).joined(separator: " ")
        }
        return Mismatch(
            .trafficSelectors,
            ours: children.map { child in
                let local = child.localSelectors.map(\.description).joined(separator: " ")
                let remote = child.remoteSelectors.map(\.description).joined(separator: " ")
                return "\(child.name): \(local) === \(remote)"
            },
            theirs: ["\(list(local)) === \(list(remote))"],
            cure: "local_ts = \(list(local))  remote_ts = \(list(remote))")
    }

    /// The peer refused what we offered for a CHILD_SA and does not say what it has.
    static func refusal(_ requested: RequestedChild, _ offer: ChildOffer, _ type: NotifyType) -> Mismatch {
        let theirs = ["\(type.name), without saying what it has"]
        switch type {
        case .tsUnacceptable:
            return Mismatch(.trafficSelectors, ours: requested.description, theirs: theirs)
        case .noProposalChosen, .invalidKEPayload:
            // In IKE_AUTH it took the same algorithms without groups, so the groups are what differs.
            let plain = offer.configured.map { proposal in
                Proposal(.esp, proposal.transforms.filter { $0.type != .keyExchange }).description
            }
            let hasGroups = offer.method != nil && !offer.isWidened
            return Mismatch(
                .espProposal, ours: offer.proposals.map(\.description), theirs: theirs,
                cure: hasGroups ? "esp_proposals = \(plain.joined(separator: ","))" : "")
        default: return Mismatch(.espProposal, ours: offer.proposals.map(\.description), theirs: theirs)
        }
    }

    /// Each text once: several connections may have the same proposals.
    private static func unique(_ texts: [String]) -> [String] {
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }

    private static func isNamed(_ transform: Transform) -> Bool {
        AlgorithmNames.table.contains { $0.transform == transform } || transform == .integrity(.none)
    }
}
