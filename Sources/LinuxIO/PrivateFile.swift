internal import CLinux
internal import Glibc
package import IPsecModel

/// Small files that only their owner may read, with secrets: their bytes are in no memory that is not wiped.
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

    /// The bytes of the file at `path`; nil if there are not exactly `count`.
    package static func read(path: String, count: Int) throws(IOFault) -> SecretBytes? {
        let opened = try systemCall("open", path) {
            // SAFETY: the path is lent for the call and ends with a zero.
            unsafe lx_open_read_only(path)
        }
        let file = OwnedDescriptor(owning: opened)
        var length = 0
        // One more, to notice a file that is longer.
        let bytes = try SecretBytes(count: count + 1) { (span: inout MutableSpan<UInt8>) throws(IOFault) in
            while length < span.count {
                let part = try file.withDescriptor { fd throws(IOFault) in
                    try systemCall("read", path) {
                        // SAFETY: the call writes behind the first `length` bytes at most as many as there are still.
                        unsafe span.withUnsafeMutableBytes { memory in
                            unsafe lx_read(
                                fd, memory.baseAddress.map { unsafe $0 + length }, memory.count - length)
                        }
                    }
                }
                guard part > 0 else { return }
                length += part
            }
        }
        return length == count ? bytes.part(0..<count) : nil
    }

    /// Makes the file at `path` with these bytes, or puts it in the place of another: all of it stands there, also after a
    /// power cut, or what stood there before.
    package static func write(_ secret: SecretBytes, path: String) throws(IOFault) {
        let draft = path + ".new"
        try self.remove(draft)
        do throws(IOFault) {
            try self.make(draft, secret)
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

    private static func make(_ path: String, _ secret: SecretBytes) throws(IOFault) {
        let opened = try systemCall("open", path) {
            // SAFETY: the path is lent for the call and ends with a zero.
            let result = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            return result >= 0 ? Int(result) : -Int(errno)
        }
        let file = OwnedDescriptor(owning: opened)
        try file.withDescriptor { fd throws(IOFault) in
            let written = try systemCall("write", path) {
                secret.withBytes { bytes in
                    // SAFETY: the bytes are lent for the call, with their own count.
                    let result = unsafe bytes.withUnsafeBytes {
                        unsafe Glibc.write(fd, $0.baseAddress, $0.count)
                    }
                    return result >= 0 ? result : -Int(errno)
                }
            }
            guard written == secret.count else {
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
