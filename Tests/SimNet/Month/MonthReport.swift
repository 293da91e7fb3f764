internal import IKECore
internal import IPsecModel

/// What came of a long run.
package struct MonthReport: Sendable {
    /// Its seed.
    package let seed: UInt64
    /// What must not be: text, and when.
    package private(set) var findings: [String] = []
    /// True if nothing more can be learnt.
    package internal(set) var isHopeless = false
    /// How long traffic stood still, by cause.
    package private(set) var outages: [Disturbance: [Duration]] = [:]
    /// Packets on the open network.
    package internal(set) var packets: UInt64 = 0
    /// How often both sides had exactly one of everything.
    package internal(set) var settlements = 0
    /// CHILD_SAs and IKE_SAs that took over from older ones, at both sides.
    package private(set) var rekeyedChildren = 0
    package private(set) var rekeyedIKESAs = 0
    /// IKE_SAs that ended because the peer did not answer.
    package private(set) var deadPeers = 0
    /// Changes of the path.
    package private(set) var pathChanges = 0

    private static let limit = 20

    init(seed: UInt64) { self.seed = seed }

    mutating func add(_ text: String, at now: Instant) {
        guard self.findings.count < Self.limit else { return }
        let seconds = now.nanoseconds / 1_000_000_000 - 1_000
        self.findings.append(
            "seed \(self.seed), day \(seconds / 86_400) \(seconds % 86_400) s: \(text)")
    }

    /// What should have happened all the time, and did not: a month in which nothing happens shows nothing.
    mutating func expectEvents(of plan: MonthPlan, at now: Instant) {
        let hours = plan.days * 24
        for (count, least, text) in [
            // Both sides count each.
            (self.rekeyedChildren, 2 * hours, "CHILD_SAs were rekeyed"),
            (self.rekeyedIKESAs, 2 * hours / 4, "IKE_SAs were rekeyed"),
            (self.pathChanges, plan.days, "changes of the path were followed"),
            (self.settlements, hours, "times the tables were found as they should be"),
        ] where count * 10 < least * 9 {
            self.add("only \(count) \(text), of \(least)", at: now)
        }
    }

    mutating func note(_ cause: Disturbance, _ span: Duration) {
        self.outages[cause, default: []].append(span)
    }

    mutating func count(_ event: IKEEvent) {
        switch event {
        case .childSAInstalled(_, _, _, let replacing): if replacing != nil { self.rekeyedChildren += 1 }
        case .ikeSARekeyed: self.rekeyedIKESAs += 1
        case .ikeSAEnded(_, .peerDead): self.deadPeers += 1
        case .pathChanged: self.pathChanges += 1
        default: break
        }
    }
}
