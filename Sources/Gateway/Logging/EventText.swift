internal import IKECore
internal import IKEWire
internal import IPsecModel
internal import Logging

/// The sentence for each event.
enum EventText {
    /// The level and the text of the line for `event`.
    static func line(for event: IKEEvent) -> (level: Logger.Level, text: String) {
        switch event {
        case .ikeSAEstablished(let label, let peer, let path, let suite):
            return (
                .notice,
                "\(label) IKE_SA established with \(peer) at \(path.remote) (\(suite), \(self.nat(path)))"
            )
        case .initiating(let label, let local, let remote):
            return (.notice, "\(label) begins an IKE_SA from \(local) to \(remote)")
        case .reauthenticating(let label, let new, let peer):
            return (.notice, "\(label) authenticates the peer anew: begins \(new) with \(peer)")
        case .initiationFailed(let label, let peer, let fault):
            let place = peer.map { " with \($0)" } ?? ""
            // Where another one stands, nothing is wrong.
            let level: Logger.Level = if case .ended(.replaced) = fault { .notice } else { .warning }
            return (level, "\(label) no IKE_SA\(place): \(InitiationText.full(fault))")
        case .ikeSARekeyed(let label, let successor, let suite):
            return (.notice, "\(label) IKE_SA rekeyed, goes on as \(successor) (\(suite))")
        case .ikeSAEnded(let label, let reason): return (.notice, "\(label) IKE_SA ended: \(reason.text)")
        case .childSAInstalled(let label, let child, let spec, let replacing):
            return (.notice, "\(label) CHILD_SA \(child) \(self.installed(spec, replacing))")
        case .childSAEnded(let label, let child, let spi, let reason):
            return (.notice, "\(label) CHILD_SA \(child) \(spi) ended: \(reason.text)")
        case .pathChanged(let label, let from, let to):
            return (.notice, "\(label) \(self.moved(from, to))")
        case .mismatch(let label, let peer, let exchange, let notify, let mismatch):
            let place = "\(self.name(label))\(exchange.name) from \(peer) refused with \(notify.name)"
            return (.warning, "\(place): \(MismatchText.full(mismatch))")
        case .authenticationFailed(let label, let peer, let identity):
            let place = "\(label) IKE_AUTH from \(peer) refused with \(NotifyType.authenticationFailed.name)"
            return (.warning, "\(place): \(MismatchText.wrongSecret(identity))")
        case .pfsDiffers(let label, let child, _, let theirs):
            return (.warning, "\(label) CHILD_SA \(child): \(self.pfs(theirs))")
        case .rekeyingVerified(let label, let child):
            return (
                .notice,
                "\(label) CHILD_SA \(child): a first rekeying worked, so later ones will (verify_rekey)"
            )
        case .rekeyingRefused(let label, let child, let notify, let isVerification, let mismatch):
            return (.warning, "\(label) \(RekeyingText.refused(child, notify, isVerification, mismatch))")
        case .rekeyingPostponed(let label, let child):
            return (
                .info, "\(label) the peer is busy: \(RekeyingText.subject(child)) is asked for again soon"
            )
        case .requestFailed(let label, let child, let fault):
            let subject = RekeyingText.subject(child)
            return (.warning, "\(label) CREATE_CHILD_SA for \(subject): \(InitiationText.full(fault))")
        case .peerReported(let label, let notify):
            return (.warning, "\(label) the peer reports \(notify.name)")
        case .dataPlaneFailed(let label, let fault): return (.error, "\(label) data plane: \(fault)")
        case .cryptoFailed(let label, let fault):
            return (.warning, "\(self.name(label))crypto: \(self.text(fault))")
        case .retransmitted(let label, let exchange, let transmission):
            return (
                .info,
                "\(label) no answer to our \(exchange.name) request: sent for the \(self.ordinal(transmission)) time"
            )
        case .limitReached(let what, let peer): return (.warning, "limit reached: \(what), asked by \(peer)")
        case .defect(let label, let what):
            return (.critical, "\(self.name(label))a defect of culvertd, please report it: \(what)")
        }
    }

