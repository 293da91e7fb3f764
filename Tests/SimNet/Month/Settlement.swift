internal import IKECore
internal import IPsecModel

/// What two gateways hold when nothing is under way between them: one IKE_SA, one CHILD_SA, and nothing else.
package struct Settlement {
    /// What is not so.
    package private(set) var faults: [String] = []

    /// What both gateways hold now.
    package init(_ initiator: EngineHost, _ responder: EngineHost) {
        for (host, other, name, begins) in [
            (initiator, responder, "the initiator", true), (responder, initiator, "the responder", false),
        ] {
            self.examineTables(of: host, name)
            self.examineWishes(of: host, name, begins: begins)
            self.examineKernel(of: host, other, name)
        }
        let spis = [initiator, responder].map { host in
            host.engine.snapshots.map { [$0.initiatorSPI, $0.responderSPI] }
        }
        if spis[0] != spis[1] { self.faults.append("the IKE_SAs of both sides are not the same") }
    }

    private mutating func expect(_ isTrue: Bool, _ fault: @autoclosure () -> String) {
        if !isTrue { self.faults.append(fault()) }
    }

    /// Stale entries of a queue are cleared when there are more than 64 beside the true ones.
    private static let deadlines = 2 * 70

    private mutating func examineTables(of host: EngineHost, _ name: String) {
        let sizes = host.engine.tableSizes
        self.expect(sizes.ikeSAs == 1, "\(name) has \(sizes.ikeSAs) IKE_SAs")
        self.expect(sizes.halfOpenIKESAs == 0, "\(name) has half-open IKE_SAs")
        self.expect(sizes.initiations == 0, "\(name) has attempts under way")
        self.expect(sizes.successors == 0, "\(name) waits for new keys")
        self.expect(sizes.reauthentications == 0, "\(name) has \(sizes.reauthentications) reauthentications")
        self.expect(sizes.children == 1, "\(name) finds \(sizes.children) CHILD_SAs by their SPIs")
        self.expect(sizes.reqids == 1, "\(name) has \(sizes.reqids) reqids in use")
        self.expect(sizes.keyAgreements == 0, "\(name) waits for \(sizes.keyAgreements) key exchanges")
        self.expect(sizes.heirs == 0, "\(name) has \(sizes.heirs) CHILD_SAs that wait with sending")
        self.expect(sizes.pathSearches == 0, "\(name) looks for \(sizes.pathSearches) ways to peers")
        self.expect(sizes.notes == 0, "\(name)'s IKE_SA has \(sizes.notes) notes")
        self.expect(sizes.awaitedReplies == 0, "\(name) waits for \(sizes.awaitedReplies) replies")
        self.expect(sizes.deadlines <= Self.deadlines, "\(name) has \(sizes.deadlines) deadlines")
        let children = host.engine.snapshots.flatMap(\.children)
        let states = children.map(\.state).joined(separator: ", ")
        self.expect(states == "installed", "\(name) has CHILD_SAs that are: \(states)")
    }

    /// Who begins has one connection that is to stand, and a trap for it.
    private mutating func examineWishes(of host: EngineHost, _ name: String, begins: Bool) {
        let sizes = host.engine.tableSizes
        let count = begins ? 1 : 0
        self.expect(
            sizes.kept == count && sizes.keptNames == count,
            "\(name) keeps \(sizes.kept) connections, found by \(sizes.keptNames) names")
        self.expect(
            sizes.traps == count && host.kernel.traps.count == count,
            "\(name) has \(sizes.traps) traps, and its kernel \(host.kernel.traps.count)")
    }

    private mutating func examineKernel(of host: EngineHost, _ other: EngineHost, _ name: String) {
        let kernel = host.kernel
        self.expect(
            kernel.inbound.count == 1 && kernel.outbound.count == 1 && kernel.policies.count == 1
                && kernel.reserved.isEmpty,
            "\(name)'s kernel has \(kernel.inbound.count) inbound and \(kernel.outbound.count) outbound states, "
                + "\(kernel.policies.count) policies, \(kernel.reserved.count) SPIs")
        for (spi, state) in kernel.inbound {
            let sending = other.kernel.outbound.first { $0.key.spi == spi }?.value
            let isShared = sending.map { $0.keys.encryption.isEqual(to: state.keys.encryption) } ?? false
            self.expect(isShared, "\(name)'s CHILD_SA is not the other side's")
        }
        for violation in kernel.violations { self.faults.append("\(name)'s kernel: \(violation)") }
    }
}
