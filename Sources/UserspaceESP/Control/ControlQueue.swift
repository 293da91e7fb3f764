package import IPsecModel
package import LinuxIO
internal import Synchronization

/// What the workers have for the control thread: IKE messages, and what happened to SAs. Both are bounded, each by
/// itself, so that a flood of one does not drown the other.
package final class ControlQueue: Sendable {
    /// What was in the queue.
    package struct Content: Sendable {
        /// IKE messages that came in on the port of ESP in UDP, non-ESP markers included.
        package var datagrams: [IKESocket.Datagram] = []
        /// What happened to SAs.
        package var events: [DataPlaneEvent] = []
        /// What an operator should know: an offload that turned out not to work.
        package var notes: [String] = []

        /// True if there is nothing.
        package var isEmpty: Bool { self.datagrams.isEmpty && self.events.isEmpty && self.notes.isEmpty }
    }

    private static let largestCount = 512
    private static let largestBytes = 4 << 20

    private struct State {
        var content = Content()
        var bytes = 0
        var hasLostEvents = false
    }

    private let state = Mutex(State())
    private let wake: WakeSignal

    init() throws(IOFault) {
        self.wake = try WakeSignal()
    }

    /// Puts an IKE message in; false if there is no room.
    func put(_ datagram: IKESocket.Datagram) -> Bool {
        let isTaken = self.state.withLock { state in
            guard state.content.datagrams.count < Self.largestCount,
                state.bytes + datagram.bytes.count <= Self.largestBytes
            else { return false }
            state.content.datagrams.append(datagram)
            state.bytes += datagram.bytes.count
            return true
        }
        if isTaken { self.wake.signal() }
        return isTaken
    }

    /// Puts an event in. When there is no room, `.overflow` will be the last one.
    func put(_ event: DataPlaneEvent) {
        self.state.withLock { state in
            guard state.content.events.count < Self.largestCount else {
                state.hasLostEvents = true
                return
            }
            state.content.events.append(event)
        }
        self.wake.signal()
    }

    /// Puts a sentence for the log in.
    func put(note: String) {
        self.state.withLock { state in
            guard state.content.notes.count < Self.largestCount else { return }
            state.content.notes.append(note)
        }
        self.wake.signal()
    }

    /// Takes everything out.
    package func drain() -> Content {
        self.wake.clear()
        return self.state.withLock { state in
            var content = state.content
            if state.hasLostEvents { content.events.append(.overflow) }
            state = State()
            return content
        }
    }

    /// Lends the descriptor that is readable while there is something in the queue.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.wake.descriptor)
    }
}
