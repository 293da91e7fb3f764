internal import IPsecModel

/// One CHILD_SA: a pair of ESP SAs (RFC 7296 §1.3).
///
///     installed --rekeyed by the peer--> rekeyed --DELETE--> (gone)
///         |\--rekeyed by us--> retiring --DELETE answered--> (gone)
///         |\--DELETE sent by us--> deleting --answered--> (gone)
///         \--a rekeying of ours crossed its own--> redundant --DELETE--> (gone)
struct ChildSA {
    /// Where a CHILD_SA is in its life.
    enum State: Hashable {
        /// It carries traffic, or will when `isOutboundActive`.
        case installed
        /// The one with this inbound SPI takes over; the peer will delete this one.
        case rekeyed(successor: ESPSPI)
        /// The peer made it by a rekeying that crossed ours, and will delete it (RFC 7296 §2.8.1).
        case redundant
        /// One of our making has taken over and we sent a DELETE, until whose answer this one receives.
        case retiring
        /// We sent a DELETE; the data plane has it no more.
        case deleting
    }

    /// Whether a first rekeying has shown that both sides can do it.
    enum Verification: Hashable {
        /// It need not.
        case none
        /// It is to be tried then.
        case due(at: Instant)
        /// It is being tried.
        case begun
    }

    /// The name of its configuration.
    let name: String
    /// What the data plane knows of it.
    var spec: ChildSASpec
    /// When it was installed.
    let installedAt: Instant
    /// When rekeying is due; nil means never, or that it has begun.
    var rekeyAt: Instant?
    /// When it ends if nobody rekeys it; nil means never.
    private(set) var expiresAt: Instant?
    /// Its registration in the reqid registry.
    let reqidKey: ReqIDRegistry.Key
    /// Where it is in its life.
    var state: State = .installed
    /// False as long as the one before still sends, since the peer may not know this one yet.
    var isOutboundActive: Bool
    /// When the outbound half is activated even without the peer's DELETE of the one before.
    var activatesAt: Instant?
    /// Whether a first rekeying is to be tried.
    var verification = Verification.none

    /// A CHILD_SA whose lifetime begins at `installedAt`.
    init(
        name: String, spec: ChildSASpec, installedAt: Instant, reqidKey: ReqIDRegistry.Key,
        isOutboundActive: Bool,
        activatesAt: Instant?
    ) {
        self.name = name
        self.spec = spec
        self.installedAt = installedAt
        self.rekeyAt = spec.lifetime.rekey.map { installedAt.advanced(by: $0) }
        self.expiresAt = spec.lifetime.hard.map { installedAt.advanced(by: $0) }
        self.reqidKey = reqidKey
        self.isOutboundActive = isOutboundActive
        self.activatesAt = activatesAt
    }

    /// It is redundant: it waits for the peer's DELETE, or goes at `until`.
    mutating func wait(until: Instant) {
        self.state = .redundant
        self.activatesAt = nil
        self.rekeyAt = nil
        self.verification = .none
        self.expiresAt = until
    }

    /// It only receives until something makes it send, or until `until`.
    mutating func waitForInheritance(until: Instant) {
        self.spec.hasOutboundHalf = false
        self.isOutboundActive = false
        self.activatesAt = until
    }

    /// Another has taken over: it only receives until the peer has answered our DELETE.
    mutating func retire() {
        self.state = .retiring
        self.activatesAt = nil
        self.rekeyAt = nil
        self.verification = .none
    }

    /// True if it is one that carries traffic, or is about to.
    var isCurrent: Bool {
        switch self.state {
        case .installed: return true
        case .rekeyed, .redundant, .retiring, .deleting: return false
        }
    }

    /// The earliest moment at which something is to be done about it.
    var deadline: Instant? {
        var deadlines = [self.activatesAt]
        if self.state != .deleting { deadlines.append(self.expiresAt) }
        if self.state == .installed {
            deadlines.append(self.rekeyAt)
            if case .due(let at) = self.verification { deadlines.append(at) }
        }
        return deadlines.compactMap(\.self).min()
    }
}
