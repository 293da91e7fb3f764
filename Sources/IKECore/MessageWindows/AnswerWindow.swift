internal import IPsecModel

/// The peer's request window, of size 1, with the answer kept for retransmissions (RFC 7296 §2.1–§2.3).
///
///     expecting(n) --request n--> working(n) --answer--> expecting(n + 1), answer n kept
struct AnswerWindow {
    /// What to do with an authenticated request.
    enum Verdict: Equatable {
        /// It is new: process it, then call `answered`.
        case process
        /// It is the last one again: send the kept answer.
        case repeatAnswer([[UInt8]])
        /// It is the one that we are still working on, or outside the window: silence.
        case drop
    }

    private enum State {
        case expecting(UInt32)
        case working(UInt32)
        /// All message IDs are used up; the IKE_SA must go (RFC 7296 §2.2).
        case exhausted
    }

    private var state: State
    private var lastAnswer: (messageID: UInt32, datagrams: [[UInt8]])?

    /// A window in which `first` is the peer's next message ID.
    init(expecting first: UInt32) {
        self.state = .expecting(first)
    }

    /// True if a request with this ID can matter; for dropping others before their ICV is checked.
    func mayMatter(_ messageID: UInt32) -> Bool {
        if messageID == self.lastAnswer?.messageID { return true }
        guard case .expecting(let next) = self.state else { return false }
        return messageID == next
    }

    /// True if `messageID` is the request that was answered last.
    func hasAnswered(_ messageID: UInt32) -> Bool { self.lastAnswer?.messageID == messageID }

    /// What to do with the request `messageID`; if `.process`, the window is closed until `answered`.
    mutating func receive(_ messageID: UInt32) -> Verdict {
        if let last = self.lastAnswer, last.messageID == messageID { return .repeatAnswer(last.datagrams) }
        guard case .expecting(messageID) = self.state else { return .drop }
        self.state = .working(messageID)
        return .process
    }

    /// The answer to the request that `receive` let through is ready.
    mutating func answered(with datagrams: [[UInt8]]) {
        guard case .working(let messageID) = self.state else { return }
        self.lastAnswer = (messageID, datagrams)
        self.state = messageID == .max ? .exhausted : .expecting(messageID + 1)
    }

    /// The request that is being worked on will not be answered: it may come again.
    mutating func abandoned() {
        guard case .working(let messageID) = self.state else { return }
        self.state = .expecting(messageID)
    }

    /// True if no message ID is left (RFC 7296 §2.2).
    var isExhausted: Bool {
        guard case .exhausted = self.state else { return false }
        return true
    }

    /// The ID of the request that is being worked on.
    var workingOn: UInt32? {
        guard case .working(let messageID) = self.state else { return nil }
        return messageID
    }
}
