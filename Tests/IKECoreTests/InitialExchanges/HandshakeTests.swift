import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// IKE_SA_INIT and IKE_AUTH as they should go (RFC 7296 §1.2).
@Suite(.networkCapture) struct HandshakeTests {
    @Test func `a peer with the right key gets an IKE_SA and a CHILD_SA that carries packets`() throws {
        let bench = Bench()
        try bench.connect()
        #expect(bench.peer.gatewayIdentity == .fqdn("b.example.org"))
        let snapshot = try #require(bench.snapshot)
        #expect(snapshot.peerIdentity == .fqdn("a.example.org"))
        #expect(snapshot.label.description == "site-a[1]")
        #expect(snapshot.children.map(\.name) == ["net"])
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `the data plane learns our networks, whatever part of them the peer asks for`() throws {
        let part = Configurations.selector("10.2.0.64/26")
        let bench = Bench { _ in
        } peer: {
            $0.gatewaySelectors = [part]
        }
        try bench.connect()
        let policies = try #require(bench.kernel.policies.values.first)
        #expect(policies.local == [part])
        #expect(policies.ownNetworks == [Configurations.selector("10.2.0.0/24")])
    }

    struct Suite: Sendable, CustomTestStringConvertible {
        let ike: [Transform]
        let esp: [Transform]
        let group: KeyExchangeMethod
        var testDescription: String { "\(Proposal(.ike, self.ike)) \(Proposal(.esp, self.esp))" }

        init(_ cipher: [Transform], _ prf: PseudorandomFunction, _ group: KeyExchangeMethod) {
            self.ike = cipher + [.prf(prf), .keyExchange(group)]
            self.esp = cipher + [.sequenceNumbers(.short)]
            self.group = group
        }
    }

    @Test(
        arguments: [
            Suite([.encryption(.aesGCM16, 128)], .hmacSHA256, .ecp256),
            Suite([.encryption(.aesGCM16, 256)], .hmacSHA384, .ecp384),
            Suite([.encryption(.chacha20Poly1305)], .hmacSHA512, .x448),
            Suite([.encryption(.aesCBC, 128), .integrity(.hmacSHA256)], .hmacSHA256, .modp2048),
            Suite([.encryption(.aesCBC, 256), .integrity(.hmacSHA384)], .hmacSHA384, .ecp521),
            Suite([.encryption(.aesCBC, 256), .integrity(.hmacSHA512)], .hmacSHA512, .x25519),
        ])
    func `each suite leads to the same keys on both sides`(suite: Suite) throws {
        let bench = Bench { configuration in
            configuration.connections[0].proposals = [Proposal(.ike, suite.ike)]
            configuration.connections[0].children[0].proposals = [Proposal(.esp, suite.esp)]
        } peer: { peer in
            peer.ikeProposals = [Proposal(.ike, suite.ike)]
            peer.espProposals = [Proposal(.esp, suite.esp)]
            peer.keyExchange = suite.group
        }
        try bench.connect()
        #expect(bench.snapshot?.suite.keyExchange == suite.group)
        #expect(try bench.pings())
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0], keyExchange: nil))
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        #expect(bench.agreedChildren()?.count == 1)
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.probe())
        #expect(try bench.pings("after"))
        bench.expectSound()
    }

    @Test func `a retransmitted IKE_SA_INIT request gets the same octets again and makes nothing new`() throws
    {
        let bench = Bench()
        bench.net.fate = { datagram in
            // The first two answers are lost.
            datagram.source.address == Addresses.gateway && bench.net.sent.count < 4 ? .lose : .deliver
        }
        try bench.connect()
        let answers = bench.net.sent.map(\.datagram).filter {
            $0.source.address == Addresses.gateway && $0.ikeMessage?[18] == ExchangeType.ikeSAInit.rawValue
        }
        #expect(answers.count >= 2)
        #expect(Set(answers.map(\.bytes)).count == 1)
        #expect(bench.engine.counters.initialExchanges == 1)
        bench.expectSound()
    }

    @Test func `a retransmitted IKE_AUTH request gets the same octets again and installs nothing`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try #require(bench.peer.requests.last)
        let before = bench.net.sent.count
        bench.peer.transmit(request.datagrams)
        bench.net.run(for: .seconds(1))
        let answers = bench.net.sent.dropFirst(before).map(\.datagram).filter {
            $0.source.address == Addresses.gateway
        }
        let first = bench.net.sent.prefix(before).map(\.datagram).last {
            $0.source.address == Addresses.gateway
        }
        #expect(answers.map(\.bytes) == [first?.bytes])
        #expect(bench.engine.counters.repeatedAnswers == 1)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `a kernel that takes three seconds delays the answer and nothing else`() throws {
        let bench = Bench()
        bench.gateway.kernelDelay = .milliseconds(1_500)
        try bench.connect()
        #expect(bench.peer.requests.last?.transmissions ?? 0 > 1)
        #expect(bench.agreedChildren()?.count == 1)
        bench.net.run(for: .seconds(10))
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a kernel that cannot install leaves the IKE_SA without a CHILD_SA`() throws {
        let bench = Bench()
        bench.kernel.failing = [.install]
        try bench.connect(bench.peer)
        #expect(bench.peer.isEstablished)
        #expect(bench.peer.requests.last?.error == .noAdditionalSAs)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.kernel.failing = []
        try bench.finish(bench.peer.createChild())
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a kernel without SPIs leaves the IKE_SA without a CHILD_SA`() throws {
        let bench = Bench()
        bench.kernel.failing = [.allocateSPI]
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .noAdditionalSAs)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `an IKE_SA without a CHILD_SA is set up if the peer offers none`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.espProposals = []
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.isEstablished)
        #expect(bench.snapshot?.children.isEmpty == true)
        bench.peer.settings.espProposals = [PeerSettings.espProposal]
        try bench.finish(bench.peer.createChild())
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test(arguments: [16, 17, 256])
    func `a nonce may have any length that the RFC allows`(length: Int) throws {
        let bench = Bench { _ in
        } peer: {
            $0.nonceLength = length
        }
        try bench.connect()
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `two peers with equal inner networks behind one NAT address each get their own reqid`() throws
    {
        let nat = SimNAT(outerAddress: Addresses.nat)
        let bench = Bench(.natted(nat)) { configuration in
            var second = Configurations.connection("site-c")
            second.remoteIdentity = .exact(.fqdn("c.example.org"))
            configuration.connections.append(second)
        }
        try bench.connect()
        let other = bench.addPeer(at: .v4(IPv4Address(192, 168, 1, 11)), behind: [nat]) {
            $0.identity = .fqdn("c.example.org")
        }
        try bench.connect(other)
        #expect(bench.engine.snapshots.count == 2)
        let reqids = bench.engine.snapshots.flatMap(\.children).map(\.spec.reqid)
        #expect(Set(reqids).count == 2)
        #expect(try bench.pings("a"))
        #expect(try bench.pings("c", from: other))
        bench.expectSound()
    }
}
