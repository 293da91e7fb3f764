internal import IPsecModel

/// The outer addresses of all peers, in order, so that those within a prefix are found at once.
struct PeerAddresses {
    private struct Entry {
        let address: IPAddress
        /// How many children have this peer.
        var count: UInt32
    }

    private var entries: [Entry] = []

    /// All of them.
    var all: [IPAddress] { self.entries.map(\.address) }

    /// True if a child has this peer.
    func contains(_ address: IPAddress) -> Bool {
        let index = self.index(of: address)
        return index < self.entries.count && self.entries[index].address == address
    }

    /// Those that belong to `prefix`.
    func within(_ prefix: IPPrefix) -> [IPAddress] {
        let last = prefix.last
        return self.entries[self.index(of: prefix.address)...].prefix { $0.address <= last }.map(\.address)
    }

    /// One more child has this peer.
    mutating func add(_ address: IPAddress) {
        let index = self.index(of: address)
        if self.contains(address) {
            self.entries[index].count += 1
        } else {
            self.entries.insert(Entry(address: address, count: 1), at: index)
        }
    }

    /// A child that was added has it no more.
    mutating func remove(_ address: IPAddress) {
        guard self.contains(address) else { return }
        let index = self.index(of: address)
        if self.entries[index].count > 1 {
            self.entries[index].count -= 1
        } else {
            self.entries.remove(at: index)
        }
    }

    /// The first that is not before `address`.
    private func index(of address: IPAddress) -> Int {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].address < address { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
