import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Dead peers and living ones (RFC 7296 §2.4).
@Suite(.networkCapture) struct LivenessTests {
    private func watched() throws -> Bench {
        let bench = Bench { $0.connections[0].livenessDelay = .seconds(30) }
        try bench.connect()
        return bench
    }

    @Test func `a silent peer is asked after the delay, and its answer is enough`() throws {
        let bench = try self.watched()
        bench.net.run(for: .seconds(29))
        #expect(bench.peer.heardRequests.isEmpty)
        bench.net.run(for: .seconds(2))
        #expect(bench.peer.heardRequests.count == 1)
        #expect(bench.peer.heardRequests.first?.payloads == [])
        bench.net.run(for: .seconds(300))
        #expect(bench.peer.heardRequests.count == 11 || bench.peer.heardRequests.count == 10)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a peer that talks is not asked`() throws {
        let bench = try self.watched()
        for _ in 0..<20 {
            bench.net.run(for: .seconds(20))
            try bench.finish(bench.peer.probe())
        }
        #expect(bench.peer.heardRequests.isEmpty)
        bench.expectSound()
    }

    @Test func `a peer that never answers is dead after the last retransmission, with its CHILD_SAs`() throws
    {
        let bench = try self.watched()
        let start = try #require(bench.snapshot).lastHeard
        bench.peer.settings.answersRequests = false
        bench.net.run(for: .seconds(600))
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        let ends = bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.peerDead])
        // 4 s × 1.8ⁿ: five retransmissions, each of the same octets.
        let probes = bench.net.sent.filter {
            $0.at > start.advanced(by: .seconds(20)) && $0.datagram.source.address == Addresses.gateway
        }
        #expect(probes.count == 6)
        #expect(Set(probes.map(\.datagram.bytes)).count == 1)
        let waits = zip(probes, probes.dropFirst()).map { $1.at.since($0.at).wholeNanoseconds }.map {
            ($0 + 50_000) / 100_000
        }
        #expect(waits == [40_000, 72_000, 129_600, 233_280, 419_904])
        bench.expectSound()
    }

    /// The reasons for which IKE_SAs ended.
    private func ends(_ bench: Bench) -> [EndReason] {
        bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
    }

    /// An answer that holds one payload of a type that nobody knows.
    private func unknownPayload(isCritical: Bool) -> [Payload] {
        [.unknown(RawPayload(type: PayloadType(rawValue: 200), isCritical: isCritical, body: [1]))]
    }

    @Test func `answers with an unknown critical payload are rejected, so the peer is dead in the end`()
        throws
    {
        let bench = try self.watched()
        bench.peer.settings.fixedAnswer = self.unknownPayload(isCritical: true)
        bench.net.run(for: .seconds(600))
        #expect(self.ends(bench) == [.peerDead])
        bench.expectSound()
    }

    @Test func `an answer with an unknown payload that is not critical is as good as any`() throws {
        let bench = try self.watched()
        bench.peer.settings.fixedAnswer = self.unknownPayload(isCritical: false)
        bench.net.run(for: .seconds(600))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `INVALID_SYNTAX in an answer ends the IKE_SA on our side too`() throws {
        let bench = try self.watched()
        bench.peer.settings.fixedAnswer = [.notify(NotifyPayload(.invalidSyntax))]
        bench.net.run(for: .seconds(31))
        #expect(self.ends(bench) == [.failed(.invalidSyntax)])
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a replayed request is no sign of life`() throws {
        let bench = try self.watched()
        let probe = try bench.peer.probe()
        try bench.finish(probe)
        bench.peer.settings.answersRequests = false
        for _ in 0..<30 {
            bench.peer.transmit(probe.datagrams)
            bench.net.run(for: .seconds(10))
        }
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `without a delay nobody is asked`() throws {
        let bench = Bench()
        try bench.connect()
        bench.net.run(for: .seconds(3_000))
        #expect(bench.peer.heardRequests.isEmpty)
        bench.expectSound()
    }

    // MARK: The machine

    private static let start = Instant(nanoseconds: 5_000_000_000)

    private static func after(_ seconds: Int) -> Instant { Self.start.advanced(by: .seconds(seconds)) }

    @Test func `quiet becomes looking at the deadline, once`() {
        var machine = LivenessMachine(delay: .seconds(10), now: Self.start)
        #expect(machine.deadline == Self.after(10))
        let (early, due) = (
            machine.deadlineReached(now: Self.after(9)), machine.deadlineReached(now: Self.after(10))
        )
        #expect(!early && due)
        #expect(machine.deadline == nil)
        let again = machine.deadlineReached(now: Self.after(110))
        #expect(!again)
    }

    /// When ESP came, seen ten seconds after the beginning; whether the peer is asked, and else when the next look is due.
    @Test(arguments: [(nil, nil), (0, nil), (1, 11), (10, 20), (99, 20)] as [(Int?, Int?)])
    func `looking becomes probing without ESP in the last ten seconds, else quiet`(esp: Int?, next: Int?) {
        var machine = LivenessMachine(delay: .seconds(10), now: Self.start)
        let due = machine.deadlineReached(now: Self.after(10))
        let probes = machine.looked(esp.map(Self.after), now: Self.after(10))
        #expect(due && probes == (next == nil))
        #expect(machine.deadline == next.map(Self.after))
    }

    @Test func `probing becomes quiet by a protected message`() {
        var machine = LivenessMachine(delay: .seconds(10), now: Self.start)
        let due = machine.deadlineReached(now: Self.after(10))
        let probes = machine.looked(nil, now: Self.after(10))
        #expect(due && probes)
        machine.heardProtectedMessage(now: Self.after(12))
        #expect(machine.lastHeard == Self.after(12))
        #expect(machine.deadline == Self.after(22))
    }

    @Test func `a protected message that comes while we look makes the answer late news`() {
        var machine = LivenessMachine(delay: .seconds(10), now: Self.start)
        let due = machine.deadlineReached(now: Self.after(10))
        machine.heardProtectedMessage(now: Self.after(11))
        let probes = machine.looked(nil, now: Self.after(12))
        #expect(due && !probes)
        #expect(machine.deadline == Self.after(21))
    }

    @Test(arguments: [10, nil] as [Int?])
    func `a hint makes us ask at once, and not again for ten seconds`(delay: Int?) {
        var machine = LivenessMachine(delay: delay.map { .seconds($0) }, now: Self.start)
        let (first, second) = (machine.hinted(now: Self.start), machine.hinted(now: Self.after(1)))
        #expect(first && !second)
        machine.heardProtectedMessage(now: Self.after(1))
        let (early, later) = (machine.hinted(now: Self.after(9)), machine.hinted(now: Self.after(10)))
        #expect(!early && later)
    }

    @Test func `time that goes back does not make a peer older`() {
        var machine = LivenessMachine(delay: .seconds(10), now: Self.start)
        machine.heardProtectedMessage(now: .origin)
        #expect(machine.lastHeard == Self.start)
    }
}
