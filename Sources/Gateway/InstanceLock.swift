internal import LinuxIO

/// Keeps a second daemon from starting beside this one.
final class InstanceLock: Sendable {
    private let lock: FileLock

    /// Takes the lock beside the control socket, whose folder is made if need be.
    init(socketPath: String) throws(StartupError) {
        if let slash = socketPath.lastIndex(of: "/"), slash > socketPath.startIndex {
            let folder = String(socketPath[..<slash])
            do throws(IOFault) {
                try FileSystem.makeFolder(folder)
            } catch {
                throw StartupError("cannot make the folder \(folder) for the control socket: \(error.text)")
            }
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