    /// The text of the line for what the data plane says by itself.
    static func line(for event: DataPlaneEvent) -> String {
        switch event {
        case .mappingChanged(let half, _, let from, let to):
            return "ESP of \(half) came from \(to) instead of \(from)"
        case .expired(let half, _, let isHard):
            return "\(half) \(isHard ? "reached the end of its lifetime" : "is due for rekeying")"
        case .acquire(_, let local, let remote): return "a packet from \(local) to \(remote) has no SA"
        case .unknownSPI(let spi, let from, _): return "ESP of the unknown SPI \(spi) came from \(from)"
        case .overflow: return "events were lost"
        }
    }

    private static func name(_ label: IKESALabel?) -> String { label.map { "\($0) " } ?? "" }

    private static func installed(_ spec: ChildSASpec, _ replacing: ESPSPI?) -> String {
        let verb = replacing.map { "rekeyed, replaces \($0)" } ?? "installed"
        let local = spec.localSelectors.map(\.description).joined(separator: " ")
        let remote = spec.remoteSelectors.map(\.description).joined(separator: " ")
        let spis = "in \(spec.inboundSPI) out \(spec.outboundSPI)"
        return "\(verb): \(spis), \(local) === \(remote), \(spec.suite)"
    }

    private static func moved(_ from: Path, _ to: Path) -> String {
        if from.remote == to.remote {
            guard from.local != to.local else {
                let form = to.usesUDPEncapsulation ? "in UDP" : "bare"
                return "ESP travels \(form) from now on (\(self.nat(to)))"
            }
            return "we moved from \(from.local) to \(to.local)"
        }
        let evidence = to.confirmedBy == .esp ? "seen in ESP" : "seen in IKE"
        guard from.local == to.local else {
            return "path moved from \(from.local) and \(from.remote) to \(to.local) and \(to.remote)"
        }
        return "peer moved from \(from.remote) to \(to.remote) (\(evidence))"
    }

    private static func nat(_ path: Path) -> String {
        switch (path.isLocalBehindNAT, path.isRemoteBehindNAT) {
        case (true, true): return "both behind NATs"
        case (true, false): return "we are behind a NAT"
        case (false, true): return "the peer is behind a NAT"
        case (false, false): return path.usesUDPEncapsulation ? "no NAT, UDP forced" : "no NAT"
        }
    }

    private static func pfs(_ theirs: KeyExchangeMethod?) -> String {
        guard let theirs else { return "the peer wants no PFS, which esp_proposals ask for; accepted" }
        let group = AlgorithmNames.keyword(.keyExchange(theirs))
        return "the peer wants PFS with \(group), which esp_proposals do not name; accepted; "
            + "add -\(group) to esp_proposals to make both sides say the same"
    }

    private static func ordinal(_ number: Int) -> String {
        switch number {
        case 2: return "2nd"
        case 3: return "3rd"
        default: return "\(number)th"
        }
    }

    private static func text(_ fault: CryptoFault) -> String {
        switch fault {
        case .invalidPublicValue(let reason): return "the peer's public value is refused: \(reason)"
        case .wrongICV: return "wrong ICV"
        case .wrongLength(let what, let need, let have): return "\(what): \(need) bytes needed, \(have) given"
        case .unavailable(let what): return "\(what) is not available"
        case .library(let operation, let text): return "\(operation): \(text)"
        }
    }
}

/// What became of CREATE_CHILD_SA requests of ours.
enum RekeyingText {
    /// What was asked for.
    static func subject(_ child: String?) -> String { child.map { "CHILD_SA \($0)" } ?? "the IKE_SA" }

