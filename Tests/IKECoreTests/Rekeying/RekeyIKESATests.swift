import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Rekeying of the IKE_SA, asked by the peer (RFC 7296 §1.3.2, §2.18).
@Suite(.networkCapture) struct RekeyIKESATests {
    @Test func `a rekeyed IKE_SA has new SPIs, message IDs from zero, and the CHILD_SAs`() throws {
        let bench = Bench()
        try bench.connect()
        let before = try #require(bench.snapshot)
        try bench.finish(bench.peer.rekeyIKESA())
        let after = try #require(bench.snapshot)
        #expect(after.initiatorSPI != before.initiatorSPI)
        #expect(after.responderSPI != before.responderSPI)
        #expect(after.rekeyCount == 1)
        #expect(after.peerIdentity == before.peerIdentity)
        #expect(after.label.uniqueID != before.label.uniqueID)
        #expect(bench.agreedChildren()?.count == 1)
        let probe = try bench.peer.probe()
        #expect(probe.messageID == 0)
        try bench.finish(probe)
        try bench.finish(bench.peer.deleteIKESA(bench.peer.ikeSAs[0]))
        #expect(try bench.pings())
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        let ends = bench.events { if case .ikeSAEnded(_, let reason) = $0 { reason } else { nil } }
        #expect(ends.isEmpty)
        bench.expectSound()
    }

    @Test func `the old IKE_SA answers a liveness check until it is deleted, but makes no CHILD_SAs`() throws
    {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.rekeyIKESA())
        let old = bench.peer.ikeSAs[0]
        #expect(try bench.finish(bench.peer.probe(on: old)).isEmpty)
        let offer = ProposalSubstructure(
            number: 1, protocolID: .esp, spi: [1, 2, 3, 4], transforms: PeerSettings.espProposal.transforms)
        let request = try bench.peer.ask(
            .createChildSA,
            [
                .securityAssociation(SecurityAssociationPayload(proposals: [offer])),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 1, count: 32))),
                .tsInitiator(TrafficSelectorPayload(selectors: bench.peer.settings.ownSelectors)),
                .tsResponder(TrafficSelectorPayload(selectors: bench.peer.settings.gatewaySelectors)),
            ], on: old)
        try bench.finish(request)
        #expect(request.error == .temporaryFailure)
        try bench.finish(bench.peer.deleteIKESA(old))
        #expect(bench.engine.snapshots.count == 1)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `an old IKE_SA that the peer never deletes goes by itself and takes nothing with it`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.rekeyIKESA())
        #expect(bench.engine.context.directory.count == 2)
        bench.net.run(for: .seconds(170))
        #expect(bench.engine.context.directory.count == 1)
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a retransmitted rekeying is answered from the cache and makes no third IKE_SA`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.rekeyIKESA()
        try bench.finish(request)
        bench.peer.transmit(request.datagrams)
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.counters.repeatedAnswers == 1)
        #expect(bench.engine.context.directory.count == 2)
        bench.expectSound()
    }

    @Test func `a rekeying may change the PRF, and the old one's makes SKEYSEED`() throws {
        let strong = Proposal(.ike, [.encryption(.aesGCM16, 256), .prf(.hmacSHA512), .keyExchange(.ecp384)])
        let bench = Bench { $0.connections[0].proposals.append(strong) }
        try bench.connect()
        try bench.finish(bench.peer.rekeyIKESA(proposals: [strong], keyExchange: .ecp384))
        #expect(bench.snapshot?.suite.prf == .hmacSHA512)
        try bench.finish(bench.peer.probe())
        try bench.finish(bench.peer.createChild())
        #expect(bench.agreedChildren()?.count == 2)
        // And back.
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.rekeyCount == 2)
        bench.expectSound()
    }

    @Test func `of several proposals ours decides`() throws {
        let strong = Proposal(.ike, [.encryption(.aesGCM16, 256), .prf(.hmacSHA512), .keyExchange(.x25519)])
        let bench = Bench { $0.connections[0].proposals.insert(strong, at: 0) }
        try bench.connect()
        try bench.finish(
            bench.peer.rekeyIKESA(proposals: [PeerSettings.ikeProposal(.x25519), strong]))
        #expect(bench.snapshot?.suite.prf == .hmacSHA512)
        try bench.finish(bench.peer.probe())
        bench.expectSound()
    }

    @Test func `another KE payload than the chosen group gets INVALID_KE_PAYLOAD, and the retry works`()
        throws
    {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.rekeyIKESA(keyExchange: .ecp256)
        try bench.finish(request)
        #expect(request.error == .invalidKEPayload)
        #expect(request.notifies.first?.data == [0, 31])
        #expect(bench.snapshot?.rekeyCount == 0)
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.probe())
        #expect(bench.snapshot?.rekeyCount == 1)
        bench.expectSound()
    }

    @Test(
        arguments: [
            Proposal(.ike, [.encryption(.aesGCM16, 128), .prf(.hmacSHA256), .keyExchange(.none)]),
            Proposal(.ike, [.encryption(.aesGCM16, 128), .prf(.hmacSHA256)]),
            Proposal(.ike, [.encryption(.aesCBC, 128), .prf(.hmacSHA256), .keyExchange(.x25519)]),
        ])
    func `a rekeying without an acceptable proposal gets NO_PROPOSAL_CHOSEN and changes nothing`(
        proposal: Proposal
    ) throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.rekeyIKESA(proposals: [proposal])
        try bench.finish(request)
        #expect(request.error == .noProposalChosen)
        #expect(bench.snapshot?.rekeyCount == 0)
        try bench.finish(bench.peer.probe())
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a rekeying while our DELETE of a CHILD_SA is under way gets TEMPORARY_FAILURE`() throws {
        let bench = Bench()
        try bench.connect()
        bench.peer.settings.answersRequests = false
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: bench.net)
        let request = try bench.peer.rekeyIKESA()
        try bench.finish(request)
        #expect(request.error == .temporaryFailure)
        bench.peer.settings.answersRequests = true
        bench.net.run(for: .seconds(20))
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.probe())
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        bench.expectSound()
    }

    @Test func `a rekeying while our DELETE of the IKE_SA is under way gets TEMPORARY_FAILURE`() throws {
        let bench = Bench()
        try bench.connect()
        bench.peer.settings.answersRequests = false
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)),
            on: bench.net)
        let request = try bench.peer.rekeyIKESA()
        try bench.finish(request)
        #expect(request.error == .temporaryFailure)
        bench.peer.settings.answersRequests = true
        bench.net.run(for: .seconds(20))
        #expect(bench.peer.ikeSA == nil)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a liveness check of ours that is under way does not stop the rekeying`() throws {
        let bench = Bench { $0.connections[0].livenessDelay = .seconds(10) }
        try bench.connect()
        bench.peer.settings.answersRequests = false
        bench.net.run(for: .seconds(12))
        let request = try bench.peer.rekeyIKESA()
        try bench.finish(request)
        #expect(request.error == nil)
        bench.peer.settings.answersRequests = true
        bench.net.run(for: .seconds(300))
        #expect(bench.snapshot?.rekeyCount == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `rekeying again and again does not pile up IKE_SAs`() throws {
        let bench = Bench()
        try bench.connect()
        for _ in 0..<20 {
            let old = try #require(bench.peer.ikeSA)
            try bench.finish(bench.peer.rekeyIKESA())
            try bench.finish(bench.peer.deleteIKESA(old))
        }
        #expect(bench.snapshot?.rekeyCount == 20)
        // The answers to the last DELETEs may be kept, but for thirty seconds at most.
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.context.directory.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }
}
