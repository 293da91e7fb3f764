internal import IPsecModel

/// Notices that a peer has been silent for too long (RFC 7296 §2.4).
///
///     quiet --silence--> probing --protected message--> quiet
///
/// The probe is an empty INFORMATIONAL request; that the peer is dead is found by its retransmissions
/// running out, in `RequestWindow`.
struct LivenessMachine {
    private enum State {
        case quiet
        case probing
    }

    private var state = State.quiet
    /// When something authenticated last came from the peer.
    private(set) var lastHeard: Instant
    /// Silence after which we probe; nil means never.
    private let delay: Duration?

    /// A machine that has just heard the peer.
    init(delay: Duration?, now: Instant) {
        self.delay = delay
        self.lastHeard = now
    }

    /// When to call `deadlineReached`.
    var deadline: Instant? {
        guard case .quiet = self.state, let delay = self.delay else { return nil }
        return self.lastHeard.advanced(by: delay)
    }

    /// A message of the peer verified.
    mutating func heardProtectedMessage(now: Instant) {
        self.lastHeard = max(self.lastHeard, now)
        self.state = .quiet
    }

    /// True if a probe is to be sent now.
    mutating func deadlineReached(now: Instant) -> Bool {
        guard let deadline = self.deadline, now >= deadline else { return false }
        self.state = .probing
        return true
    }
}
