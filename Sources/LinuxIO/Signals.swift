internal import Glibc

/// What signals do to the process.
package enum Signals {
    /// A reader of our output that goes away must not end us, nor must a reload that comes before we can hear it.
    package static func ignoreBrokenPipesAndHangups() {
        for number in [SIGPIPE, SIGHUP] { self.set(number, SIG_IGN) }
    }

    /// Takes crashes away from Swift's runtime, whose report shows registers and the memory that they point to:
    /// keys, with bad luck. Whoever sets SWIFT_BACKTRACE wants the report and gets it.
    package static func crashSilently() {
        // SAFETY: only whether there is a value is looked at.
        guard unsafe getenv("SWIFT_BACKTRACE") == nil else { return }
        for number in [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV] {
            self.set(number, SIG_DFL)
        }
    }

    private static func set(_ number: Int32, _ handler: sighandler_t?) {
        // It fails only for numbers that are no signals.
        _ = signal(number, handler)
    }
}
