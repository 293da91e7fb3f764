internal import IPsecModel

/// The reqids of all CHILD_SAs: one for each pair of traffic selectors, kept over rekeys and for as long as
/// any CHILD_SA needs it, so that the kernel's policies need not change with its states.
struct ReqIDRegistry {
    /// What policies are made for.
    struct Key: Hashable {
        let connection: String
        /// Who the CHILD_SA is with: nobody takes over another peer's policies.
        let peer: Identity?
        let local: [TrafficSelector]
        let remote: [TrafficSelector]
    }

    private struct Entry {
        let reqid: UInt32
        var users: Int
    }

    private var entries: [Key: Entry] = [:]
    private var used: Set<UInt32> = []
    private var next = ReqID.range.lowerBound

    /// How many reqids are in use.
    var count: Int { self.entries.count }

    /// The reqid for a CHILD_SA with these selectors, used once more; nil if all are in use.
    mutating func take(_ key: Key, configured: UInt32?) -> UInt32? {
        if let entry = self.entries[key] {
            self.entries[key]?.users += 1
            return entry.reqid
        }
        // Policies go by their reqid: two pairs of selectors never share one, whatever is configured.
        let wanted = configured.flatMap { self.used.contains($0) ? nil : $0 }
        guard let reqid = wanted ?? self.free() else { return nil }
        self.used.insert(reqid)
        self.entries[key] = Entry(reqid: reqid, users: 1)
        return reqid
    }

    /// A reqid that no CHILD_SA gets; nil if all are in use.
    mutating func takeAlone() -> UInt32? {
        guard let reqid = self.free() else { return nil }
        self.used.insert(reqid)
        return reqid
    }

    /// A reqid from `takeAlone` is not needed any more.
    mutating func releaseAlone(_ reqid: UInt32) { self.used.remove(reqid) }

    /// The reqid of `key`; nil if no CHILD_SA has these selectors.
    func reqid(of key: Key) -> UInt32? { self.entries[key]?.reqid }

    /// True if several CHILD_SAs have these selectors.
    func isShared(_ key: Key) -> Bool { (self.entries[key]?.users ?? 0) > 1 }

    /// One CHILD_SA that used `key` has these selectors instead; the reqid of them, which may be another one.
    mutating func rename(_ key: Key, to other: Key) -> UInt32? {
        guard key != other, let entry = self.entries[key] else { return self.entries[other]?.reqid }
        if entry.users > 1 || self.entries[other] != nil {
            _ = self.release(key)
            return self.take(other, configured: nil)
        }
        self.entries[key] = nil
        self.entries[other] = entry
        return entry.reqid
    }

    /// One CHILD_SA less needs it; true if that was the last.
    mutating func release(_ key: Key) -> Bool {
        guard var entry = self.entries[key] else { return true }
        entry.users -= 1
        guard entry.users == 0 else {
            self.entries[key] = entry
            return false
        }
        self.entries[key] = nil
        self.used.remove(entry.reqid)
        return true
    }

    private mutating func free() -> UInt32? {
        guard self.used.count < ReqID.range.count else { return nil }
        while self.used.contains(self.next) { self.advance() }
        defer { self.advance() }
        return self.next
    }

    private mutating func advance() {
        self.next = self.next == ReqID.range.upperBound ? ReqID.range.lowerBound : self.next + 1
    }
}
