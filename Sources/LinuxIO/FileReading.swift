internal import CLinux
internal import Glibc

/// What tells one content of a file from another without reading it.
package struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// The stamp of the file at `path` as it is now.
    package init(path: String) throws(IOFault) {
        var file = stat()
        _ = try systemCall("stat", path) {
            // SAFETY: the path is lent for the call and ends with a zero; `file` lives for the whole call.
            unsafe stat(path, &file) == 0 ? 0 : -Int(errno)
        }
        self.device = UInt64(file.st_dev)
        self.inode = UInt64(file.st_ino)
        self.size = Int64(file.st_size)
        self.seconds = Int64(file.st_mtim.tv_sec)
        self.nanoseconds = Int64(file.st_mtim.tv_nsec)
    }
}

/// Reading small files as a whole.
package enum FileReading {
    /// The file at `path`; EFBIG if it has more than `limit` bytes, whatever kind of file it is.
    package static func bytes(path: String, limit: Int) throws(IOFault) -> [UInt8] {
        // SAFETY: the path is lent for the call and ends with a zero.
        let opened = try systemCall("open", path) { unsafe lx_open_read_only(path) }
        let file = OwnedDescriptor(owning: opened)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= limit {
            let count = try file.withDescriptor { fd throws(IOFault) in
                try systemCall("read", path) {
                    // SAFETY: the buffer is lent for the call, with its own count.
                    unsafe chunk.withUnsafeMutableBytes { unsafe lx_read(fd, $0.baseAddress, $0.count) }
                }
            }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
        throw IOFault(operation: "read", object: path, errno: EFBIG, text: "more than \(limit) bytes")
    }

    /// The paths that a pattern with shell wildcards means, in glob(3)'s order; ENOENT if there are none.
    package static func paths(matching pattern: String) throws(IOFault) -> [String] {
        var matches = unsafe glob_t()
        // SAFETY: the C library fills `matches`, which stays where it is until `globfree`.
        defer { unsafe globfree(&matches) }
        switch unsafe glob(pattern, GLOB_ERR, nil, &matches) {
        case 0: break
        case GLOB_NOMATCH: throw IOFault(operation: "glob", object: pattern, errno: ENOENT)
        case GLOB_NOSPACE: throw IOFault(operation: "glob", object: pattern, errno: ENOMEM)
        default: throw IOFault(operation: "glob", object: pattern, errno: errno)
        }
        // SAFETY: `gl_pathv` holds `gl_pathc` strings, each with a zero at its end.
        return unsafe UnsafeBufferPointer(start: matches.gl_pathv, count: Int(matches.gl_pathc))
            .compactMap { unsafe $0.map { unsafe String(cString: $0) } }
    }
}
