import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// How SAs end by time, and by what the kernel says.
@Suite(.networkCapture) struct LifetimeTests {
    private func childEnds(_ bench: Bench) -> [EndReason] {
        bench.events { if case .childSAEnded(_, _, _, let reason) = $0 { reason } else { nil } }
    }

    @Test func `an IKE_SA that nobody rekeys is deleted at its end, and the peer is told`() throws {
        let bench = Bench {
            $0.connections[0].lifetime = Lifetime(rekey: .seconds(80), hard: .seconds(100), jitter: .zero)
        }
        try bench.connect()
        bench.net.run(for: .seconds(99))
        #expect(bench.snapshot != nil)
        bench.net.run(for: .seconds(2))
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.peer.ikeSA == nil)
        #expect(bench.kernel.isEmpty)
        let ends = bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.expired])
        bench.expectSound()
    }

    @Test func `a rekeyed IKE_SA has a lifetime of its own`() throws {
        let bench = Bench {
            $0.connections[0].lifetime = Lifetime(rekey: nil, hard: .seconds(100), jitter: .zero)
        }
        try bench.connect()
        bench.net.run(for: .seconds(60))
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.deleteIKESA(bench.peer.ikeSAs[0]))
        bench.net.run(for: .seconds(60))
        #expect(bench.snapshot != nil)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a CHILD_SA that nobody rekeys is deleted at its end, and the IKE_SA stays`() throws {
        let bench = Bench {
            $0.connections[0].children[0].lifetime = Lifetime(
                rekey: .seconds(80), hard: .seconds(100), jitter: .zero)
        }
        try bench.connect()
        bench.net.run(for: .seconds(101))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(self.childEnds(bench) == [.expired])
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [true, false])
    func `a hard expiry in the kernel, of either half, deletes the CHILD_SA on both sides`(isInbound: Bool)
        throws
    {
        let bench = Bench()
        try bench.connect()
        let child = bench.peer.children[0]
        let identifier =
            isInbound
            ? SAIdentifier(spi: child.outboundSPI, destination: Addresses.gateway)
            : SAIdentifier(spi: child.inboundSPI, destination: Addresses.peer)
        bench.gateway.feed(
            .dataPlaneEvent(.expired(identifier, reqid: 0, isHard: false)), on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.agreedChildren()?.count == 1)
        if isInbound { bench.kernel.expire(inbound: child.outboundSPI) }
        bench.gateway.feed(
            .dataPlaneEvent(.expired(identifier, reqid: 0, isHard: true)), on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.kernel.isEmpty)
        #expect(self.childEnds(bench) == [.expired])
        bench.expectSound()
    }

    @Test(
        arguments: [
            DataPlaneEvent.expired(
                SAIdentifier(spi: ESPSPI(1), destination: Addresses.gateway), reqid: 0, isHard: true),
            .overflow,
            .acquire(
                reqid: 1, local: Configurations.selector("10.2.0.0/24"),
                remote: Configurations.selector("10.1.0.0/24")),
        ])
    func `an event about nothing of ours changes nothing`(event: DataPlaneEvent) throws {
        let bench = Bench()
        try bench.connect()
        bench.gateway.feed(.dataPlaneEvent(event), on: bench.net)
        bench.net.run(for: .seconds(1))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `an answer of the data plane that nobody waits for changes nothing`() throws {
        let bench = Bench()
        try bench.connect()
        for reply in [
            DataPlaneReply.done, .spi(ESPSPI(5)), .traffic([]),
            .failed(KernelFault(operation: "x", object: "y", errno: 1)),
        ] {
            bench.gateway.feed(.dataPlane(requestID: 4_711, reply), on: bench.net)
        }
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `rekeying is due before the end by a random part of the jitter`() throws {
        var seen: Set<Instant?> = []
        for seed in 1...8 as ClosedRange<UInt64> {
            let bench = Bench(seed: seed) {
                $0.connections[0].children[0].lifetime = Lifetime(
                    rekey: .seconds(3_600), hard: .seconds(3_960), jitter: .seconds(360))
            }
            try bench.connect()
            let child = try #require(bench.snapshot?.children.first)
            let rekeyAt = try #require(child.rekeyAt)
            let wait = rekeyAt.since(child.installedAt)
            #expect(wait <= .seconds(3_600))
            #expect(wait > .seconds(3_240))
            // The kernel counts the same, but for the part of a nanosecond.
            let kernel = try #require(child.spec.lifetime.rekey)
            #expect(kernel - wait < .microseconds(1) && wait - kernel < .microseconds(1))
            #expect(child.expiresAt == child.installedAt.advanced(by: .seconds(3_960)))
            seen.insert(rekeyAt)
        }
        #expect(seen.count > 4)
    }

    @Test func `an IKE_SA whose message IDs are used up is closed`() throws {
        let bench = Bench()
        try bench.connect()
        // Four thousand million requests later.
        let ikeSA = try #require(bench.engine.context.directory.all.first)
        ikeSA.answers = AnswerWindow(expecting: .max)
        try #require(bench.peer.ikeSA).nextRequestID = .max
        let request = try bench.peer.ask(.informational, [])
        bench.net.run(for: .seconds(2))
        #expect(request.answer == [])
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.peer.heardRequests.map(\.payloads) == [[.delete(.ikeSA)]])
        #expect(bench.kernel.isEmpty)
    }
}
