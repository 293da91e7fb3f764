internal import CLinux
internal import Glibc
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
    private let stopSignal: Int32
    private let handlers = Mutex(Handlers())
    private let thread: Mutex<pthread_t?> = Mutex(nil)

    /// The token of `stopSignal`; registrations count from 1.
    private static let stopToken: UInt64 = 0

    /// Starts the thread.
    package init() throws(IOFault) {
        let epoll = try systemCall("epoll_create1", "poller") { lx_epoll_create() }
        self.epoll = Int32(epoll)
        do throws(IOFault) {
            self.stopSignal = Int32(try systemCall("eventfd", "poller") { lx_eventfd() })
        } catch {
            _ = lx_close(Int32(epoll))
            throw error
        }
        do throws(IOFault) {
            let (epoll, stop) = (self.epoll, self.stopSignal)
            _ = try systemCall("epoll_ctl", "poller") { lx_epoll_add(epoll, stop, Self.stopToken) }
            try self.start()
        } catch {
            _ = lx_close(self.epoll)
            _ = lx_close(self.stopSignal)
            throw error
        }
    }

    /// The thread holds a reference to the poller, so this runs only after `stop`.
    deinit {
        _ = lx_close(self.epoll)
        _ = lx_close(self.stopSignal)
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
        // Fails only if the counter is at its limit, and then the thread is awake anyway.
        _ = lx_eventfd_signal(self.stopSignal)
        let running = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let running else { return }
        // Joined once, because the value was taken out.
        _ = pthread_join(running, nil)
        self.handlers.withLock { $0.byToken.removeAll() }
    }

    private func start() throws(IOFault) {
        // SAFETY: the retained reference is balanced by `takeRetainedValue` at the thread's beginning, or by
        // `release` if there is no thread.
        let context = unsafe Unmanaged.passRetained(self)
        var created = pthread_t()
        let error = unsafe pthread_create(
            &created, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<DescriptorPoller>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard error == 0 else {
            unsafe context.release()
            throw IOFault(operation: "pthread_create", object: "poller", errno: error)
        }
        self.thread.withLock { [created] in $0 = created }
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
