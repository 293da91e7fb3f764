internal import CLinux
internal import Synchronization

/// Watches descriptors for somebody who has an event loop of another kind: one thread, one epoll.
///
/// Each registration reports once when its descriptor becomes readable and then sleeps until it is armed
/// again. So a consumer can hop to its own thread, drain the descriptor there, and arm it: no report is lost,
/// because readiness is level-triggered, and none comes while the consumer is at work.
package final class DescriptorPoller: Sendable {
    /// One watched descriptor.
    package struct Registration: Hashable, Sendable {
        fileprivate let token: UInt64
        fileprivate let descriptor: Int32
    }

    private struct Handlers {
        var byToken: [UInt64: @Sendable () -> Void] = [:]
        var lastToken: UInt64 = 0
        var isStopped = false
    }

    private let epoll: Int32
    private let stopSignal: WakeSignal
    private let handlers = Mutex(Handlers())
    private let thread: Mutex<LinuxThread?> = Mutex(nil)

    /// The token of `stopSignal`; registrations count from 1.
    private static let stopToken: UInt64 = 0

    /// Starts the thread.
    package init() throws(IOFault) {
        self.stopSignal = try WakeSignal()
        self.epoll = Int32(try systemCall("epoll_create1", "poller") { lx_epoll_create() })
        // From here on `deinit` closes what is open.
        _ = try systemCall("epoll_ctl", "poller") {
            lx_epoll_add(self.epoll, self.stopSignal.descriptor, Self.stopToken)
        }
        let thread = try LinuxThread(name: "culvert-poller") { self.run() }
        self.thread.withLock { $0 = thread }
    }

    /// The thread holds a reference to the poller, so this runs only after `stop`.
    deinit {
        _ = lx_close(self.epoll)
    }

    /// Calls `onReadable`, on the poller's thread, when `descriptor` becomes readable; once, until `arm`.
    ///
    /// The descriptor must stay open until `remove`.
    package func add(
        _ descriptor: Int32, onReadable: @escaping @Sendable () -> Void
    ) throws(IOFault) -> Registration {
        let token = self.handlers.withLock { handlers in
            handlers.lastToken += 1
            handlers.byToken[handlers.lastToken] = onReadable
            return handlers.lastToken
        }
        do throws(IOFault) {
            _ = try systemCall("epoll_ctl", "descriptor \(descriptor)") {
                lx_epoll_add(self.epoll, descriptor, token)
            }
        } catch {
            _ = self.handlers.withLock { $0.byToken.removeValue(forKey: token) }
            throw error
        }
        return Registration(token: token, descriptor: descriptor)
    }

    /// Lets the registration report again; it does so at once if there is something to read.
    package func arm(_ registration: Registration) throws(IOFault) {
        _ = try systemCall("epoll_ctl", "descriptor \(registration.descriptor)") {
            lx_epoll_arm(self.epoll, registration.descriptor, registration.token)
        }
    }

    /// Ends the registration. A report that is under way on the poller's thread may still finish.
    package func remove(_ registration: Registration) {
        let removed = self.handlers.withLock { $0.byToken.removeValue(forKey: registration.token) }
        guard removed != nil else { return }
        // Fails only if the descriptor is closed already, which ended the registration as well.
        _ = lx_epoll_remove(self.epoll, registration.descriptor)
    }

    /// Ends the thread and waits for it; must not be called from a report. Calling it twice is harmless.
    package func stop() {
        self.handlers.withLock { $0.isStopped = true }
        self.stopSignal.signal()
        let running = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let running else { return }
        running.join()
        self.handlers.withLock { $0.byToken.removeAll() }
    }

    private func run() {
        while !self.handlers.withLock({ $0.isStopped }) {
            for token in self.wait() {
                let handler = self.handlers.withLock { $0.byToken[token] }
                handler?()
            }
        }
    }

    /// The tokens of readable descriptors; none after an interruption.
    private func wait() -> [UInt64] {
        unsafe [UInt64](unsafeUninitializedCapacity: 32) { buffer, count in
            // SAFETY: the callee writes at most as many tokens as it is told there is room for.
            let ready = unsafe lx_epoll_wait(self.epoll, buffer.baseAddress, Int32(buffer.count))
            count = max(0, Int(ready))
        }
    }
}
