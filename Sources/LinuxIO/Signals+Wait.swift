internal import Glibc

extension Signals {
    /// A signal that a program waits for instead of being interrupted by it.
    package enum Awaited: Hashable, Sendable {
        /// SIGTERM or SIGINT.
        case termination
        /// SIGUSR1.
        case user
    }

    /// Keeps the awaited signals from interrupting this thread and those that it starts from now on.
    package static func holdAwaited() {
        var set = self.awaitedSet()
        // SAFETY: the set is lent for the call.
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for the next awaited signal, which `holdAwaited` must have held.
    package static func next() -> Awaited {
        var set = self.awaitedSet()
        var number: Int32 = 0
        // SAFETY: set and number are lent for the call. It fails only for a set that is none.
        while unsafe sigwait(&set, &number) != 0 {}
        return number == SIGUSR1 ? .user : .termination
    }

    private static func awaitedSet() -> sigset_t {
        var set = sigset_t()
        // SAFETY: the set is lent for each call. They fail only for numbers that are no signals.
        unsafe sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGUSR1] { unsafe sigaddset(&set, number) }
        return set
    }
}
