internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread of the kernel's, for work that blocks or that has a core to itself.
package final class LinuxThread: Sendable {
    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            // SAFETY: the name is lent for the call and ends with a zero. Without a name the work is done as well.
            _ = unsafe lx_name_thread(self.name)
            self.body()
        }
    }

    private let thread: Mutex<pthread_t?>

    /// Starts `body` on a thread that tools such as `ps -L` and `top -H` call `name`; the kernel keeps 15 bytes of it.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(IOFault) {
        let started = try Self.start(Work(name: name, body: body))
        self.thread = Mutex(started)
    }

    /// A thread that nobody waits for goes on, and leaves nothing behind when it ends.
    deinit {
        guard let running = self.taken() else { return }
        _ = pthread_detach(running)
    }

    /// Waits until the body has returned; must not be called from it.
    ///
    /// Calling it again is harmless, but only the first caller waits.
    package func join() {
        guard let running = self.taken() else { return }
        _ = pthread_join(running, nil)
    }

    /// The thread, once: it may be joined or detached only once.
    private func taken() -> pthread_t? {
        self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    /// From now on the calling thread has what processor time others leave it, more or less.
    package static func givePrecedenceToOthers() {
        // To ask for less takes no privilege; if it fails all the same, the work is done as well.
        // In Linux each thread has a priority of its own, and 0 names the calling one.
        _ = setpriority(__priority_which_t(0), 0, 10)
    }

    private static func start(_ work: Work) throws(IOFault) -> pthread_t {
        // SAFETY: the retained reference is balanced by `takeRetainedValue` at the thread's beginning, or by
        // `release` if there is no thread.
        let context = unsafe Unmanaged.passRetained(work)
        var created = pthread_t()
        let error = unsafe pthread_create(
            &created, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard error == 0 else {
            unsafe context.release()
            throw IOFault(operation: "pthread_create", object: work.name, errno: error)
        }
        return created
    }
}
