package import IKECore
internal import IPsecModel

/// A simulated month of two gateways, of which the initiator is behind a NAT and the responder may be behind one too.
///
/// Every day the initiator's NAT reboots, every week one of the gateways does, alternately, and all the time packets are
/// lost. Somebody asks through the tunnel, and what he sees is judged.
package final class Month {
    let plan: MonthPlan
    let net: SimNet
    private(set) var initiator: EngineHost
    private(set) var responder: EngineHost
    private let nat: SimNAT
    private var random: SeededRandom
    private var restarts: UInt64 = 0
    /// Nil while a gateway is away.
    private var absent: EngineHost?
    private var traffic: TrafficWatch
    private var settlesBy: Instant?
    /// What came of it.
    package private(set) var report: MonthReport

    /// The month of `plan`.
    package init(_ plan: MonthPlan) {
        self.plan = plan
        self.net = SimNet(seed: plan.seed)
        self.net.keepsPackets = false
        self.net.conditions.loss = plan.loss
        self.net.conditions.delay = .milliseconds(20)
        self.net.conditions.jitter = .milliseconds(30)
        self.random = SeededRandom(seed: plan.seed &* 977 &+ 13)
        self.nat = SimNAT(
            outerAddress: .v4(IPv4Address(198, 51, 100, 1)), timeout: plan.mappingTimeout)
        self.initiator = Self.makeHost(plan, isInitiator: true, incarnation: 0)
        self.responder = Self.makeHost(plan, isInitiator: false, incarnation: 0)
        self.traffic = TrafficWatch(plan)
        self.report = MonthReport(seed: plan.seed)
        self.net.attach(self.initiator, behind: [self.nat])
        self.net.attach(self.responder, behind: plan.hidesResponder ? [Self.forwardingNAT()] : [])
        self.initiator.observer = self
        self.responder.observer = self
    }

    private static func makeHost(_ plan: MonthPlan, isInitiator: Bool, incarnation: UInt64) -> EngineHost {
        let address =
            isInitiator
            ? MonthPlan.initiatorAddress
            : plan.hidesResponder ? MonthPlan.responderAddress : MonthPlan.publicAddress
        return EngineHost(
            addresses: [address], configuration: plan.configuration(isInitiator: isInitiator),
            seed: plan.seed &* 1_000 &+ incarnation * 2 &+ (isInitiator ? 1 : 2))
    }

    private static func forwardingNAT() -> SimNAT {
        let nat = SimNAT(outerAddress: MonthPlan.publicAddress)
        for port in [IKEPort.ike, IKEPort.natTraversal] {
            nat.forward(port, to: Endpoint(MonthPlan.responderAddress, port))
        }
        return nat
    }

    /// Runs it to its end, or until something is so wrong that nothing more can be learnt; with `stopsAtFinding` until
    /// anything is wrong, for a look at the last packets.
    package func run(stopsAtFinding: Bool = false) -> MonthReport {
        self.initiator.feed(.started, on: self.net)
        self.responder.feed(.started, on: self.net)
        self.traffic.begin(.start, now: self.net.now)
        self.ask()
        for day in 0..<self.plan.days { self.scheduleDay(day) }
        for hour in 1..<(self.plan.days * 24) {
            self.net.after(.seconds(hour * 3_600)) { [unowned self] _ in self.checkSoon() }
        }
        var hasEnded = false
        self.net.after(.seconds(self.plan.days * 86_400)) { _ in hasEnded = true }
        self.net.run(upTo: .seconds(self.plan.days * 86_400 + 1)) {
            hasEnded || self.report.isHopeless || (stopsAtFinding && !self.report.findings.isEmpty)
        }
        self.report.packets = self.net.packetCount
        if hasEnded { self.report.expectEvents(of: self.plan, at: self.net.now) }
        for stuck in self.net.stuckHosts { self.find(stuck) }
        return self.report
    }

    func find(_ text: String) { self.report.add(text, at: self.net.now) }

    // MARK: Disturbances

    private func scheduleDay(_ day: Int) {
        let midnight = Duration.seconds(day * 86_400)
        let reboot = midnight + .seconds(900) + self.random.span(below: .seconds(84_000))
        self.net.after(reboot) { [unowned self] _ in self.rebootNAT() }
        guard (day + 1).isMultiple(of: self.plan.restartInterval) else { return }
        let restart = midnight + .seconds(900) + self.random.span(below: .seconds(84_000))
        let isInitiator = (day / self.plan.restartInterval).isMultiple(of: 2)
        self.net.after(restart) { [unowned self] _ in self.stop(isInitiator: isInitiator) }
    }

    private func rebootNAT() {
        if self.plan.changesAddress {
            let last = UInt8(truncatingIfNeeded: 2 + self.random.next() % 200)
            self.nat.changeAddress(to: .v4(IPv4Address(198, 51, 100, last)))
        } else {
            self.nat.reboot()
        }
        self.disturb(.natReboot)
    }

    /// A gateway is gone without a word, and comes back without memory.
    private func stop(isInitiator: Bool) {
        let old = isInitiator ? self.initiator : self.responder
        self.absent = old
        old.observer = nil
        let empty = AbsentHost(addresses: old.addresses)
        self.net.replace(old, with: empty)
        let away = self.random.span(below: MonthPlan.longestRestart)
        self.net.after(away) { [unowned self] _ in self.restart(isInitiator: isInitiator, empty) }
    }

    private func restart(isInitiator: Bool, _ empty: AbsentHost) {
        self.restarts += 1
        self.absent = nil
        let host = Self.makeHost(self.plan, isInitiator: isInitiator, incarnation: self.restarts)
        if isInitiator { self.initiator = host } else { self.responder = host }
        host.observer = self
        self.net.replace(empty, with: host)
        self.disturb(isInitiator ? .initiatorRestart : .responderRestart)
        host.feed(.started, on: self.net)
    }

    private func disturb(_ disturbance: Disturbance) {
        self.settlesBy = nil
        if self.traffic.begin(disturbance, now: self.net.now) { self.ask() }
    }

    // MARK: Traffic

    /// Asks through the tunnel, and looks later whether an answer came.
    private func ask() {
        let number = self.traffic.nextNumber()
        let round = self.traffic.round
        let asker = self.plan.asksFromResponder ? self.responder : self.initiator
        let askedAt = self.net.now
        if asker !== self.absent, let reqid = asker.kernel.policies.keys.first {
            asker.say("ping \(number)", reqid: reqid, on: self.net)
        }
        self.net.after(MonthPlan.answerPatience) { [unowned self] _ in
            guard round == self.traffic.round else { return }
            self.judge(number, askedAt)
        }
    }

    private func judge(_ number: UInt64, _ askedAt: Instant) {
        let hasAnswer = self.traffic.lastAnswer == number
        if hasAnswer {
            if let outage = self.traffic.end(now: self.net.now) { self.note(outage) }
        } else if self.absent == nil {
            self.traffic.miss(askedAt: askedAt)
        }
        if let outage = self.traffic.outage,
            self.net.now.since(outage.since) > self.plan.bound(after: outage.cause) * 4
        {
            self.find("traffic stands still since a disturbance of the kind \(outage.cause)")
            self.report.isHopeless = true
        }
        let interval = hasAnswer ? MonthPlan.calmInterval : MonthPlan.eagerInterval
        let round = self.traffic.round
        self.net.after(interval - MonthPlan.answerPatience) { [unowned self] _ in
            guard round == self.traffic.round else { return }
            self.ask()
        }
    }

    private func note(_ outage: TrafficWatch.Outage) {
        let span = self.net.now.since(outage.since)
        self.report.note(outage.cause, span)
        if span > self.plan.bound(after: outage.cause) {
            self.find("\(span) until traffic flowed again after \(outage.cause)")
        }
        self.checkSoon()
    }

    // MARK: What stands

    /// Within the settling time there must be exactly one of everything.
    private func checkSoon() {
        guard self.settlesBy == nil else { return }
        self.settlesBy = self.net.now.advanced(by: self.plan.settling)
        self.check()
    }

    private func check() {
        guard let settlesBy = self.settlesBy, self.absent == nil else { return }
        let excess = Settlement(self.initiator, self.responder).faults
        guard !excess.isEmpty else {
            self.settlesBy = nil
            self.report.settlements += 1
            return
        }
        guard self.net.now < settlesBy else {
            self.settlesBy = nil
            // Traffic that stands still is judged as such.
            if self.traffic.outage == nil { for fault in excess { self.find(fault) } }
            return
        }
        self.net.after(.seconds(5)) { [unowned self] _ in self.check() }
    }
}

extension Month: HostObserver {
    package func noted(_ event: IKEEvent, by host: EngineHost) {
        self.report.count(event)
        if case .defect(_, let text) = event { self.find("a defect: \(text)") }
    }

    package func heard(_ text: String, by host: EngineHost) {
        guard text.hasPrefix("pong "), let number = UInt64(text.dropFirst(5)) else { return }
        self.traffic.lastAnswer = number
    }
}

/// A machine that is switched off.
private final class AbsentHost: SimHost {
    let addresses: [IPAddress]
    var nextDeadline: Instant? { nil }

    init(addresses: [IPAddress]) { self.addresses = addresses }

    func receive(_ datagram: Datagram, on net: SimNet) {}
    func deadlineReached(on net: SimNet) {}
}
