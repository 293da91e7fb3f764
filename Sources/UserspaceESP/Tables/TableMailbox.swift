internal import LinuxIO
internal import Synchronization

/// Hands a table from the control thread to a worker, as a whole.
///
/// The worker looks at a number before each batch, and takes the lock only when that has changed: never per packet.
final class TableMailbox<Table: Sendable>: Sendable {
    private let generation = Atomic<UInt64>(0)
    private let table: Mutex<Table>
    /// Wakes the worker, so that it lets go of keys that are in force no more even if no packet comes.
    let wake: WakeSignal

    init(_ table: Table, wake: WakeSignal) {
        self.table = Mutex(table)
        self.wake = wake
    }

    /// Puts `table` into force: every packet that the worker takes in from now on goes by it.
    func post(_ table: Table) {
        self.table.withLock { $0 = table }
        self.generation.add(1, ordering: .releasing)
        self.wake.signal()
    }

    /// True if `known` is not the number of the newest table.
    func hasNews(since known: UInt64) -> Bool { self.generation.load(ordering: .acquiring) != known }

    /// Takes over the newest table and its number.
    func take(_ table: inout Table, known: inout UInt64) {
        // The number first: a table that comes in between is taken now, and once more.
        known = self.generation.load(ordering: .acquiring)
        table = self.table.withLock { $0 }
    }
}
