internal import IPsecModel

/// Our own requests: one outstanding at a time, retransmitted until it is answered (RFC 7296 §2.1–§2.4).
///
///     idle --sent--> waiting --answer--> idle
///                       \--tries spent--> idle, and the peer is dead
struct RequestWindow<Request> {
    /// A request that waits for its answer.
    struct Outstanding {
        let request: Request
        let messageID: UInt32
        let datagrams: [[UInt8]]
        /// How often it was sent.
        fileprivate(set) var transmissions: Int
        fileprivate(set) var retryAt: Instant
    }

    /// What a deadline asks for.
    enum Action {
        case none
        /// Send these once more.
        case retransmit([[UInt8]])
        /// Nothing came back; the peer is dead.
        case giveUp(Request)
    }

    private enum State {
        case idle
        case waiting(Outstanding)
    }

    private var state = State.idle
    private var nextMessageID: UInt32
    private var queue: [Request] = []
    private let schedule: [Duration]

    /// Requests kept for later; a further one is refused.
    static var queueLimit: Int { 64 }

    /// A window whose first request has the ID `first`; `schedule` has the span before each retransmission,
    /// and last the one before giving up.
    init(first: UInt32, schedule: [Duration]) {
        self.nextMessageID = first
        self.schedule = schedule
    }

    /// The request that waits for its answer.
    var outstanding: Outstanding? {
        guard case .waiting(let outstanding) = self.state else { return nil }
        return outstanding
    }

    /// True if nothing waits and nothing is queued.
    var isIdle: Bool { self.outstanding == nil && self.queue.isEmpty }

    /// Requests that have not been answered, the outstanding one first.
    var unanswered: [Request] { (self.outstanding.map { [$0.request] } ?? []) + self.queue }

    /// Puts a request in line; false if the line is full.
    mutating func enqueue(_ request: Request) -> Bool {
        guard self.queue.count < Self.queueLimit else { return false }
        self.queue.append(request)
        return true
    }

    /// Requests that wait for their turn.
    var queued: [Request] { self.queue }

    /// Puts a request in line before all others, however long the line is.
    mutating func enqueueFirst(_ request: Request) {
        self.queue.insert(request, at: 0)
    }

    /// What is outstanding goes by another way from now on, so its tries count anew: what to send at once; nil if nothing is. `haste` means
    /// the same as in `sent`.
    mutating func restart(haste: Double, now: Instant) -> [[UInt8]]? {
        guard case .waiting(var outstanding) = self.state, let first = self.schedule.first else { return nil }
        outstanding.transmissions = 1
        outstanding.retryAt = now.advanced(by: first * (1 - haste))
        self.state = .waiting(outstanding)
        return outstanding.datagrams
    }

    /// Takes all queued requests back.
    mutating func clearQueue() {
        self.queue.removeAll()
    }

    /// Takes all queued requests out.
    mutating func takeQueue() -> [Request] {
        defer { self.queue.removeAll() }
        return self.queue
    }

    /// Waits for no answer any more; the message ID stays used.
    mutating func abandonOutstanding() {
        self.state = .idle
    }

    /// The next request to send and its message ID, if none is outstanding; nil also when the IDs ran out.
    mutating func takeNext() -> (request: Request, messageID: UInt32)? {
        guard case .idle = self.state, !self.queue.isEmpty, self.nextMessageID < .max else { return nil }
        return (self.queue.removeFirst(), self.nextMessageID)
    }

    /// The request that `takeNext` gave went out as `datagrams`. `haste` is the part, from 0 to 1, by which chance makes the
    /// wait for the answer shorter.
    mutating func sent(
        _ request: Request, messageID: UInt32, datagrams: [[UInt8]], haste: Double, now: Instant
    ) {
        guard messageID == self.nextMessageID, let first = self.schedule.first else { return }
        self.nextMessageID = messageID + 1  // `takeNext` refuses the last ID
        self.state = .waiting(
            Outstanding(
                request: request, messageID: messageID, datagrams: datagrams, transmissions: 1,
                retryAt: now.advanced(by: first * (1 - haste))))
    }

    /// The request that `messageID` answers; nil if there is none, and nothing changes.
    mutating func receive(answerTo messageID: UInt32) -> Request? {
        guard case .waiting(let outstanding) = self.state, outstanding.messageID == messageID else {
            return nil
        }
        self.state = .idle
        return outstanding.request
    }

    /// When to call `deadlineReached`.
    var deadline: Instant? { self.outstanding?.retryAt }

    /// Retransmits or gives up, if it is time. `haste` is asked for only if it is, and means the same as in `sent`.
    mutating func deadlineReached(now: Instant, haste: () -> Double) -> Action {
        guard case .waiting(var outstanding) = self.state, now >= outstanding.retryAt else { return .none }
        guard outstanding.transmissions < self.schedule.count else {
            self.state = .idle
            return .giveUp(outstanding.request)
        }
        outstanding.retryAt = now.advanced(by: self.schedule[outstanding.transmissions] * (1 - haste()))
        outstanding.transmissions += 1
        self.state = .waiting(outstanding)
        return .retransmit(outstanding.datagrams)
    }
}
