internal import CLinux

/// The network namespace of a thread (network_namespaces(7)).
package enum NetworkNamespace {
    /// Moves the calling thread to a new one, with a loopback interface that is down and nothing else.
    ///
    /// It goes away with the last thread and socket in it. What a test does there does not touch the host's network.
    package static func unshare() throws(IOFault) {
        do throws(IOFault) {
            _ = try systemCall("unshare", "network") { lx_unshare_network() }
        } catch {
            guard error.errno == Errno.notPermitted else { throw error }
            throw IOFault(
                operation: error.operation, object: error.object, errno: error.errno,
                text: "a network namespace needs root or the capability CAP_SYS_ADMIN")
        }
    }
}
