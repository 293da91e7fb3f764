internal import CLinux
internal import Synchronization

// A thread that polls a device before it reads makes two system calls for each packet that comes alone, and the kernel
// enters and leaves two queues. Blocked in the read it makes one, but then an eventfd does not wake it.
extension WakeSignal {
    /// The calling thread may now block in reads of `device`: `signal` ends such a read, or makes one that is about to begin
    /// return EAGAIN. Whoever calls this looks for work afterwards, before the first read.
    ///
    /// One thread at a time, until it calls `endBlockingReads`; the device must live until then.
    package func beginBlockingReads(of device: TunDevice) {
        guard Self.isInterruptible, lx_accept_interruption() == 0 else { return }
        device.withDescriptor { fd in
            self.reader.store(Reader(thread: lx_thread_id(), descriptor: fd), ordering: .relaxed)
            // After the store: a signal from now on undoes this. One from before is found by looking for work.
            _ = lx_set_blocking(fd, 1)
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// The calling thread polls again: reads of `device` do not block any more.
    package func endBlockingReads(of device: TunDevice) {
        self.reader.store(Reader.none, ordering: .relaxed)
        device.withDescriptor { fd in _ = lx_set_blocking(fd, 0) }
    }

    /// Ends the read that a thread is in or may be about to begin.
    ///
    /// First no read blocks any more, then the one that does is interrupted: in whichever moment the thread is, it comes back.
    func interruptReader() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let reader = self.reader.load(ordering: .relaxed)
        guard reader != Reader.none else { return }
        _ = lx_set_blocking(reader.descriptor, 0)
        _ = lx_interrupt_thread(reader.thread)
    }

    /// False if the kernel refuses the handler, which it has no reason to; then reads never block.
    private static let isInterruptible = lx_allow_interruption() == 0
}

/// Who may be blocked in a read of what, in one word.
struct Reader: Hashable, AtomicRepresentable {
    typealias AtomicRepresentation = UInt64.AtomicRepresentation

    let thread: Int32
    let descriptor: Int32

    /// Nobody: the kernel gives no thread the number 0.
    static let none = Reader(thread: 0, descriptor: -1)

    static func encodeAtomicRepresentation(_ value: consuming Reader) -> AtomicRepresentation {
        let (thread, descriptor) = (UInt32(bitPattern: value.thread), UInt32(bitPattern: value.descriptor))
        return UInt64.encodeAtomicRepresentation(UInt64(thread) << 32 | UInt64(descriptor))
    }

    static func decodeAtomicRepresentation(_ storage: consuming AtomicRepresentation) -> Reader {
        let word = UInt64.decodeAtomicRepresentation(storage)
        return Reader(
            thread: Int32(bitPattern: UInt32(truncatingIfNeeded: word >> 32)),
            descriptor: Int32(bitPattern: UInt32(truncatingIfNeeded: word)))
    }
}
