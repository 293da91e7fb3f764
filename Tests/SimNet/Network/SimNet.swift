package import IPsecModel

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
/// There is one open network. Each NAT has a network inside, with the hosts, and the outer sides of NATs, that are behind
/// it; a packet goes outwards only as far as it must to find its destination.
package final class SimNet {
    private enum Action {
        /// To the host in this network, or further inwards, that takes it.
        case deliver(Datagram, inside: [SimNAT])
        case call((SimNet) -> Void)
    }

    private struct Attachment {
        var host: any SimHost
        /// From the host outwards: these tell which network it is in.
        let nats: [SimNAT]

        /// The NATs between the network inside of `nats` and the host; nil if the host is not within that.
        func nats(within nats: [SimNAT]) -> ArraySlice<SimNAT>? {
            guard self.nats.count >= nats.count,
                zip(self.nats.suffix(nats.count), nats).allSatisfy({ $0 === $1 })
            else { return nil }
            return self.nats.dropLast(nats.count)
        }
    }

    /// The time.
    package private(set) var now: Instant
    /// The seed of everything that chance does.
    package let seed: UInt64
    /// What happens to packets on the way.
    package var conditions = LinkConditions()
    /// Decides about a packet as it leaves its sender, before conditions do.
    package var fate: (Datagram) -> Fate = { _ in .deliver }
    /// Every packet on any of the networks, as it is there, with the time when it was sent, if `keepsPackets`.
    package private(set) var sent: [(at: Instant, datagram: Datagram)] = []
    /// False for long runs, which must not collect.
    package var keepsPackets = true
    /// How many packets there were.
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

    /// A host is behind other NATs from now on, or behind none.
    package func move(_ host: any SimHost, behind nats: [SimNAT]) {
        self.attachments = self.attachments.map { $0.host === host ? Attachment(host: host, nats: nats) : $0 }
    }

    /// A host sends a packet.
    package func send(_ datagram: Datagram, from host: any SimHost) {
        var datagram = datagram
        var network = self.attachments.first { $0.host === host }?.nats ?? []
        while let nat = network.first, !self.has(datagram.destination.address, inside: network) {
            guard let translated = nat.outbound(datagram, now: self.now) else { return }
            datagram = translated
            network.removeFirst()
            guard datagram.destination.address == nat.outerAddress else { continue }
            if nat.hairpins { break }
            return
        }
        self.inject(datagram, inside: network)
    }

    /// True if a host, or the outer side of a NAT, in the network inside of `nats` has this address.
    private func has(_ address: IPAddress, inside nats: [SimNAT]) -> Bool {
        self.attachments.contains { attachment in
            guard let between = attachment.nats(within: nats) else { return false }
            return between.last.map { $0.outerAddress == address }
                ?? attachment.host.addresses.contains(address)
        }
    }

    /// Puts a packet on the open network, or on the one inside of `nats`, whoever it claims to be from.
    package func inject(_ datagram: Datagram, inside nats: [SimNAT] = []) {
        self.packetCount += 1
        if self.keepsPackets { self.sent.append((self.now, datagram)) }
        FlightRecorder.current?.add(datagram, at: self.now)
        switch self.fate(datagram) {
        case .lose: return
        case .deliver: self.carry(datagram, inside: nats, after: .zero)
        case .delay(let span): self.carry(datagram, inside: nats, after: span)
        case .replace(let bytes):
            var replaced = datagram
            replaced.bytes = bytes
            self.carry(replaced, inside: nats, after: .zero)
        case .duplicate:
            self.carry(datagram, inside: nats, after: .zero)
            self.carry(datagram, inside: nats, after: .milliseconds(1))
        }
    }

    private func carry(_ datagram: Datagram, inside nats: [SimNAT], after span: Duration) {
        guard let pieces = self.conditions.pieces(of: datagram) else { return }
        for _ in 0..<pieces where self.random.chance(self.conditions.loss) { return }
        let copies = self.random.chance(self.conditions.duplication) ? 2 : 1
        for _ in 0..<copies {
            let jitter = self.random.span(below: self.conditions.jitter)
            self.schedule(after: self.conditions.delay + span + jitter, .deliver(datagram, inside: nats))
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
        case .deliver(let datagram, let nats):
            for attachment in self.attachments {
                guard let between = attachment.nats(within: nats),
                    let translated = self.arrive(datagram, at: attachment.host, through: between)
                else { continue }
                attachment.host.receive(translated, on: self)
                return
            }
        }
    }

    private func arrive(
        _ datagram: Datagram, at host: any SimHost, through nats: ArraySlice<SimNAT>
    ) -> Datagram? {
        var datagram = datagram
        for nat in nats.reversed() {
            guard let translated = nat.inbound(datagram, now: self.now) else { return nil }
            datagram = translated
        }
        return host.addresses.contains(datagram.destination.address) ? datagram : nil
    }
}
