internal import Foundation
internal import Glibc
internal import LinuxIO

/// Keeps a second daemon from starting beside this one.
final class InstanceLock: Sendable {
    private let lock: FileLock

    /// Takes the lock beside the control socket, whose folder is made if need be.
    init(socketPath: String) throws(StartupError) {
        // The control socket is for root alone, and so is everything else that we make.
        umask(0o077)
        let folder = (socketPath as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(
                atPath: folder.isEmpty ? "." : folder, withIntermediateDirectories: true)
        } catch {
            throw StartupError("cannot make the folder \(folder): \(error.localizedDescription)")
        }
        do throws(IOFault) {
            self.lock = try FileLock(path: socketPath + ".lock")
        } catch {
            throw StartupError(
                error.wouldBlock
                    ? "culvertd is running already on \(socketPath): stop it first, or use another --socket"
                    : "cannot lock \(socketPath).lock: \(error.text)")
        }
    }
}