    /// The peer refused; what there is stays.
    static func refused(
        _ child: String?, _ notify: NotifyType, _ isVerification: Bool, _ mismatch: Mismatch
    ) -> String {
        let trial =
            isVerification
            ? "the tunnel stands, but cannot be rekeyed (verify_rekey)" : "the peer refuses CREATE_CHILD_SA"
        return "\(self.subject(child)): \(trial): \(notify.name): \(MismatchText.full(mismatch))"
    }
}

/// Why an IKE_SA that we began does not stand, in the words of the log and of `culvert status`.
enum InitiationText {
    /// The reason, without what we offered.
    static func reason(_ fault: InitiationFault) -> String {
        switch fault {
        case .noAddress(let sentence): return sentence
        case .noAnswer: return "the peer does not answer"
        case .refused(let notify, _): return "the peer refuses: \(self.meaning(notify))"
        case .unusableAnswer(let what): return "the peer answers with \(what)"
        case .wrongIdentity(let identity, let expected):
            return "the peer is \(identity.explanation), and \(expected) is expected "
                + "(cure: remote { id = \(identity) })"
        case .noSecret(let identity):
            return "there is no pre-shared key for \(identity.explanation) "
                + "(cure: secrets { ike-1 { id = \(identity)  secret = … } })"
        case .wrongSecret(let identity): return MismatchText.wrongSecret(identity)
        case .ownFault: return "it could not be set up on our side"
        case .ended(let reason): return reason.text
        }
    }

    /// The reason with what we offered.
    static func full(_ fault: InitiationFault) -> String {
        let offered = self.offered(fault)
        return self.reason(fault) + (offered.isEmpty ? "" : "; we offered \(offered.joined(separator: ", "))")
    }

    /// What we offered, if that matters.
    static func offered(_ fault: InitiationFault) -> [String] {
        if case .refused(_, let offered) = fault { offered } else { [] }
    }

    private static func meaning(_ notify: NotifyType) -> String {
        switch notify {
        case .noProposalChosen: return "it takes none of our proposals (\(notify.name))"
        case .invalidKEPayload: return "it wants a key exchange that we did not offer (\(notify.name))"
        case .authenticationFailed:
            return "it does not believe that we are who we say we are (\(notify.name)): "
                + "compare the pre-shared keys and the ids"
        case .tsUnacceptable: return "it has other traffic selectors (\(notify.name))"
        default: return notify.name
        }
    }
}

/// Why a negotiation found nothing, in the words of the log and of `culvert status`.
enum MismatchText {
    /// What is wrong, and what would put it right.
    static func reason(_ mismatch: Mismatch) -> String {
        self.subject(mismatch.subject) + (mismatch.cure.isEmpty ? "" : " (cure: \(mismatch.cure))")
    }

    /// The same with both sides' offers.
    static func full(_ mismatch: Mismatch) -> String {
        let ours = mismatch.ours.isEmpty ? "nothing" : mismatch.ours.joined(separator: ", ")
        let theirs = mismatch.theirs.isEmpty ? "nothing" : mismatch.theirs.joined(separator: ", ")
        let cure = mismatch.cure.isEmpty ? "" : "; cure: \(mismatch.cure)"
        return "\(self.subject(mismatch.subject)); we have \(ours); the peer has \(theirs)\(cure)"
    }

    /// The peer's AUTH was made with another key.
    static func wrongSecret(_ identity: Identity) -> String {
        "the peer's pre-shared key for \(identity.explanation) is not the one that we have"
    }

    private static func subject(_ subject: Mismatch.Subject) -> String {
        switch subject {
        case .ikeProposal: return "no IKE proposal in common"
        case .espProposal: return "no ESP proposal in common"
        case .trafficSelectors: return "no traffic selectors in common"
        case .identity: return "no connection expects this identity"
        case .secret: return "there is no pre-shared key for this identity"
        case .address: return "no connection is for this address"
        case .authenticationMethod: return "no authentication method in common"
        }
    }
}
