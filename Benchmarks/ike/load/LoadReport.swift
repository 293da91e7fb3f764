internal import ArgumentParser
internal import Glibc
internal import IPsecModel
internal import LinuxIO

/// Measures steps of a run, and prints a line of `key=value` pairs for each.
final class LoadReport {
    /// What is counted over the whole run.
    struct Counts {
        var sent = 0
        var received = 0
        var keepalivesSent = 0
        var keepalivesReceived = 0
        var socketErrors = 0
    }

    /// The state of things at one moment.
    private struct Mark {
        let at: Instant
        let setUps: Int
        let processorSeconds: Double?
        let ownProcessorSeconds: Double?
        let counts: Counts
    }

    private let process: MeasuredProcess?
    private let ourselves = MeasuredProcess(getpid())
    private var counts = Counts()
    private var latencies: [Duration] = []
    private var start: Mark?
    private var step: Mark?

    /// A report that also tells of the process `pid`.
    init(pid: Int32?) throws {
        self.process = pid.flatMap { MeasuredProcess($0) }
        if pid != nil, self.process == nil { throw ValidationError("there is no process \(pid ?? 0)") }
    }

    func count(_ key: WritableKeyPath<Counts, Int>) { self.counts[keyPath: key] += 1 }

    /// A set-up took this long.
    func add(latency: Duration) { self.latencies.append(latency) }

    func begin(now: Instant) {
        self.start = self.mark(now)
        self.print("start", self.memory)
    }

    func beginStep(now: Instant) { self.step = self.mark(now) }

    func endStep(standing: Int, now: Instant) {
        guard let step = self.step else { return }
        self.print("step", ["standing=\(standing)"] + self.speed(since: step, now) + self.memory)
    }

    /// All that was to be set up is, or has failed for one of these reasons.
    func end(standing: Int, faults: [String: Int], now: Instant) {
        guard let start = self.start else { return }
        for (reason, count) in faults { StandardError.write("ike-load: \(count) failed: \(reason)\n") }
        let failed = faults.values.reduce(0, +)
        let sorted = self.latencies.sorted()
        let percentiles = [50, 90, 99, 100].compactMap { percent -> String? in
            guard !sorted.isEmpty else { return nil }
            let span = sorted[min(sorted.count * percent / 100, sorted.count - 1)]
            return "latency_ms_p\(percent)=\(Self.text(Double(span.wholeNanoseconds) / 1e6))"
        }
        self.print(
            "all",
            ["standing=\(standing)", "failed=\(failed)"] + self.speed(since: start, now) + percentiles
                + self.memory)
    }

    func beginHold(standing: Int, now: Instant) {
        self.step = self.mark(now)
        self.print("hold", ["standing=\(standing)"] + self.memory)
    }

    func endHold(standing: Int, now: Instant) {
        guard let step = self.step else { return }
        let seconds = Self.seconds(now.since(step.at))
        var pairs = ["standing=\(standing)", "seconds=\(Self.text(seconds))"]
        if let used = self.used(since: step) {
            pairs.append("responder_cpu_percent=\(Self.text(used / seconds * 100))")
        }
        pairs.append("messages_received=\(self.counts.received - step.counts.received)")
        pairs.append("messages_sent=\(self.counts.sent - step.counts.sent)")
        pairs.append("keepalives_sent=\(self.counts.keepalivesSent - step.counts.keepalivesSent)")
        let keepalives = self.counts.keepalivesReceived - step.counts.keepalivesReceived
        pairs.append("keepalives_received=\(keepalives)")
        pairs.append("socket_errors=\(self.counts.socketErrors)")
        self.print("held", pairs + self.memory)
    }

    private func mark(_ now: Instant) -> Mark {
        Mark(
            at: now, setUps: self.latencies.count, processorSeconds: self.process?.processorSeconds,
            ownProcessorSeconds: self.ourselves?.processorSeconds, counts: self.counts)
    }

    private func speed(since mark: Mark, _ now: Instant) -> [String] {
        let setUps = self.latencies.count - mark.setUps
        let seconds = Self.seconds(now.since(mark.at))
        var pairs = [
            "set_ups=\(setUps)", "seconds=\(Self.text(seconds))",
            "set_ups_per_second=\(Self.text(Double(setUps) / seconds))",
        ]
        if let used = self.used(since: mark), setUps > 0 {
            pairs.append("responder_cpu_ms=\(Self.text(used / Double(setUps) * 1_000))")
            pairs.append("responder_cores=\(Self.text(used / seconds))")
        }
        if let before = mark.ownProcessorSeconds, let after = self.ourselves?.processorSeconds {
            pairs.append("own_cores=\(Self.text((after - before) / seconds))")
        }
        return pairs
    }

    private func used(since mark: Mark) -> Double? {
        guard let before = mark.processorSeconds, let after = self.process?.processorSeconds else {
            return nil
        }
        return after - before
    }

    private var memory: [String] { self.process?.residentBytes.map { ["responder_rss=\($0)"] } ?? [] }

    private func print(_ what: String, _ pairs: [String]) {
        StandardOutput.write(line: ([what] + pairs).joined(separator: " "))
    }

    private static func seconds(_ span: Duration) -> Double { Double(span.wholeNanoseconds) / 1e9 }

    /// Five digits after the point, without Foundation.
    private static func text(_ number: Double) -> String {
        let scaled = (number * 100_000).rounded() / 100_000
        return "\(scaled)"
    }
}
