internal import IPsecModel

/// The connections that are to stand by our own doing, with which CHILD_SAs, and what is being done about each.
///
///     searching --addresses--> attempting --IKE_SA stands--> standing
///         \--none--> resting <--failed--/ <--IKE_SA ended--/
///                       \--time is up--> searching, or waiting --a packet--> searching
///     attempting, resting, waiting --the peer has begun an IKE_SA--> standing
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
        /// It has rested, and the next packet begins it.
        case waiting
    }

    /// What is done after a failure.
    enum Persistence: Hashable {
        /// It is tried again, without end.
        case permanent
        /// Nothing: an operator asked for one attempt.
        case once
        /// Nothing before the rest is over, and then only if another packet asks for it.
        case onDemand
    }

    /// A connection that is to stand.
    struct Entry {
        /// Its CHILD_SAs; the first is set up together with the IKE_SA.
        fileprivate(set) var children: [String]
        /// The packets that asked for a CHILD_SA.
        fileprivate(set) var packets: [String: PacketSelectors] = [:]
        fileprivate(set) var persistence: Persistence
        fileprivate(set) var state: State
        /// Attempts since it last stood for a while.
        fileprivate var failures = 0
        /// Since when it stands.
        fileprivate var standsSince: Instant?
        /// Which of the peer's addresses is next.
        fileprivate(set) var nextAddress = 0
    }

    private(set) var entries: [String: Entry] = [:]
    /// Connections by the attempts and IKE_SAs for them, and by the searches for their addresses.
    private(set) var names: [IKESPI: String] = [:]
    private(set) var searches: [UInt64: String] = [:]
    private var deadlines = DeadlineQueue<String>()
    private var lastSearchID: UInt64 = 0

    /// The shortest and the longest rest after an attempt that failed; it doubles from the one to the other.
    static let restAtFirst: Duration = .seconds(5)
    static let restAtMost: Duration = .seconds(300)

    /// When `due` must be asked at the latest.
    var nextDeadline: Instant? { self.deadlines.earliest }

    /// How many entries its queue has.
    var deadlineCount: Int { self.deadlines.count }

    /// The connection that the attempt or IKE_SA with our SPI `spi` is for.
    func name(of spi: IKESPI) -> String? { self.names[spi] }

    /// The connection that waits for the search with this ID.
    func name(ofSearch searchID: UInt64) -> String? { self.searches[searchID] }

    /// True if a connection will be tried without anybody asking for it, and no attempt is under way.
    func isAboutToTry(_ name: String) -> Bool {
        guard let entry = self.entries[name] else { return false }
        switch entry.state {
        case .searching: return true
        case .resting: return entry.persistence == .permanent
        case .attempting, .standing, .waiting: return false
        }
    }

    /// True if a connection may be begun now, since nothing is being done about it. A peer that cannot be reached is not called with
    /// every packet; an operator need not wait.
    func isFree(_ name: String, forPacket isForPacket: Bool, now: Instant) -> Bool {
        switch self.entries[name]?.state {
        case .searching?, .attempting?, .standing?: return false
        case .resting(let until)?: return !isForPacket || until <= now
        case .waiting?, nil: return true
        }
    }

    // MARK: What is wanted

    /// A connection is to stand with these CHILD_SAs: the ID of the search that it begins with. What it has gone through so far
    /// still counts.
    mutating func keep(_ name: String, children: [String], _ persistence: Persistence) -> UInt64 {
        let old = self.entries[name]
        self.forget(name)
        self.lastSearchID &+= 1
        var entry = Entry(
            children: children, persistence: persistence, state: .searching(searchID: self.lastSearchID))
        entry.failures = old?.failures ?? 0
        entry.nextAddress = old?.nextAddress ?? 0
        self.entries[name] = entry
        self.enter(entry.state, name)
        return self.lastSearchID
    }

    /// A connection whose IKE_SA stands is to have these CHILD_SAs.
    mutating func keep(_ name: String, children: [String], _ persistence: Persistence, on spi: IKESPI) {
        self.forget(name)
        self.entries[name] = Entry(children: children, persistence: persistence, state: .standing(spi))
        self.enter(.standing(spi), name)
    }

    /// A connection that is to stand is to have one CHILD_SA more.
    mutating func add(child: String, to name: String) {
        guard self.entries[name]?.children.contains(child) == false else { return }
        self.entries[name]?.children.append(child)
    }

    /// A connection is to stand without end, whoever it was for at first.
    mutating func makePermanent(_ name: String) { self.entries[name]?.persistence = .permanent }

    /// A connection need not have this CHILD_SA any more; without any it is forgotten.
    mutating func drop(child: String, of name: String) {
        self.entries[name]?.children.removeAll { $0 == child }
        self.entries[name]?.packets[child] = nil
        if self.entries[name]?.children.isEmpty == true { self.forget(name) }
    }

    /// A CHILD_SA has ended which the next packet may call for again. A connection that stood only for it rests before that,
    /// so that a peer which always ends it is not called with each packet.
    mutating func release(child: String, of name: String, chance: Double, now: Instant) {
        guard let entry = self.entries[name], entry.persistence == .onDemand, entry.children == [child],
            entry.standsSince.map({ now.since($0) < Self.restAtMost }) ?? true
        else {
            self.drop(child: child, of: name)
            return
        }
        if case .resting = entry.state { return }
        self.rest(name, chance: chance, now: now)
    }

    /// Of what packets called for, only this CHILD_SA is still wanted, if any.
    mutating func releaseOthers(than child: String, of name: String) {
        guard var entry = self.entries[name], entry.persistence == .onDemand else { return }
        entry.children.removeAll { $0 != child }
        entry.packets = entry.packets.filter { $0.key == child }
        self.entries[name] = entry
    }

    /// This packet asked for a CHILD_SA.
    mutating func note(_ packet: PacketSelectors, for child: String, of name: String) {
        self.entries[name]?.packets[child] = packet
    }

    /// A connection need not stand any more. Nothing is done about what stands.
    mutating func forget(_ name: String) {
        guard let entry = self.entries.removeValue(forKey: name) else { return }
        self.leave(entry.state, name)
    }

    // MARK: What becomes of it

    /// The search found addresses, and the attempt with this SPI was begun.
    mutating func attempt(_ name: String, _ spi: IKESPI) {
        self.entries[name]?.nextAddress += 1
        self.change(name, to: .attempting(spi))
    }

    /// The IKE_SA stands, with a CHILD_SA, whoever has begun it.
    mutating func stand(_ name: String, _ spi: IKESPI, now: Instant) {
        if self.entries[name]?.standsSince == nil { self.entries[name]?.standsSince = now }
        self.change(name, to: .standing(spi))
    }

    /// It does not stand: it rests, unless one attempt was all that was wanted. `chance` is from 0 to 1.
    mutating func rest(_ name: String, chance: Double, now: Instant) {
        guard var entry = self.entries[name] else { return }
        guard entry.persistence != .once else {
            self.forget(name)
            return
        }
        // A peer that takes us in and throws us out again must not be called every few seconds.
        if let since = entry.standsSince, now.since(since) >= Self.restAtMost { entry.failures = 0 }
        entry.standsSince = nil
        let doubled = Self.restAtFirst * (1 << min(entry.failures, 10))
        // Two gateways that begin at the same moment should not do so again, nor a thousand after a power cut.
        let span = min(doubled, Self.restAtMost) * (1 - chance / 4)
        entry.failures += 1
        self.entries[name] = entry
        self.change(name, to: .resting(until: now.advanced(by: span)))
    }

    /// The next connection whose rest is over, with the ID of the search that it begins with.
    mutating func due(now: Instant) -> (name: String, searchID: UInt64)? {
        while let name = self.deadlines.popDue(now: now) {
            guard let entry = self.entries[name], case .resting(let until) = entry.state, until <= now else {
                continue
            }
            guard entry.persistence == .permanent else {
                // Not forgotten: the next attempt goes to the next address, and its rest is longer.
                self.change(name, to: .waiting)
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
        self.leave(old, name)
        self.entries[name]?.state = state
        self.enter(state, name)
    }

    // MARK: Finding it

    /// A connection is in this state from now on, and found by it.
    private mutating func enter(_ state: State, _ name: String) {
        switch state {
        case .searching(let searchID): self.searches[searchID] = name
        case .attempting(let spi), .standing(let spi): self.names[spi] = name
        case .resting(let until): self.deadlines.schedule(name, at: until)
        case .waiting: break
        }
    }

    /// It is no more.
    private mutating func leave(_ state: State, _ name: String) {
        switch state {
        case .searching(let searchID): self.searches[searchID] = nil
        case .attempting(let spi), .standing(let spi): self.names[spi] = nil
        case .resting: self.deadlines.schedule(name, at: nil)
        case .waiting: break
        }
    }
}
