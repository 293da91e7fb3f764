internal import IPsecModel

/// The connections that are to stand by our own doing, and what is being done about each.
///
///     searching --addresses--> attempting --IKE_SA stands--> standing
///         \--none--> resting <--failed--/ <--IKE_SA ended--/
///                       \--time is up--> searching
struct ConnectionKeeper {
    /// What is being done.
    enum State: Hashable {
        /// The driver looks for addresses.
        case searching(searchID: UInt64)
        /// This attempt, or the IKE_SA that came of it, waits for the peer.
        case attempting(IKESPI)
        /// This IKE_SA stands.
        case standing(IKESPI)
        /// Until this moment nothing is done.
        case resting(until: Instant)
    }

    /// A connection that is to stand.
    struct Entry {
        /// Its CHILD_SA.
        let child: String
        /// True if it is begun again whenever it does not stand; false if an operator asked for one attempt.
        let isPermanent: Bool
        var state: State
        /// Attempts since it last stood for a while.
        var failures = 0
        /// Since when it stands.
        var standsSince: Instant?
        /// Which of the peer's addresses is next.
        var nextAddress = 0
    }

    private(set) var entries: [String: Entry] = [:]
    private var names: [IKESPI: String] = [:]
    private var deadlines = DeadlineQueue<String>()
    private var lastSearchID: UInt64 = 0

    /// The shortest and the longest rest after an attempt that failed; it doubles from the one to the other.
    static let restAtFirst: Duration = .seconds(5)
    static let restAtMost: Duration = .seconds(300)

    /// When `due` must be asked at the latest.
    var nextDeadline: Instant? { self.deadlines.earliest }

    /// The connection that the attempt or IKE_SA with our SPI `spi` is for.
    func name(of spi: IKESPI) -> String? { self.names[spi] }

    /// The connection that waits for the search with this ID.
    func name(ofSearch searchID: UInt64) -> String? {
        self.entries.first { $0.value.state == .searching(searchID: searchID) }?.key
    }

    /// A connection is to stand: the ID of the search that it begins with.
    mutating func keep(_ name: String, child: String, isPermanent: Bool) -> UInt64 {
        self.forget(name)
        self.lastSearchID &+= 1
        self.entries[name] = Entry(
            child: child, isPermanent: isPermanent, state: .searching(searchID: self.lastSearchID))
        return self.lastSearchID
    }

    /// A connection need not stand any more. Nothing is done about what stands.
    mutating func forget(_ name: String) {
        guard let entry = self.entries.removeValue(forKey: name) else { return }
        self.names = self.names.filter { $0.value != name }
        if case .resting = entry.state { self.deadlines.schedule(name, at: nil) }
    }

    /// The search found addresses, and the attempt with this SPI was begun.
    mutating func attempt(_ name: String, _ spi: IKESPI) {
        self.entries[name]?.nextAddress += 1
        self.change(name, to: .attempting(spi))
    }

    /// The IKE_SA stands, with its CHILD_SA.
    mutating func stand(_ name: String, _ spi: IKESPI, now: Instant) {
        if self.entries[name]?.standsSince == nil { self.entries[name]?.standsSince = now }
        self.change(name, to: .standing(spi))
    }

    /// It does not stand: nil if it need not, else when it will be tried again. `chance` is from 0 to 1.
    mutating func rest(_ name: String, chance: Double, now: Instant) -> Instant? {
        guard var entry = self.entries[name] else { return nil }
        guard entry.isPermanent else {
            self.forget(name)
            return nil
        }
        // A peer that takes us in and throws us out again must not be called every few seconds.
        if let since = entry.standsSince, now.since(since) >= Self.restAtMost { entry.failures = 0 }
        entry.standsSince = nil
        let doubled = Self.restAtFirst * (1 << min(entry.failures, 10))
        // Two gateways that begin at the same moment should not do so again, nor a thousand after a power cut.
        let span = min(doubled, Self.restAtMost) * (1 - chance / 4)
        entry.failures += 1
        self.entries[name] = entry
        let until = now.advanced(by: span)
        self.change(name, to: .resting(until: until))
        self.deadlines.schedule(name, at: until)
        return until
    }

    /// The next connection whose rest is over, with the ID of the search that it begins with.
    mutating func due(now: Instant) -> (name: String, searchID: UInt64)? {
        while let name = self.deadlines.popDue(now: now) {
            guard let entry = self.entries[name], case .resting(let until) = entry.state, until <= now else {
                continue
            }
            self.lastSearchID &+= 1
            self.change(name, to: .searching(searchID: self.lastSearchID))
            return (name, self.lastSearchID)
        }
        return nil
    }

    private mutating func change(_ name: String, to state: State) {
        guard let old = self.entries[name]?.state else { return }
        switch old {
        case .attempting(let spi), .standing(let spi): self.names[spi] = nil
        case .searching, .resting: break
        }
        self.entries[name]?.state = state
        switch state {
        case .attempting(let spi), .standing(let spi): self.names[spi] = name
        case .searching, .resting: break
        }
    }
}
