internal import CryptoOpenSSL
internal import IPsecModel
internal import LinuxIO

/// The secret of our QCD tokens, which must outlive us: peers believe that we have crashed if we still know it (RFC 6290 §5.1).
enum CrashSecret {
    /// The name of its file in the state directory.
    static let fileName = "qcd-secret"

    private static let count = 32

    /// The secret in `folder`. If there is none, or if others may have read it, a fresh one is made and kept there.
    ///
    /// - Returns: Nil if it cannot be kept: tokens that nobody could make again would be worth nothing.
    static func load(from folder: String, log: EventLog) -> SecretBytes? {
        let path = folder + "/" + self.fileName
        if let secret = self.read(path, log) { return secret }
        do {
            let fresh = try OpenSSLProvider().secret(self.count)
            try FileSystem.makeFolder(folder)
            try PrivateFile.write(fresh, path: path)
            log.notice("made \(path), by which peers will know that we have crashed")
            return fresh
        } catch {
            log.warning(
                "peers will notice a crash of ours later than they could: cannot keep \(path): \(error)")
            return nil
        }
    }

    /// Nil if it is not there, or of no use.
    private static func read(_ path: String, _ log: EventLog) -> SecretBytes? {
        do throws(IOFault) {
            guard try PrivateFile.isPrivate(path: path) else {
                log.warning("\(path) is not ours alone: it is replaced")
                return nil
            }
            guard let secret = try PrivateFile.read(path: path, count: self.count) else {
                log.warning("\(path) does not have \(self.count) bytes: it is replaced")
                return nil
            }
            return secret
        } catch {
            if error.errno != Errno.noEntry { log.warning("cannot read \(path): \(error.text)") }
            return nil
        }
    }
}
