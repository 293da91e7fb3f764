internal import CLinux

/// Runs a call that returns a count or −errno, again and again while a signal interrupts it.
func systemCall<Count: SignedInteger & FixedWidthInteger>(
    _ operation: String, _ object: @autoclosure () -> String, _ body: () -> Count
) throws(IOFault) -> Int {
    while true {
        let result = body()
        if result >= 0 { return Int(result) }
        let errno = Int32(truncatingIfNeeded: -Int(result))
        if errno == Errno.interrupted { continue }
        throw IOFault(operation: operation, object: object(), errno: errno)
    }
}

/// A file descriptor with one owner, closed when the owner goes.
package struct OwnedDescriptor: ~Copyable {
    private let number: Int32

    /// Takes over what a system call returned.
    init(owning number: Int) {
        self.number = Int32(truncatingIfNeeded: number)
    }

    deinit {
        // A failing close leaves nothing that could be done; Linux frees the number in any case.
        _ = lx_close(self.number)
    }

    /// Lends the number to `body`, which must not keep it beyond the owner's life.
    package borrowing func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.number)
    }
}
