internal import IPsecModel

/// What will happen on a network, by time; what is due at the same time comes in the order in which it was entered.
struct Agenda<Action> {
    /// A place in the heap; the actions lie elsewhere, since they are large and a heap moves what it holds.
    private struct Place {
        let at: Instant
        let number: UInt64

        func isBefore(_ other: Place) -> Bool {
            self.at == other.at ? self.number < other.number : self.at < other.at
        }
    }

    private var heap: [Place] = []
    private var actions: [UInt64: Action] = [:]
    private var count: UInt64 = 0

    /// When the next action is due.
    var earliest: Instant? { self.heap.first?.at }

    /// Enters an action.
    mutating func add(_ action: Action, at moment: Instant) {
        self.count += 1
        self.actions[self.count] = action
        self.heap.append(Place(at: moment, number: self.count))
        var child = self.heap.count - 1
        while child > 0, self.heap[child].isBefore(self.heap[(child - 1) / 2]) {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next action whose time has come.
    mutating func popDue(now: Instant) -> Action? {
        guard let first = self.heap.first, first.at <= now else { return nil }
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        self.siftDown()
        return self.actions.removeValue(forKey: first.number)
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < self.heap.count else { return }
            let right = left + 1
            let isRight = right < self.heap.count && self.heap[right].isBefore(self.heap[left])
            let least = isRight ? right : left
            guard self.heap[least].isBefore(self.heap[parent]) else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
