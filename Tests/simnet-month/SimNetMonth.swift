import ArgumentParser
import IPsecModel
import SimNet

/// Simulated months of two gateways, with a NAT that reboots daily, a gateway that restarts weekly, and loss.
@main struct SimNetMonth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simnet-month",
        abstract: "Simulates months of two gateways with lossy lines, NATs that reboot and restarts.")

    @Option(help: "How many seeds.") var seeds: UInt64 = 100
    @Option(help: "The first of them.") var first: UInt64 = 1
    @Option(help: "How many days each takes.") var days = 30
    @Option(help: "How many run at once.") var jobs = 2
    @Option(help: "How many seconds all of it may take: longer is a fault. 0 for any time.") var within = 0
    @Flag(
        help:
            "End a month at its first fault, if there is one, and write its last packets with keys for Wireshark."
    )
    var capture = false

    func validate() throws {
        guard self.seeds > 0, self.days > 0, self.jobs > 0, self.first <= UInt64.max - self.seeds else {
            throw ValidationError("seeds, days and jobs begin at 1")
        }
    }

    func run() async throws {
        let clock = ContinuousClock()
        let begun = clock.now
        let reports = await self.reports()
        let faults = reports.flatMap(\.findings) + Self.tardiness(reports, days: self.days)
        for fault in faults { print(fault) }
        Self.summarise(reports)
        let seconds = begun.duration(to: clock.now).wholeSeconds
        print("\(reports.count) × \(self.days) days in \(seconds) s")
        if self.within > 0, seconds > self.within {
            print("that is more than the \(self.within) s that it may take")
            throw ExitCode.failure
        }
        if !faults.isEmpty { throw ExitCode.failure }
    }

    /// The reports of all seeds, in their order.
    private func reports() async -> [MonthReport] {
        await withTaskGroup(of: MonthReport.self) { group in
            var reports: [MonthReport] = []
            for index in 0..<self.seeds {
                if index >= UInt64(self.jobs), let report = await group.next() { reports.append(report) }
                let plan = MonthPlan(seed: self.first + index, days: self.days)
                group.addTask { [capture] in Self.month(plan, capture: capture) }
            }
            for await report in group { reports.append(report) }
            return reports.sorted { $0.seed < $1.seed }
        }
    }

    private static func month(_ plan: MonthPlan, capture: Bool) -> MonthReport {
        guard capture else { return Month(plan).run() }
        let recorder = FlightRecorder()
        return FlightRecorder.$current.withValue(recorder) {
            let report = Month(plan).run(stopsAtFinding: true)
            if let place = recorder.report() { print(place) }
            return report
        }
    }

    /// Kinds of outages that took longer than they usually may more often than once in ten times.
    private static func tardiness(_ reports: [MonthReport], days: Int) -> [String] {
        Disturbance.allCases.compactMap { cause in
            var late = 0
            var all = 0
            for report in reports {
                let usual = MonthPlan(seed: report.seed, days: days).usualBound(after: cause)
                let spans = report.outages[cause] ?? []
                all += spans.count
                late += spans.count { $0 > usual }
            }
            // A few of few say nothing.
            return late > 2 && late * 10 > all
                ? "\(late) of \(all) outages of the kind \(cause) were long" : nil
        }
    }

    private static func summarise(_ reports: [MonthReport]) {
        print("until traffic flowed again, in seconds: how often, half within, nine of ten within, at most")
        for cause in Disturbance.allCases {
            let spans = reports.flatMap { $0.outages[cause] ?? [] }.sorted()
            guard let longest = spans.last else { continue }
            let parts = [spans[spans.count / 2], spans[spans.count * 9 / 10], longest].map(\.wholeSeconds)
            print("  \(cause): \(spans.count), \(parts[0]), \(parts[1]), \(parts[2])")
        }
        func sum(_ count: (MonthReport) -> Int) -> Int { reports.map(count).reduce(0, +) }
        print(
            "rekeyed: \(sum(\.rekeyedChildren) / 2) CHILD_SAs, \(sum(\.rekeyedIKESAs) / 2) IKE_SAs;",
            "given up: \(sum(\.deadPeers)) peers; followed: \(sum(\.pathChanges)) changes of the path;",
            "looked at: \(sum(\.settlements)) times; \(reports.map(\.packets).reduce(0, +)) packets")
    }
}
