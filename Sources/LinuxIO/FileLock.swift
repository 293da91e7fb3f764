internal import Glibc

/// An exclusive lock on a file, held until it goes; the kernel drops it also when the process dies.
package final class FileLock: Sendable {
    private let descriptor: Int32

    /// Locks the file at `path`, which is made if it is not there.
    ///
    /// - Throws: `IOFault` with EAGAIN if another process holds the lock.
    package init(path: String) throws(IOFault) {
        // SAFETY: the kernel reads the path during the call; the compiler keeps its bytes alive that long.
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw IOFault(operation: "open", object: path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno
            close(descriptor)
            throw IOFault(operation: "flock", object: path, errno: error)
        }
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }
}
