internal import IKECore
internal import IKEWire
internal import IPsecModel

/// Remembers why connections are down, for `culvert status`.
///
/// One entry for each connection, and a few for peers that no connection could be told for.
struct FailureMemory {
    /// Something that went wrong.
    struct Failure {
        let at: Instant
        /// The exchange, or `liveness`, `lifetime`, `kernel`.
        let stage: String
        /// The error notify, and whether the peer sent it.
        var notify: (name: String, isFromPeer: Bool)?
        /// Where the peer was.
        var remote: Endpoint?
        let reason: String
        var ours: [String] = []
        var theirs: [String] = []
    }

    /// How a connection that has no IKE_SA came to that.
    enum Ending: Hashable {
        /// Its last IKE_SA ended in order.
        case orderly
        /// Its last IKE_SA, or the last attempt, failed.
        case failed
    }

    /// Failures of peers that no connection could be told for, one for each address; the oldest go.
    static let unmatchedLimit = 16

    /// What last went wrong with a connection; it stays after a later success.
    private(set) var byConnection: [String: Failure] = [:]
    /// How connections ended; none if they never stood, or stand again.
    private(set) var endings: [String: Ending] = [:]
    /// What went wrong with peers whose connection was not known yet, the newest first, until somebody succeeds from
    /// there.
    private(set) var unmatched: [Failure] = []

    /// Keeps what `event` says of a failure or an end.
    mutating func note(_ event: IKEEvent, at now: Instant) {
        switch event {
        case .ikeSAEstablished(let label, _, let path, _):
            if let name = label.connection { self.endings[name] = nil }
            self.unmatched.removeAll { $0.remote?.address == path.remote.address }
        case .mismatch(let label, let peer, let exchange, let notify, let mismatch):
            self.add(
                Failure(
                    at: now, stage: exchange.name, notify: (notify.name, false), remote: peer,
                    reason: MismatchText.reason(mismatch), ours: mismatch.ours, theirs: mismatch.theirs),
                label)
        case .authenticationFailed(let label, let peer, let identity):
            self.add(
                Failure(
                    at: now, stage: ExchangeType.ikeAuth.name,
                    notify: (NotifyType.authenticationFailed.name, false), remote: peer,
                    reason: MismatchText.wrongSecret(identity)), label)
        case .rekeyingRefused(let label, _, let notify, _, let mismatch):
            self.add(
                Failure(
                    at: now, stage: ExchangeType.createChildSA.name, notify: (notify.name, true),
                    reason: MismatchText.reason(mismatch), ours: mismatch.ours, theirs: mismatch.theirs),
                label)
        case .requestFailed(let label, _, let fault):
            self.add(
                Failure(
                    at: now, stage: ExchangeType.createChildSA.name, reason: InitiationText.reason(fault)),
                label)
        case .peerReported(let label, let notify):
            self.add(
                Failure(
                    at: now, stage: ExchangeType.informational.name, notify: (notify.name, true),
                    reason: "the peer is not content"), label)
        case .dataPlaneFailed(let label, let fault):
            self.add(Failure(at: now, stage: "kernel", reason: fault.description), label)
        case .ikeSAEnded(let label, let reason): self.noteEnd(label, reason, now)
        case .initiationFailed(let label, let peer, let fault): self.note(label, peer, fault, now)
        case .initiating, .reauthenticating, .ikeSARekeyed, .childSAInstalled, .childSAEnded, .pathChanged,
            .pfsDiffers,
            .rekeyingVerified, .rekeyingPostponed, .cryptoFailed, .retransmitted, .limitReached, .defect:
            return
        }
    }

    private mutating func note(
        _ label: IKESALabel, _ peer: Endpoint?, _ fault: InitiationFault, _ now: Instant
    ) {
        // Ended by an operator, or by a failure that another event tells.
        if case .ended = fault { return }
        if case .ownFault = fault, let name = label.connection, self.byConnection[name]?.at == now { return }
        let notify: NotifyType? = if case .refused(let type, _) = fault { type } else { nil }
        self.add(
            Failure(
                at: now, stage: "initiation", notify: notify.map { ($0.name, true) }, remote: peer,
                reason: InitiationText.reason(fault), ours: InitiationText.offered(fault)), label)
    }

    /// Forgets connections that are no longer configured.
    mutating func keep(only names: Set<String>) {
        self.byConnection = self.byConnection.filter { names.contains($0.key) }
        self.endings = self.endings.filter { names.contains($0.key) }
    }

    private mutating func noteEnd(_ label: IKESALabel, _ reason: EndReason, _ now: Instant) {
        switch reason {
        // Another IKE_SA stands in its place.
        case .rekeyed, .replaced: return
        case .deletedByPeer, .terminated, .configurationChanged, .childless, .unknownToPeer:
            if let name = label.connection { self.endings[name] = .orderly }
        case .peerDead, .lostByPeer:
            self.add(Failure(at: now, stage: "liveness", reason: reason.text), label)
        case .expired: self.add(Failure(at: now, stage: "lifetime", reason: reason.text), label)
        case .addressLost: self.add(Failure(at: now, stage: "path", reason: reason.text), label)
        case .lostByDataPlane: self.add(Failure(at: now, stage: "kernel", reason: reason.text), label)
        case .failed, .wrongCookie:
            // What came before in the same moment says it better.
            if let name = label.connection, self.byConnection[name]?.at == now { return }
            self.add(Failure(at: now, stage: "IKE_SA", reason: reason.text), label)
        }
    }

    private mutating func add(_ failure: Failure, _ label: IKESALabel?) {
        if let name = label?.connection {
            self.byConnection[name] = failure
            self.endings[name] = .failed
            return
        }
        self.unmatched.removeAll { $0.remote?.address == failure.remote?.address }
        self.unmatched.insert(failure, at: 0)
        if self.unmatched.count > Self.unmatchedLimit { self.unmatched.removeLast() }
    }
}
