package import IPsecModel

/// What happens to packets on the way.
package struct LinkConditions: Hashable, Sendable {
    /// How long a packet takes at least.
    package var delay: Duration = .milliseconds(5)
    /// By how much more it may take, by chance; more than the gap between packets reorders them.
    package var jitter: Duration = .zero
    /// The part of packets that is lost.
    package var loss = 0.0
    /// The part of packets that comes twice.
    package var duplication = 0.0

    /// A link that loses nothing and keeps the order.
    package init() {}

    /// A bad line: a fifth lost, a tenth doubled, order by chance.
    package static let bad: LinkConditions = {
        var conditions = LinkConditions()
        conditions.jitter = .milliseconds(400)
        conditions.loss = 0.2
        conditions.duplication = 0.1
        return conditions
    }()
}

/// What a test wants to happen to one packet, in place of chance.
package enum Fate: Hashable, Sendable {
    case deliver
    case lose
    case duplicate
    case delay(Duration)
    /// These bytes arrive instead, from the same sender.
    case replace([UInt8])
}

/// Hosts, NATs and the wires between them, under a clock that jumps to whatever comes next.
///
/// There is one network that all hosts reach; a host may be behind one NAT or several.
package final class SimNet {
    private enum Action {
        case deliver(Datagram)
        case call((SimNet) -> Void)
    }

    private struct Attachment {
        var host: any SimHost
        /// From the host outwards.
        let nats: [SimNAT]
    }

    /// The time.
    package private(set) var now: Instant
    /// The seed of everything that chance does.
    package let seed: UInt64
    /// What happens to packets on the way.
    package var conditions = LinkConditions()
    /// Decides about a packet as it leaves its sender, before conditions do.
    package var fate: (Datagram) -> Fate = { _ in .deliver }
    /// Every packet on the open network, with the time when it was sent, if `keepsPackets`.
    package private(set) var sent: [(at: Instant, datagram: Datagram)] = []
    /// False for long runs, which must not collect.
    package var keepsPackets = true
    /// How many packets there were on the open network.
    package private(set) var packetCount: UInt64 = 0

    private var random: SeededRandom
    private var agenda = Agenda<Action>()
    private var attachments: [Attachment] = []

    /// An empty network.
    package init(seed: UInt64 = 1, start: Instant = Instant(nanoseconds: 1_000_000_000_000)) {
        self.seed = seed
        self.random = SeededRandom(seed: seed)
        self.now = start
        FlightRecorder.current?.begin(seed: seed)
    }

    /// Connects a host, behind `nats` from the innermost outwards.
    package func attach(_ host: any SimHost, behind nats: [SimNAT] = []) {
        self.attachments.append(Attachment(host: host, nats: nats))
    }

    /// Another host has the place of `old`, behind the same NATs: the machine has started anew.
    package func replace(_ old: any SimHost, with new: any SimHost) {
        for index in self.attachments.indices where self.attachments[index].host === old {
            self.attachments[index].host = new
        }
    }

    /// A host sends a packet.
    package func send(_ datagram: Datagram, from host: any SimHost) {
        var datagram = datagram
        for nat in self.attachments.first(where: { $0.host === host })?.nats ?? [] {
            guard let translated = nat.outbound(datagram, now: self.now) else { return }
            datagram = translated
        }
        self.inject(datagram)
    }

    /// Puts a packet on the open network, whoever it claims to be from.
    package func inject(_ datagram: Datagram) {
        self.packetCount += 1
        if self.keepsPackets { self.sent.append((self.now, datagram)) }
        FlightRecorder.current?.add(datagram, at: self.now)
        switch self.fate(datagram) {
        case .lose: return
        case .deliver: self.carry(datagram, after: .zero)
        case .delay(let span): self.carry(datagram, after: span)
        case .replace(let bytes):
            self.carry(
                Datagram(
                    source: datagram.source, destination: datagram.destination, kind: datagram.kind,
                    bytes: bytes), after: .zero)
        case .duplicate:
            self.carry(datagram, after: .zero)
            self.carry(datagram, after: .milliseconds(1))
        }
    }

    private func carry(_ datagram: Datagram, after span: Duration) {
        guard !self.random.chance(self.conditions.loss) else { return }
        let copies = self.random.chance(self.conditions.duplication) ? 2 : 1
        for _ in 0..<copies {
            let jitter = self.random.span(below: self.conditions.jitter)
            self.schedule(after: self.conditions.delay + span + jitter, .deliver(datagram))
        }
    }

    /// Calls `action` after `span`.
    package func after(_ span: Duration, _ action: @escaping (SimNet) -> Void) {
        self.schedule(after: span, .call(action))
    }

    private func schedule(after span: Duration, _ action: Action) {
        self.agenda.add(action, at: self.now.advanced(by: span))
    }

    // MARK: Time

    /// The next moment at which anything happens.
    package var nextMoment: Instant? {
        var moment = self.agenda.earliest
        for attachment in self.attachments {
            guard let deadline = attachment.host.nextDeadline else { continue }
            moment = moment.map { min($0, deadline) } ?? deadline
        }
        return moment
    }

    /// Lets everything happen that is due within `span`; afterwards it is that much later.
    package func run(for span: Duration) {
        let end = self.now.advanced(by: span)
        while !self.isStuck, let next = self.nextMoment, next <= end { self.step(to: next) }
        self.now = max(self.now, end)
    }

    /// Lets things happen until `condition` is true, at most for `span`; false if it never was.
    @discardableResult
    package func run(upTo span: Duration = .seconds(600), until condition: () -> Bool) -> Bool {
        let end = self.now.advanced(by: span)
        while !condition() {
            guard !self.isStuck, let next = self.nextMoment, next <= end else { return false }
            self.step(to: next)
        }
        return true
    }

    private func step(to moment: Instant) {
        self.now = max(self.now, moment)
        if let action = self.agenda.popDue(now: self.now) {
            self.perform(action)
            return
        }
        for attachment in self.attachments {
            guard let deadline = attachment.host.nextDeadline, deadline <= self.now else { continue }
            attachment.host.deadlineReached(on: self)
            // A host that wants to be called again at once would stop the clock for ever.
            if let again = attachment.host.nextDeadline, again <= self.now {
                attachment.host.deadlineReached(on: self)
                let next = attachment.host.nextDeadline
                if let next, next <= self.now { self.stuck(attachment.host, next) }
            }
        }
    }

    /// Hosts whose deadline stays in the past; a test should find none.
    package private(set) var stuckHosts: [String] = []

    /// True if nothing will come of running on.
    private var isStuck: Bool { self.stuckHosts.count >= 10 }

    private func stuck(_ host: any SimHost, _ deadline: Instant) {
        self.stuckHosts.append("\(type(of: host)) wants to be called at \(deadline) again and again")
        self.now = self.now.advanced(by: .milliseconds(1))
    }

    private func perform(_ action: Action) {
        switch action {
        case .call(let body): body(self)
        case .deliver(let datagram):
            for attachment in self.attachments {
                guard let translated = self.arrive(datagram, at: attachment) else { continue }
                attachment.host.receive(translated, on: self)
                return
            }
        }
    }

    private func arrive(_ datagram: Datagram, at attachment: Attachment) -> Datagram? {
        var datagram = datagram
        for nat in attachment.nats.reversed() {
            guard let translated = nat.inbound(datagram, now: self.now) else { return nil }
            datagram = translated
        }
        return attachment.host.addresses.contains(datagram.destination.address) ? datagram : nil
    }
}
