internal import CLinux
internal import Glibc

/// Small files that only their owner may read, such as those with secrets.
package enum PrivateFile {
    /// True if nobody but the owner may read or write the file at `path`, and it is a file of ours.
    package static func isPrivate(path: String) throws(IOFault) -> Bool {
        var file = stat()
        _ = try systemCall("stat", path) {
            // SAFETY: the path is lent for the call and ends with a zero; `file` lives for the whole call.
            unsafe lstat(path, &file) == 0 ? 0 : -Int(errno)
        }
        return file.st_mode & S_IFMT == S_IFREG && file.st_mode & 0o077 == 0 && file.st_uid == geteuid()
    }

    /// Makes the file at `path` with these bytes, or puts it in the place of another: all of it stands there, also after a
    /// power cut, or what stood there before.
    package static func write(_ bytes: [UInt8], path: String) throws(IOFault) {
        let draft = path + ".new"
        try self.remove(draft)
        do throws(IOFault) {
            try self.make(draft, bytes)
            _ = try systemCall("rename", path) {
                // SAFETY: both paths are lent for the call and end with a zero.
                unsafe rename(draft, path) == 0 ? 0 : -Int(errno)
            }
        } catch {
            // The first failure is the one that counts.
            do throws(IOFault) { try self.remove(draft) } catch {}
            throw error
        }
        try self.synchronizeFolder(of: path)
    }

    private static func make(_ path: String, _ bytes: [UInt8]) throws(IOFault) {
        let opened = try systemCall("open", path) {
            // SAFETY: the path is lent for the call and ends with a zero.
            let result = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            return result >= 0 ? Int(result) : -Int(errno)
        }
        let file = OwnedDescriptor(owning: opened)
        try file.withDescriptor { fd throws(IOFault) in
            let written = try systemCall("write", path) {
                // SAFETY: the bytes are lent for the call, with their own count.
                let result = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(fd, $0.baseAddress, $0.count) }
                return result >= 0 ? result : -Int(errno)
            }
            guard written == bytes.count else {
                throw IOFault(operation: "write", object: path, errno: ENOSPC)
            }
            _ = try systemCall("fsync", path) { fsync(fd) == 0 ? 0 : -Int(errno) }
        }
    }

    private static func remove(_ path: String) throws(IOFault) {
        do throws(IOFault) {
            _ = try systemCall("unlink", path) {
                // SAFETY: the path is lent for the call and ends with a zero.
                unsafe unlink(path) == 0 ? 0 : -Int(errno)
            }
        } catch {
            guard error.errno == Errno.noEntry else { throw error }
        }
    }

    private static func synchronizeFolder(of path: String) throws(IOFault) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let opened = try systemCall("open", folder) {
            // SAFETY: the path is lent for the call and ends with a zero.
            unsafe lx_open_read_only(folder.isEmpty ? "/" : folder)
        }
        let file = OwnedDescriptor(owning: opened)
        try file.withDescriptor { fd throws(IOFault) in
            _ = try systemCall("fsync", folder) { fsync(fd) == 0 ? 0 : -Int(errno) }
        }
    }
}
