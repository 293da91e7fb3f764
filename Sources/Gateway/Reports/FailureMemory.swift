internal import IKECore
internal import IKEWire
internal import IPsecModel

/// Remembers why connections are down, for `culvert status`.
struct FailureMemory {
    /// A failed negotiation.
    struct Failure {
        let at: Instant
        let stage: String
        let notify: String?
        let remote: Endpoint?
        let reason: String
        let ours: [String]
        let theirs: [String]
    }

    /// Failures of peers that no connection could be told for; the oldest go.
    static let unmatchedLimit = 16

    private(set) var byConnection: [String: Failure] = [:]
    private(set) var unmatched: [Failure] = []

    /// Keeps what `event` says of a failure, and forgets one that is over.
    mutating func note(_ event: IKEEvent, at now: Instant) {
        switch event {
        case .ikeSAEstablished(let label, _, _, _):
            if let name = label.connection { self.byConnection[name] = nil }
        case .childSAInstalled(let label, _, _, _):
            if let name = label.connection { self.byConnection[name] = nil }
        case .mismatch(let label, let peer, let exchange, let notify, let mismatch):
            let cure = mismatch.cure.isEmpty ? "" : "; \(mismatch.cure)"
            self.add(
                Failure(
                    at: now, stage: exchange.name, notify: notify.name, remote: peer,
                    reason: "no \(mismatch.subject.rawValue) in common\(cure)", ours: mismatch.ours,
                    theirs: mismatch.theirs), label)
        case .authenticationFailed(let label, let peer, let identity):
            self.add(
                Failure(
                    at: now, stage: "IKE_AUTH", notify: "AUTHENTICATION_FAILED", remote: peer,
                    reason: "the pre-shared key of \(identity.explanation) is not the one that we have",
                    ours: [], theirs: []), label)
        case .ikeSAEnded(let label, let reason):
            guard reason != .rekeyed, reason != .replaced else { return }
            self.add(
                Failure(
                    at: now, stage: "IKE_SA", notify: nil, remote: nil, reason: reason.text, ours: [],
                    theirs: []), label)
        case .dataPlaneFailed(let label, let fault):
            self.add(
                Failure(
                    at: now, stage: "data plane", notify: nil, remote: nil, reason: fault.description,
                    ours: [], theirs: []), label)
        case .ikeSARekeyed, .childSAEnded, .pathChanged, .pfsDiffers, .peerReported, .cryptoFailed,
            .retransmitted, .limitReached, .defect:
            return
        }
    }

    /// Forgets connections that are no longer configured.
    mutating func keep(only names: Set<String>) {
        self.byConnection = self.byConnection.filter { names.contains($0.key) }
    }

    private mutating func add(_ failure: Failure, _ label: IKESALabel?) {
        if let name = label?.connection {
            self.byConnection[name] = failure
            return
        }
        self.unmatched.append(failure)
        if self.unmatched.count > Self.unmatchedLimit { self.unmatched.removeFirst() }
    }
}
