import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// INFORMATIONAL asked by the peer (RFC 7296 §1.4).
@Suite(.networkCapture) struct InformationalTests {
    @Test func `an empty request gets an empty answer, and again when it is retransmitted`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.probe()
        #expect(try bench.finish(request).isEmpty)
        let before = bench.net.sent.count
        bench.peer.transmit(request.datagrams)
        bench.net.run(for: .seconds(1))
        #expect(bench.net.sent.count == before + 2)
        #expect(bench.engine.counters.repeatedAnswers == 1)
        bench.expectSound()
    }

    @Test func `DELETE of the IKE_SA ends it with its CHILD_SAs and gets an empty answer`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild())
        #expect(try bench.finish(bench.peer.deleteIKESA()).isEmpty)
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
        let ends = bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.deletedByPeer])
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.context.directory.count == 0)
        bench.expectSound()
    }

    @Test func `DELETE of CHILD_SAs is answered with our halves of them`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild())
        try bench.finish(bench.peer.createChild())
        let doomed = Array(bench.peer.children.prefix(2))
        let answer = try bench.finish(bench.peer.delete(doomed))
        #expect(answer == [.delete(DeletePayload(esp: doomed.map(\.outboundSPI)))])
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `DELETE of a CHILD_SA that we do not have gets an empty answer`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(
            .informational, [.delete(DeletePayload(esp: [ESPSPI(0xdead_beef)]))])
        #expect(try bench.finish(request).isEmpty)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `DELETEs of the same CHILD_SA that cross leave out our half in both answers`() throws {
        let bench = Bench()
        try bench.connect()
        let child = bench.peer.children[0]
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: bench.net)
        let request = try bench.peer.delete([child])
        #expect(try bench.finish(request).isEmpty)
        bench.net.run(for: .seconds(1))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        let ends = bench.events { if case .childSAEnded(_, _, _, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.terminated])
        bench.expectSound()
    }

    @Test func `DELETEs of the IKE_SA that cross end it on both sides`() throws {
        let bench = Bench()
        try bench.connect()
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)),
            on: bench.net)
        try bench.finish(bench.peer.deleteIKESA())
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        #expect(bench.engine.isIdle)
        bench.expectSound()
    }

    @Test func `a DELETE of AH changes nothing`() throws {
        let bench = Bench()
        try bench.connect()
        let spi = bench.peer.children[0].inboundSPI
        let request = try bench.peer.ask(
            .informational, [.delete(DeletePayload(protocolID: .ah, spis: [spi.bytes]))])
        #expect(try bench.finish(request).isEmpty)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `AUTHENTICATION_FAILED from the peer ends the IKE_SA`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.ask(.informational, [.notify(NotifyPayload(.authenticationFailed))]))
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
        let reports = bench.events { if case .peerReported(_, let notify) = $0 { notify } else { nil } }
        #expect(reports == [.authenticationFailed])
        bench.expectSound()
    }

    @Test(arguments: [
        NotifyType.invalidSelectors, .invalidSyntax, .noAdditionalSAs, NotifyType(rawValue: 8_000),
    ])
    func `another error notify of the peer is reported and ends nothing`(type: NotifyType) throws {
        let bench = Bench()
        try bench.connect()
        // The next request after IKE_AUTH would speak of that (RFC 7296 §2.21.2).
        try bench.finish(bench.peer.probe())
        #expect(try bench.finish(bench.peer.ask(.informational, [.notify(NotifyPayload(type))])).isEmpty)
        #expect(bench.agreedChildren()?.count == 1)
        let reports = bench.events { if case .peerReported(_, let notify) = $0 { notify } else { nil } }
        #expect(reports == [type])
        bench.expectSound()
    }

    @Test func `the header's reserved flags and minor version in a protected request are ignored`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(.informational) { ikeSA, header in
            var header = header
            header.minorVersion = 7
            header.flags.insert(.version)
            return try ikeSA.seal(header, [])
        }
        #expect(try bench.finish(request).isEmpty)
        bench.expectSound()
    }

    @Test func `the critical bit of payloads that we know is ignored`() throws {
        let bench = Bench()
        try bench.connect()
        let child = bench.peer.children[0]
        let request = try bench.peer.ask(.informational) { ikeSA, header in
            var text = try PayloadChain.encode([.delete(DeletePayload(esp: [child.inboundSPI]))]).bytes
            text[1] = 0xff
            return [try ikeSA.sealText(header, first: .delete, text: text)]
        }
        let answer = try bench.finish(request)
        #expect(answer == [.delete(DeletePayload(esp: [child.outboundSPI]))])
        bench.expectSound()
    }
}
