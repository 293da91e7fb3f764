internal import CLinux
internal import Synchronization

/// A way to wake a thread that waits for descriptors (eventfd(2)).
package final class WakeSignal: Sendable {
    /// Readable from the first `signal` until `clear`. It is open as long as the signal lives.
    package let descriptor: Int32
    /// The thread that may be blocked in a read: see `beginBlockingReads`.
    let reader = Atomic<Reader>(Reader.none)

    /// A signal that nobody has given yet.
    package init() throws(IOFault) {
        self.descriptor = Int32(try systemCall("eventfd", "wake signal") { lx_eventfd() })
    }

    deinit {
        // A failing close leaves nothing that could be done.
        _ = lx_close(self.descriptor)
    }

    /// Makes the descriptor readable; from any thread, as often as one likes.
    package func signal() {
        // Fails only if the counter is at its limit, and then it is readable anyway.
        _ = lx_eventfd_signal(self.descriptor)
        self.interruptReader()
    }

    /// Takes back all signals up to now. Whoever clears looks for work afterwards, not before.
    package func clear() {
        var count: UInt64 = 0
        // SAFETY: `count` lives for the whole call and has the eight bytes. It fails only if there was no signal.
        _ = unsafe lx_read(self.descriptor, &count, MemoryLayout<UInt64>.size)
    }
}

/// Waiting for a few descriptors without memory from the heap (poll(2)).
package enum PacketPoll {
    /// How many descriptors one call can wait for.
    package static let maximumDescriptors = Int(LX_MAXIMUM_POLLED)

    /// Waits until a descriptor is ready: bit n of the result is set if the nth is, errors included.
    ///
    /// - Parameters:
    ///   - descriptors: up to `maximumDescriptors`; a negative one is never ready.
    ///   - writable: bit n asks for room to write to the nth instead of something to read.
    ///   - milliseconds: how long to wait at most; −1 for ever, 0 to look only.
    /// - Returns: 0 if the time is over or a signal came in between; −errno if the call is wrong.
    package static func wait(
        _ descriptors: Span<Int32>, writable: UInt32 = 0, milliseconds: Int32
    ) -> Int32 {
        let count = descriptors.count
        guard count <= self.maximumDescriptors else { return -Errno.invalid }
        // SAFETY: the callee reads `count` numbers, during the call.
        let result = unsafe descriptors.withUnsafeBufferPointer {
            unsafe lx_poll($0.baseAddress, Int32(count), writable, milliseconds)
        }
        return result == -Int(Errno.interrupted) ? 0 : Int32(truncatingIfNeeded: result)
    }
}
