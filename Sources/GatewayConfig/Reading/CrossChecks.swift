internal import IPsecModel

/// Checks that need more than one section: what is right by itself and wrong together.
struct CrossChecks {
    /// Pairs of selectors that are compared, so that a huge file costs seconds and not hours.
    static let comparisonLimit = 1_000_000

    let connections: [ReadConnection]
    let secrets: [SharedSecret]
    let report: Report

    /// Runs all of them.
    func run() {
        self.checkSecrets()
        self.checkRequestIDs()
        self.checkSelectors()
    }

    /// Every connection needs a key that its two ends may share.
    private func checkSecrets() {
        let owners = self.secrets.flatMap(\.owners)
        let isForAnybody = self.secrets.contains { $0.owners.isEmpty } || owners.contains(.any)
        guard !isForAnybody else { return }
        let names = Set(owners.compactMap(Self.comparable))
        var comparisons = 0
        for connection in self.connections {
            let configuration = connection.configuration
            let ends = [configuration.localIdentity.map(IdentityPattern.exact), configuration.remoteIdentity]
            guard
                !ends.compactMap({ $0 }).contains(where: { Self.comparable($0).map(names.contains) ?? false })
            else { continue }
            comparisons += owners.count
            guard comparisons <= Self.comparisonLimit else { return }
            guard !owners.contains(where: { Self.fits($0, configuration) }) else { continue }
            self.report.error(
                connection.place,
                "connection '\(configuration.name)' has no secret: none is for \(configuration.remoteIdentity)"
            )
        }
    }

    /// A pattern without wildcards in a form that is equal when the identities are.
    private static func comparable(_ pattern: IdentityPattern) -> Identity? {
        guard case .exact(let identity) = pattern else { return nil }
        guard identity.type == .fqdn || identity.type == .email else { return identity }
        let text = String(decoding: identity.data, as: UTF8.self).lowercased()
        return Identity(type: identity.type, data: Array(text.utf8))
    }

    private static func fits(_ owner: IdentityPattern, _ connection: ConnectionConfiguration) -> Bool {
        if Self.overlaps(owner, connection.remoteIdentity) { return true }
        guard let local = connection.localIdentity else { return Self.isAddress(owner) }
        return owner.matches(local)
    }

    /// True if there can be an identity that both patterns mean.
    private static func overlaps(_ left: IdentityPattern, _ right: IdentityPattern) -> Bool {
        switch (left, right) {
        case (.any, _), (_, .any): return true
        case (.exact(let identity), let pattern), (let pattern, .exact(let identity)):
            return pattern.matches(identity)
        case (.suffix(let leftType, let a), .suffix(let rightType, let b)):
            let (a, b) = (a.lowercased(), b.lowercased())
            return leftType == rightType && (a.hasSuffix(b) || b.hasSuffix(a))
        }
    }

    /// True if a connection without an identity of ours, which names itself by its address, can be meant.
    private static func isAddress(_ owner: IdentityPattern) -> Bool {
        guard case .exact(let identity) = owner else { return true }
        return identity.type == .ipv4 || identity.type == .ipv6
    }

    /// Nothing but the request ID tells two peers behind one NAT apart.
    private func checkRequestIDs() {
        var owners: [UInt32: String] = [:]
        for connection in self.connections {
            for child in connection.children {
                guard let reqid = child.configuration.reqid else { continue }
                let owner = "'\(child.configuration.name)' of '\(connection.configuration.name)'"
                if let other = owners[reqid] {
                    self.report.error(
                        child.reqidPlace, "child \(owner) has the reqid of child \(other); each needs its own"
                    )
                }
                owners[reqid] = owners[reqid] ?? owner
            }
        }
    }
}

/// Children that want the same packets.
extension CrossChecks {
    /// A pair of selectors of one child.
    private struct Pair {
        let local: TrafficSelector
        let remote: TrafficSelector
        let owner: String
        let place: SourceSpan
        /// Which child it belongs to.
        let child: Int

        func contains(_ other: Pair) -> Bool {
            self.local.contains(other.local) && self.remote.contains(other.remote)
        }

        /// What both take, unless one is the more specific of the two: then the kernel knows which to prefer.
        func conflict(with other: Pair) -> TrafficSelector? {
            guard self.child != other.child, self.local.intersection(other.local) != nil,
                let common = self.remote.intersection(other.remote)
            else { return nil }
            let (inside, outside) = (other.contains(self), self.contains(other))
            return inside == outside ? common : nil
        }
    }

    /// Warns of two children that send the same packets to different peers.
    ///
    /// A sweep over the remote ranges by their first address compares only those that overlap.
    private func checkSelectors() {
        let pairs = self.pairs().enumerated().sorted {
            ($0.element.remote.addresses.first, $0.offset) < ($1.element.remote.addresses.first, $1.offset)
        }.map(\.element)
        var comparisons = 0
        for (index, pair) in pairs.enumerated() {
            for other in pairs[(index + 1)...] {
                guard other.remote.addresses.first <= pair.remote.addresses.last else { break }
                comparisons += 1
                guard comparisons <= Self.comparisonLimit else { return }
                guard let common = pair.conflict(with: other) else { continue }
                let (first, second) = pair.child < other.child ? (pair, other) : (other, pair)
                self.report.warning(
                    second.place,
                    "children \(first.owner) and \(second.owner) both send \(common); the first wins")
            }
        }
    }

    private func pairs() -> [Pair] {
        var pairs: [Pair] = []
        var count = 0
        for connection in self.connections {
            for child in connection.children {
                count += 1
                let owner = "'\(child.configuration.name)' of '\(connection.configuration.name)'"
                for case .fixed(let local) in child.configuration.localSelectors {
                    for case .fixed(let remote) in child.configuration.remoteSelectors {
                        guard pairs.count < Self.comparisonLimit else { return pairs }
                        pairs.append(
                            Pair(
                                local: local, remote: remote, owner: owner, place: child.remotePlace,
                                child: count))
                    }
                }
            }
        }
        return pairs
    }
}
