internal import IPsecModel

/// What has to be looked at when: a binary heap with lazy removal.
///
/// An IKE_SA, or whatever else the keys name, may stand in it several times; what is no longer true is found out when
/// it comes up, since looking at one too early does nothing.
struct DeadlineQueue<Key: Hashable> {
    private struct Entry {
        let at: Instant
        let key: Key
    }

    private var heap: [Entry] = []
    private var scheduled: [Key: Instant] = [:]

    /// The earliest deadline.
    var earliest: Instant? { self.heap.first?.at }

    /// How many entries it has, true ones and stale ones.
    var count: Int { self.heap.count }

    /// `key` has to be looked at by `at`; nil takes it off. An earlier entry for it stays and is harmless.
    mutating func schedule(_ key: Key, at: Instant?) {
        guard let at else {
            self.scheduled[key] = nil
            return
        }
        if let known = self.scheduled[key], known <= at { return }
        self.scheduled[key] = at
        self.compactIfNeeded()
        self.heap.append(Entry(at: at, key: key))
        self.siftUp()
    }

    /// Takes the next one whose time has come.
    mutating func popDue(now: Instant) -> Key? {
        while let first = self.heap.first, first.at <= now {
            self.removeFirst()
            guard self.scheduled[first.key] == first.at else { continue }
            self.scheduled[first.key] = nil
            return first.key
        }
        return nil
    }

    /// Entries that are no longer true must not pile up while they come and go.
    private mutating func compactIfNeeded() {
        guard self.heap.count > 64 + 2 * self.scheduled.count else { return }
        // A sorted array is a heap.
        self.heap = self.heap.filter { self.scheduled[$0.key] == $0.at }.sorted { $0.at < $1.at }
    }

    private mutating func siftUp() {
        var child = self.heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child].at < self.heap[parent].at else { return }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeFirst() {
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < self.heap.count else { return }
            let right = left + 1
            let least = right < self.heap.count && self.heap[right].at < self.heap[left].at ? right : left
            guard self.heap[least].at < self.heap[parent].at else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
