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

    /// What this process makes from now on is for its owner alone.
    package static func keepNewFilesPrivate() {
        umask(0o077)
    }
}
