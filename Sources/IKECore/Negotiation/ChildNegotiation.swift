internal import IKEWire
internal import IPsecModel

/// Finds the configured CHILD_SA that a peer asks for, with algorithms and traffic selectors.
struct ChildNegotiation {
    /// What both sides agree on.
    struct Agreed {
        let child: ChildConfiguration
        let chosen: ProposalChoice.Chosen
        let suite: ESPSuite
        let outboundSPI: ESPSPI
        let selectors: SelectorNarrowing.Result
    }

    /// How a negotiation ends.
    enum Result {
        case agreed(Agreed)
        case refused(PeerFault, Mismatch)
    }

    let connection: ConnectionConfiguration
    let localAddress: IPAddress
    let remoteAddress: IPAddress
    let keyExchange: ProposalChoice.KeyExchangeRule
    /// Only the child of this name; nil for any.
    var childName: String?

    /// The child that fits best: one that takes the selectors as they are, else the first that narrows them.
    func negotiate(
        offer: SecurityAssociationPayload, tsi: TrafficSelectorPayload, tsr: TrafficSelectorPayload
    ) -> Result {
        // The peer is the requester: TSi is its side, TSr ours.
        let fitting = self.fitting(local: tsr.selectors, remote: tsi.selectors)
        guard !fitting.isEmpty else {
            let mismatch = MismatchReport.selectors(
                children: self.children, local: tsr.selectors, remote: tsi.selectors)
            return .refused(.tsUnacceptable, mismatch)
        }
        for (child, selectors) in fitting {
            let choice = ProposalChoice(ours: child.proposals, keyExchange: self.keyExchange)
            guard let chosen = choice.choose(from: offer.proposals), let suite = chosen.espSuite,
                let outboundSPI = ESPSPI(bytes: chosen.spi), outboundSPI.number > 255
            else { continue }  // RFC 4303 §2.1: SPIs up to 255 are reserved
            return .agreed(
                Agreed(
                    child: child, chosen: chosen, suite: suite, outboundSPI: outboundSPI, selectors: selectors
                ))
        }
        let mismatch = MismatchReport.proposals(
            .espProposal, ours: fitting.flatMap(\.child.proposals), theirs: offer.proposals,
            key: "esp_proposals")
        return .refused(.noProposalChosen, mismatch)
    }

    private var children: [ChildConfiguration] {
        self.connection.children.filter { self.childName == nil || $0.name == self.childName }
    }

    private func fitting(
        local: [TrafficSelector], remote: [TrafficSelector]
    ) -> [(child: ChildConfiguration, selectors: SelectorNarrowing.Result)] {
        let narrowed = self.children.compactMap { child in
            SelectorNarrowing(
                child: child, localAddress: self.localAddress, remoteAddress: self.remoteAddress
            ).narrow(local: local, remote: remote).map { (child: child, selectors: $0) }
        }
        let asked = SelectorNarrowing.Result(local: local, remote: remote)
        return narrowed.filter { $0.selectors == asked } + narrowed.filter { $0.selectors != asked }
    }
}
