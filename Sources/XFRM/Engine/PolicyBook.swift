/// Policies that we have installed, found by reqid and by what the kernel knows them by.
struct PolicyBook {
    private var policies: [UInt32: [KernelPolicy]] = [:]
    /// Who has a policy with this key. Only configurations that nobody meant have several.
    private var owners: [KernelPolicy.Key: [UInt32]] = [:]

    /// All policies of a reqid; nil if it has none.
    subscript(reqid: UInt32) -> [KernelPolicy]? {
        get { self.policies[reqid] }
        set {
            for policy in self.policies[reqid] ?? [] {
                let rest = self.owners[policy.key]?.filter { $0 != reqid } ?? []
                self.owners[policy.key] = rest.isEmpty ? nil : rest
            }
            self.policies[reqid] = newValue
            for policy in newValue ?? [] { self.owners[policy.key, default: []].append(reqid) }
        }
    }

    /// A policy with this key; nil if there is none.
    func policy(with key: KernelPolicy.Key) -> KernelPolicy? {
        guard let owner = self.owners[key]?.first else { return nil }
        return self.policies[owner]?.first { $0.key == key }
    }

    /// Takes all policies of a reqid out.
    mutating func take(_ reqid: UInt32) -> [KernelPolicy]? {
        defer { self[reqid] = nil }
        return self.policies[reqid]
    }
}
