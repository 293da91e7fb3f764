internal import CLinux
internal import Glibc

/// The few changes that we make to the file system.
package enum FileSystem {
    /// Makes a folder that only its owner may enter; one that exists already stays as it is.
    package static func makeFolder(_ path: String) throws(IOFault) {
        do throws(IOFault) {
            _ = try systemCall("mkdir", path) {
                // SAFETY: the path is lent for the call and ends with a zero.
                unsafe mkdir(path, 0o700) == 0 ? 0 : -Int(errno)
            }
        } catch {
            guard error.errno == Errno.exists else { throw error }
        }
    }

    /// Removes a file; one that is not there is no fault.
    package static func removeFile(_ path: String) throws(IOFault) {
        do throws(IOFault) {
            _ = try systemCall("unlink", path) {
                // SAFETY: the path is lent for the call and ends with a zero.
                unsafe unlink(path) == 0 ? 0 : -Int(errno)
            }
        } catch {
            guard error.errno == Errno.noEntry else { throw error }
        }
    }

    /// What this process makes from now on is for its owner alone.
    package static func keepNewFilesPrivate() {
        umask(0o077)
    }
}

/// What signals do to the process.
package enum Signals {
    /// A reader of our output that goes away must not end us, nor must a reload that comes before we can hear it.
    package static func ignoreBrokenPipesAndHangups() {
        // Fails for numbers that are no signals only.
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGHUP, SIG_IGN)
    }
}
