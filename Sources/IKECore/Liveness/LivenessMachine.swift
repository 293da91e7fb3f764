internal import IPsecModel

/// Notices that a peer has been silent for too long (RFC 7296 §2.4).
///
///     quiet --silence of IKE--> looking --silence of ESP too--> probing --protected message--> quiet
///       |                          \--ESP came--> quiet
///       \--hint that the peer has lost the IKE_SA--> probing
///
/// Looking is asking the data plane when ESP last came. The probe is an empty INFORMATIONAL request; that the peer is
/// dead is found by its retransmissions running out, in `RequestWindow`.
struct LivenessMachine {
    private enum State {
        case quiet
        case looking
        case probing
    }

    private var state = State.quiet
    /// When something authenticated last came from the peer.
    private(set) var lastHeard: Instant
    /// Silence after which we probe; nil means never.
    private let delay: Duration?
    /// Until then hints are not heard.
    private var deafUntil = Instant.origin

    /// Between two probes for hints.
    static let deafness: Duration = .seconds(10)

    /// A machine that has just heard the peer.
    init(delay: Duration?, now: Instant) {
        self.delay = delay
        self.lastHeard = now
    }

    /// When to call `deadlineReached`.
    var deadline: Instant? {
        guard case .quiet = self.state else { return nil }
        return self.endOfPatience
    }

    private var endOfPatience: Instant? { self.delay.map { self.lastHeard.advanced(by: $0) } }

    /// A message of the peer verified.
    mutating func heardProtectedMessage(now: Instant) {
        self.lastHeard = max(self.lastHeard, now)
        self.state = .quiet
    }

    /// True if it is time to look for ESP of the peer; then `looked` must follow.
    mutating func deadlineReached(now: Instant) -> Bool {
        guard let deadline = self.deadline, now >= deadline else { return false }
        self.state = .looking
        return true
    }

    /// ESP of the peer last verified at `moment`, or nobody knows of any: true if a probe is to be sent now.
    mutating func looked(_ moment: Instant?, now: Instant) -> Bool {
        if let moment { self.lastHeard = max(self.lastHeard, min(moment, now)) }
        // A protected message may have been faster than the data plane's answer.
        guard case .looking = self.state else { return false }
        guard let endOfPatience = self.endOfPatience, now >= endOfPatience else {
            self.state = .quiet
            return false
        }
        self.state = .probing
        return true
    }

    /// Something unprotected says that the peer does not know the IKE_SA: true if a probe is to be sent now. Whether or
    /// not ESP flows, and without a delay as well, since only the peer's IKE can say that this is false (RFC 7296 §2.4).
    mutating func hinted(now: Instant) -> Bool {
        switch self.state {
        case .probing: return false
        case .quiet, .looking:
            // Anybody can give hints all day long.
            guard now >= self.deafUntil else { return false }
            self.deafUntil = now.advanced(by: Self.deafness)
            self.state = .probing
            return true
        }
    }
}
