import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Ends that come while something is still on its way.
@Suite(.networkCapture) struct EarlyDeleteTests {
    @Test func `a peer that deletes the first CHILD_SA while our kernel installs it leaves none behind`()
        throws
    {
        let subject = try Subject(Place(situation: .installingFirstChild, side: .a))
        #expect(
            subject.pair.command(
                .terminate(connection: "site-a", uniqueID: nil, child: "net"), of: subject.pair.b))
        subject.pair.net.run(for: .seconds(20))
        #expect(subject.pair.agreedChildren == 0)
        #expect(subject.pair.a.kernel.isEmpty && subject.pair.b.kernel.isEmpty)
        subject.pair.expectSound()
    }

    @Test(arguments: [Situation.Side.a, .b])
    func `a peer that deletes a rekeyed CHILD_SA while our kernel installs it leaves none behind`(
        side: Situation.Side
    ) throws {
        let subject = try Subject(Place(situation: .installing, side: side))
        let name = side == .a ? "site-a" : "site-b"
        #expect(
            subject.pair.command(.terminate(connection: name, uniqueID: nil, child: "net"), of: subject.other)
        )
        subject.pair.net.run(for: .seconds(200))
        #expect(subject.pair.agreedChildren == 0 && subject.pair.agreedIKESAs == 1)
        #expect(subject.pair.a.kernel.isEmpty && subject.pair.b.kernel.isEmpty)
        subject.pair.expectSound()
    }

    /// Its DELETE overtakes its answer (RFC 7296 §2.25.1): of the new CHILD_SA alone, which its data plane has lost, or of both.
    @Test(arguments: [true, false])
    func `a CHILD_SA that the peer has deleted before its answer came is not installed`(isLost: Bool) throws {
        let pair = try CollisionTests.standing(seed: 1)
        let old = pair.a.kernel.inbound.keys.first
        var isFirst = true
        pair.net.fate = { datagram in
            guard isFirst, datagram.source.address == Addresses.gateway else { return .deliver }
            isFirst = false
            return .delay(.seconds(1))
        }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .milliseconds(50))
        let made = try #require(pair.b.engine.snapshots.first?.children.last?.spec)
        #expect(made.inboundSPI != pair.a.engine.snapshots.first?.children.first?.spec.outboundSPI)
        if isLost {
            pair.b.kernel.expire(inbound: made.inboundSPI)
            let identifier = SAIdentifier(spi: made.inboundSPI, destination: Addresses.gateway)
            pair.b.feed(
                .dataPlaneEvent(.expired(identifier, reqid: made.reqid, isHard: true)), on: pair.net)
        } else {
            pair.command(.terminate(connection: "site-a", uniqueID: nil, child: "net"), of: pair.b)
        }
        pair.net.run(for: .seconds(3))
        let installed = pair.a.events.count {
            if case .childSAInstalled(_, _, _, _?) = $0 { true } else { false }
        }
        #expect(installed == 0)
        #expect(pair.agreedChildren == (isLost ? 1 : 0) && pair.agreedIKESAs == 1)
        // The old one has no successor yet: A asks once more.
        pair.net.run(for: .seconds(30))
        #expect(pair.agreedChildren == (isLost ? 1 : 0) && pair.agreedIKESAs == 1)
        #expect(pair.a.kernel.inbound.keys.first != old)
        if isLost { #expect(pair.pings()) }
        pair.expectSound()
    }

    @Test(arguments: [NotifyType.invalidSyntax, .unsupportedCriticalPayload])
    func `a peer that could make nothing of our IKE_AUTH says so in its next request, and the IKE_SA ends`(
        type: NotifyType
    ) throws {
        let bench = Bench()
        try bench.connect()
        #expect(try bench.finish(bench.peer.ask(.informational, [.notify(NotifyPayload(type))])).isEmpty)
        #expect(bench.engine.snapshots.isEmpty && bench.kernel.isEmpty)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.context.directory.count == 0)
        bench.expectSound()
    }

    @Test(arguments: [NotifyType.invalidSyntax, .unsupportedCriticalPayload])
    func `what a peer could make nothing of later does not end the IKE_SA`(type: NotifyType) throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.probe())
        #expect(try bench.finish(bench.peer.ask(.informational, [.notify(NotifyPayload(type))])).isEmpty)
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `IKE_AUTH with an unknown critical payload is not followed by another on the same keys`()
        throws
    {
        let subject = try Subject(Place(situation: .halfOpen, side: .b))
        let forger = Forger(subject.ikeSA)
        let octets = try forger.seal(forger.header(.ikeAuth, 1), [Stray.critical])
        forger.feed(octets, to: subject.host, subject.pair.net)
        let sent = subject.pair.net.sent.count
        let next = try forger.seal(forger.header(.ikeAuth, 2), [])
        forger.feed(next, to: subject.host, subject.pair.net)
        #expect(subject.pair.net.sent.count == sent)
        #expect(subject.ikeSA.established == nil)
    }

    @Test(
        arguments: [Situation.rekeyingChild, .rekeyingIKESA, .askingForChild, .probing],
        [Situation.Side.a, .b])
    func `an IKE_SA that the peer has deleted asks nothing more`(situation: Situation, side: Situation.Side)
        throws
    {
        let subject = try Subject(Place(situation: situation, side: side))
        // The answer to our own request is lost.
        subject.pair.net.fate = { _ in .lose }
        let asked = subject.pair.net.sent.count
        let forger = Forger(subject.ikeSA)
        let octets = try forger.seal(forger.header(.informational, forger.nextRequest), [.delete(.ikeSA)])
        forger.feed(octets, to: subject.host, subject.pair.net)
        let local = subject.host.addresses
        subject.pair.net.run(for: .seconds(60))
        let requests = try subject.pair.net.sent.dropFirst(asked).filter { sent in
            guard local.contains(sent.datagram.source.address), let octets = sent.datagram.ikeMessage else {
                return false
            }
            return try !DecodedMessage.decode(octets).header.flags.contains(.response)
        }
        #expect(requests.isEmpty)
        #expect(subject.host.engine.context.directory.count == 0 && subject.host.kernel.isEmpty)
    }
}
