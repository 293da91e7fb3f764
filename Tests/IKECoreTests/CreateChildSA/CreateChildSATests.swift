import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// New CHILD_SAs and their rekeying, asked by the peer (RFC 7296 §1.3.1, §1.3.3, §2.8).
@Suite(.networkCapture) struct CreateChildSATests {
    @Test func `a second CHILD_SA with the same selectors stands beside the first`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild())
        #expect(bench.agreedChildren()?.count == 2)
        let reqids = bench.snapshot?.children.map(\.spec.reqid) ?? []
        #expect(Set(reqids).count == 1)
        #expect(try bench.pings())
        // The policies go with the last of them.
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        #expect(bench.kernel.policies.count == 1)
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [nil, KeyExchangeMethod.x25519])
    func `a rekeyed CHILD_SA has new keys, the same reqid, and takes over when the old one is deleted`(
        group: KeyExchangeMethod?
    ) throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        let reqid = bench.snapshot?.children.first?.spec.reqid
        try bench.finish(bench.peer.createChild(replacing: old, keyExchange: group))
        let new = try #require(bench.peer.children.last)
        #expect(bench.snapshot?.children.map(\.state) == ["rekeyed", "installed"])
        #expect(bench.snapshot?.children.map(\.isOutboundActive) == [true, false])
        #expect(bench.snapshot?.children.last?.spec.suite.keyExchange == group)
        #expect(bench.snapshot?.children.last?.spec.reqid == reqid)
        #expect(!new.inboundKeys.encryption.isEqual(to: old.inboundKeys.encryption))
        // Both receive; the gateway still sends by the old one.
        try bench.peer.say("ping old", through: old.inboundSPI)
        try bench.peer.say("ping new", through: new.inboundSPI)
        bench.net.run(for: .seconds(1))
        #expect(bench.gateway.heard.suffix(2) == ["ping old", "ping new"])
        #expect(bench.peer.heard.suffix(2) == ["pong old", "pong new"])
        #expect(bench.kernel.sending.values.first?.spi == old.inboundSPI)
        try bench.finish(bench.peer.delete([old]))
        #expect(bench.agreedChildren() == [new.outboundSPI])
        #expect(bench.snapshot?.children.map(\.isOutboundActive) == [true])
        #expect(try bench.pings())
        let ends = bench.events { if case .childSAEnded(_, _, _, let reason) = $0 { reason } else { nil } }
        #expect(ends == [.rekeyed])
        bench.expectSound()
    }

    @Test func `the new CHILD_SA sends after a minute even if the peer never deletes the old one`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        let new = try #require(bench.peer.children.last)
        bench.net.run(for: .seconds(59))
        #expect(bench.snapshot?.children.last?.isOutboundActive == false)
        bench.net.run(for: .seconds(2))
        #expect(bench.snapshot?.children.last?.isOutboundActive == true)
        #expect(bench.kernel.sending.values.first?.spi == new.inboundSPI)
        bench.expectSound()
    }

    @Test func `a kernel that cannot activate the new CHILD_SA makes us delete it`() throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        try bench.finish(bench.peer.createChild(replacing: old))
        bench.kernel.failing = [.installOutbound]
        try bench.finish(bench.peer.delete([old]))
        bench.net.run(for: .seconds(1))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a rekeying of a CHILD_SA that does not exist gets CHILD_SA_NOT_FOUND with its SPI`() throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        try bench.finish(bench.peer.delete([old]))
        let request = try bench.peer.createChild(replacing: old)
        try bench.finish(request)
        #expect(request.error == .childSANotFound)
        #expect(request.notifies.first?.espSPI == old.inboundSPI)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a rekeying of an AH SA gets CHILD_SA_NOT_FOUND, whatever its SPI, and ends nothing`() throws {
        let bench = Bench()
        try bench.connect()
        let child = bench.peer.children[0]
        let request = try bench.peer.ask(
            .createChildSA,
            [
                .notify(NotifyPayload(protocolID: .ah, spi: child.inboundSPI.bytes, type: .rekeySA)),
                .securityAssociation(SecurityAssociationPayload(proposals: [])),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 7, count: 32))),
                .tsInitiator(TrafficSelectorPayload(selectors: [])),
                .tsResponder(TrafficSelectorPayload(selectors: [])),
            ])
        try bench.finish(request)
        #expect(request.error == .childSANotFound)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a peer that names the SPI of another one behind its NAT takes nothing from it`() throws {
        let nat = SimNAT(outerAddress: Addresses.nat)
        let bench = Bench(.natted(nat)) { configuration in
            var second = Configurations.connection("site-c")
            second.remoteIdentity = .exact(.fqdn("c.example.org"))
            configuration.connections.append(second)
        }
        try bench.connect()
        let thief = bench.addPeer(at: .v4(IPv4Address(192, 168, 1, 11)), behind: [nat]) {
            $0.identity = .fqdn("c.example.org")
        }
        try bench.connect(thief)
        // Both send to the same address of the NAT, and SPIs of ESP can be read by whoever is on the path.
        let victim = bench.peer.children[0].inboundSPI
        try bench.finish(thief.createChild(replacing: thief.children[0], inboundSPI: victim))
        let stolen = try #require(thief.children.last)
        #expect(stolen.inboundSPI == victim)
        try bench.finish(thief.delete([stolen]))
        #expect(bench.kernel.violations.isEmpty)
        #expect(try bench.pings("still there"))
    }

    @Test func `a second rekeying of a CHILD_SA that has a successor gets TEMPORARY_FAILURE`() throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        try bench.finish(bench.peer.createChild(replacing: old))
        let again = try bench.peer.createChild(replacing: old)
        try bench.finish(again)
        #expect(again.error == .temporaryFailure)
        #expect(bench.agreedChildren() == nil)  // the successor does not send yet
        try bench.finish(bench.peer.delete([old]))
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a CHILD_SA whose successor was deleted at once may be rekeyed again`() throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        try bench.finish(bench.peer.createChild(replacing: old))
        try bench.finish(bench.peer.delete([try #require(bench.peer.children.last)]))
        #expect(bench.agreedChildren() == [old.outboundSPI])
        #expect(bench.snapshot?.children.map(\.state) == ["installed"])
        let again = try bench.peer.createChild(replacing: old)
        try bench.finish(again)
        #expect(again.error == nil)
        try bench.finish(bench.peer.delete([old]))
        #expect(try bench.pings())
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `an old CHILD_SA that expires hands over to its successor at once`() throws {
        let bench = Bench { configuration in
            configuration.connections[0].children[0].lifetime = Lifetime(
                rekey: .seconds(90), hard: .seconds(100), jitter: .zero)
        }
        try bench.connect()
        bench.net.run(for: .seconds(90))
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        let new = try #require(bench.peer.children.last)
        bench.net.run(for: .seconds(12))
        #expect(bench.agreedChildren() == [new.outboundSPI])
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a CHILD_SA that is being deleted is not activated afterwards`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0]))
        bench.peer.settings.answersRequests = false
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: bench.net)
        #expect(bench.gateway.answers[1] == .begun(count: 2))
        bench.net.run(for: .seconds(90))
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a rekeying of a CHILD_SA that we are deleting gets TEMPORARY_FAILURE`() throws {
        let bench = Bench()
        try bench.connect()
        let old = bench.peer.children[0]
        bench.peer.settings.answersRequests = false
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: bench.net)
        let request = try bench.peer.createChild(replacing: old)
        try bench.finish(request)
        #expect(request.error == .temporaryFailure)
        bench.peer.settings.answersRequests = true
        bench.net.run(for: .seconds(20))
        #expect(bench.peer.children.isEmpty)
        #expect(bench.snapshot?.children.isEmpty == true)
        bench.expectSound()
    }

    @Test func `a retransmitted CREATE_CHILD_SA request is answered from the cache`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.createChild()
        try bench.finish(request)
        bench.peer.transmit(request.datagrams)
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.counters.repeatedAnswers == 1)
        #expect(bench.agreedChildren()?.count == 2)
        bench.expectSound()
    }

    @Test func `CHILD_SAs beyond the limit get NO_ADDITIONAL_SAS`() throws {
        let bench = Bench { $0.limits.childSAsPerIKESA = 3 }
        try bench.connect()
        try bench.finish(bench.peer.createChild())
        try bench.finish(bench.peer.createChild())
        let request = try bench.peer.createChild()
        try bench.finish(request)
        #expect(request.error == .noAdditionalSAs)
        #expect(bench.agreedChildren()?.count == 3)
        bench.expectSound()
    }

    @Test func `a KE payload of another group gets INVALID_KE_PAYLOAD, and the retry works`() throws {
        let bench = Bench { configuration in
            configuration.connections[0].children[0].proposals = [
                Proposal(
                    .esp,
                    PeerSettings.espProposal.transforms + [.keyExchange(.ecp256), .keyExchange(.x25519)])
            ]
        }
        try bench.connect()
        let old = bench.peer.children[0]
        // Both groups on offer, the KE payload of the one that the gateway likes less.
        let both = Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.ecp256)])
        let request = try bench.peer.createChild(replacing: old, keyExchange: .x25519, proposals: [both])
        try bench.finish(request)
        #expect(request.error == .invalidKEPayload)
        #expect(request.notifies.first?.data == [0, 19])
        try bench.finish(bench.peer.createChild(replacing: old, keyExchange: .ecp256))
        try bench.finish(bench.peer.delete([old]))
        #expect(bench.snapshot?.children.first?.spec.suite.keyExchange == .ecp256)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a peer without PFS is refused where the configuration wants it`() throws {
        let bench = Bench { configuration in
            configuration.connections[0].children[0].proposals = [
                Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.x25519)])
            ]
        }
        try bench.connect()
        let request = try bench.peer.createChild(replacing: bench.peer.children[0])
        try bench.finish(request)
        #expect(request.error == .noProposalChosen)
        #expect(try bench.pings())
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a peer that wants PFS where we have none configured gets it, and the log says so`() throws {
        let bench = Bench()
        try bench.connect()
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0], keyExchange: .x25519))
        let reports = bench.events {
            if case .pfsDiffers(_, _, let ours, let theirs) = $0 { (ours, theirs) } else { nil }
        }
        #expect(reports.count == 1)
        #expect(reports.first?.0 == [])
        #expect(reports.first?.1 == .x25519)
        bench.expectSound()
    }

    @Test func `a public value that the group does not allow gets INVALID_SYNTAX`() throws {
        let bench = Bench()
        try bench.connect()
        let spi = ESPSPI(0xc400_0001)
        let transforms = PeerSettings.espProposal.transforms + [.keyExchange(.x25519)]
        let request = try bench.peer.ask(
            .createChildSA,
            [
                .securityAssociation(
                    SecurityAssociationPayload(proposals: [
                        ProposalSubstructure(
                            number: 1, protocolID: .esp, spi: spi.bytes, transforms: transforms)
                    ])),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 1, count: 32))),
                .keyExchange(
                    KeyExchangePayload(method: .x25519, data: [UInt8](repeating: 0, count: 32))),
                .tsInitiator(TrafficSelectorPayload(selectors: bench.peer.settings.ownSelectors)),
                .tsResponder(TrafficSelectorPayload(selectors: bench.peer.settings.gatewaySelectors)),
            ])
        try bench.finish(request)
        #expect(request.error == .invalidSyntax)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [
        PayloadType.securityAssociation, .nonce, .tsInitiator, .tsResponder,
    ])
    func `a CREATE_CHILD_SA without a payload that it must have gets INVALID_SYNTAX`(type: PayloadType) throws
    {
        let bench = Bench()
        try bench.connect()
        let offer = ProposalSubstructure(
            number: 1, protocolID: .esp, spi: [1, 2, 3, 4], transforms: PeerSettings.espProposal.transforms)
        let payloads: [Payload] = [
            .securityAssociation(SecurityAssociationPayload(proposals: [offer])),
            .nonce(NoncePayload(nonce: [UInt8](repeating: 1, count: 32))),
            .tsInitiator(TrafficSelectorPayload(selectors: bench.peer.settings.ownSelectors)),
            .tsResponder(TrafficSelectorPayload(selectors: bench.peer.settings.gatewaySelectors)),
        ]
        let request = try bench.peer.ask(.createChildSA, payloads.filter { $0.type != type })
        try bench.finish(request)
        #expect(request.error == .invalidSyntax)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [0, 1, 255] as [UInt32])
    func `a reserved ESP SPI is not accepted`(spi: UInt32) throws {
        let bench = Bench()
        try bench.connect()
        let offer = ProposalSubstructure(
            number: 1, protocolID: .esp, spi: ESPSPI(spi).bytes,
            transforms: PeerSettings.espProposal.transforms)
        let request = try bench.peer.ask(
            .createChildSA,
            [
                .securityAssociation(SecurityAssociationPayload(proposals: [offer])),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 1, count: 32))),
                .tsInitiator(TrafficSelectorPayload(selectors: bench.peer.settings.ownSelectors)),
                .tsResponder(TrafficSelectorPayload(selectors: bench.peer.settings.gatewaySelectors)),
            ])
        try bench.finish(request)
        #expect(request.error == .noProposalChosen)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }
}
