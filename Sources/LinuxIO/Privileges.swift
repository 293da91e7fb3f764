internal import CLinux

/// Capabilities (capabilities(7)).
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// CAP_NET_BIND_SERVICE: ports below 1024.
    package static let privilegedPorts = Capabilities(rawValue: 1 << 10)
    /// CAP_NET_ADMIN: IPsec states, policies and socket policies.
    package static let networkAdministration = Capabilities(rawValue: 1 << 12)
    /// CAP_NET_RAW: sockets of IP protocols such as ESP.
    package static let rawSockets = Capabilities(rawValue: 1 << 13)

    /// Those in effect for this thread; none if the kernel does not say.
    package static var effective: Capabilities {
        var set: UInt64 = 0
        // SAFETY: `set` lives for the whole call.
        guard unsafe lx_effective_capabilities(&set) == 0 else { return [] }
        return Capabilities(rawValue: set)
    }
}

/// Giving up what the process may do and does not need.
package enum Privileges {
    /// Keeps `kept` of this thread's capabilities, for good: no program that it could start gets any.
    ///
    /// Linux gives each thread capabilities of its own, which the threads that it starts inherit. So this is for
    /// the main thread, before there are others.
    package static func keepOnly(_ kept: Capabilities) throws(IOFault) {
        _ = try systemCall("prctl", "no_new_privs") { lx_set_no_new_privileges() }
        try self.emptyBoundingSet()
        var permitted: UInt64 = 0
        // SAFETY: `permitted` lives for the whole call.
        _ = try systemCall("capget", "thread") { unsafe lx_permitted_capabilities(&permitted) }
        let set = permitted & kept.rawValue
        _ = try systemCall("capset", "thread") { lx_set_capabilities(set) }
    }

    /// Keeps what is in memory out of core dumps and away from debuggers of other users.
    package static func keepMemoryPrivate() throws(IOFault) {
        _ = try systemCall("prctl", "dumpable") { lx_set_not_dumpable() }
    }

    private static func emptyBoundingSet() throws(IOFault) {
        for capability in Int32(0)..<64 {
            do throws(IOFault) {
                _ = try systemCall("prctl", "bounding set") { lx_drop_from_bounding_set(capability) }
            } catch {
                // Beyond the last that the kernel knows.
                if error.errno == Errno.invalid { return }
                // Without CAP_SETPCAP the set stays; no_new_privs keeps anybody from making use of it.
                if error.errno == Errno.notPermitted { return }
                throw error
            }
        }
    }
}
