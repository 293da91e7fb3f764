internal import IPsecModel

/// IKE_SAs that we begin in place of others, to authenticate the peer anew (RFC 7296 §2.8.3).
///
///     under way --it has the other's CHILD_SAs--> done --a while--> (forgotten)
///         \--failed--> (forgotten, and begun again later)
///
/// There is at most one for each IKE_SA that stands, so the book is bounded as they are.
struct ReauthenticationBook {
    /// A CHILD_SA that must stand on the new IKE_SA before the old one may go.
    struct Wanted: Hashable {
        /// The name of its configuration.
        let name: String
        /// Its traffic selectors.
        let selectors: SelectorNarrowing.Result
        /// True if it is the only one of its name: then the configuration says what is offered, else these selectors.
        let isAlone: Bool
    }

    /// One attempt.
    struct Attempt {
        /// The connection of both.
        let connection: String
        /// Who we are.
        let local: Identity
        /// Who the peer is.
        let peer: Identity
        /// Where the peer is.
        let remote: Endpoint
        /// When it began.
        let begunAt: Instant
        /// Our SPI of the old IKE_SA; nil once that has ended by somebody else's doing.
        fileprivate(set) var old: IKESPI?
        /// What the old one had when it was last looked at.
        var wanted: [Wanted]
        /// What the new one was asked to have: nothing is asked twice.
        var asked: Set<Wanted> = []
        /// True if the new one ends as soon as it stands: nobody wants it any more.
        var isUnwanted = false
        /// True if the peer's own new one wins: this one stands only until the peer has our DELETE, and does not send.
        var isRedundant = false
        /// Set when the new one has taken the old one's place: until then it may turn out that the peer has done the same.
        var doneUntil: Instant?
    }

    private var attempts: [IKESPI: Attempt] = [:]
    private var byOld: [IKESPI: IKESPI] = [:]
    private var byConnection: [String: Group<IKESPI>] = [:]

    /// True if there is nothing in it.
    var isEmpty: Bool { self.attempts.isEmpty }

    /// How many IKE_SAs are in it.
    var count: Int { self.attempts.count }

    /// The attempt that makes the IKE_SA with our SPI `new`.
    subscript(new: IKESPI) -> Attempt? { self.attempts[new] }

    /// Our SPI of the IKE_SA that is to take the place of the one with our SPI `old`.
    func successor(of old: IKESPI) -> IKESPI? { self.byOld[old] }

    /// Our SPIs of what is made for a connection.
    func all(of connection: String) -> [IKESPI] { self.byConnection[connection]?.all ?? [] }

    /// When the attempt that makes the IKE_SA with our SPI `new` is to be forgotten; nil as long as it is under way, or the old
    /// IKE_SA waits for its DELETE to be answered.
    func deadline(of new: IKESPI) -> Instant? {
        guard let attempt = self.attempts[new], attempt.old == nil else { return nil }
        return attempt.doneUntil
    }

    /// An attempt has begun.
    mutating func begin(_ new: IKESPI, inPlaceOf old: IKESPI, _ attempt: Attempt) {
        var attempt = attempt
        attempt.old = old
        self.attempts[new] = attempt
        self.byOld[old] = new
        self.byConnection.insert(new, attempt.connection)
    }

    /// Changes one attempt in place.
    mutating func update(_ new: IKESPI, _ change: (inout Attempt) -> Void) {
        guard var attempt = self.attempts[new] else { return }
        change(&attempt)
        self.attempts[new] = attempt
    }

    /// The old IKE_SA of an attempt is no more.
    mutating func forgetOld(of new: IKESPI) {
        guard let old = self.attempts[new]?.old else { return }
        self.attempts[new]?.old = nil
        self.byOld[old] = nil
    }

    /// An attempt is over.
    mutating func remove(_ new: IKESPI) {
        self.forgetOld(of: new)
        guard let attempt = self.attempts.removeValue(forKey: new) else { return }
        self.byConnection.remove(new, attempt.connection)
    }

    /// An IKE_SA, old or new, goes on under other SPIs.
    mutating func move(_ spi: IKESPI, to successor: IKESPI) {
        if let new = self.byOld.removeValue(forKey: spi) {
            self.byOld[successor] = new
            self.attempts[new]?.old = successor
        }
        if let attempt = self.attempts.removeValue(forKey: spi) {
            self.attempts[successor] = attempt
            self.byConnection.remove(spi, attempt.connection)
            self.byConnection.insert(successor, attempt.connection)
            if let old = attempt.old { self.byOld[old] = successor }
        }
    }
}
