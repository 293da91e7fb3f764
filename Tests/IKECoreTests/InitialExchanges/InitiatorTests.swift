import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// IKE_SA_INIT and IKE_AUTH that we begin (RFC 7296 §1.2).
@Suite(.networkCapture) struct InitiatorTests {
    @Test(arguments: [false, true])
    func `a connection that starts by itself stands and carries packets`(mobike: Bool) throws {
        let pair = try Pair(a: { $0.connections[0].mobike = mobike })
        try pair.connect()
        let (a, b) = (
            try #require(pair.a.engine.snapshots.first), try #require(pair.b.engine.snapshots.first)
        )
        #expect(a.isOriginalInitiator && !b.isOriginalInitiator)
        #expect(a.peerIdentity == .fqdn("b.example.org") && b.peerIdentity == .fqdn("a.example.org"))
        #expect(a.label.connection == "site-b")
        // RFC 4555 §3.3: who speaks MOBIKE goes to 4500 even if there is no NAT.
        #expect(a.path.local.port == (mobike ? IKEPort.natTraversal : IKEPort.ike))
        #expect(!a.path.usesUDPEncapsulation)
        #expect(pair.pings())
        #expect(pair.attempts == 1 && pair.faults.isEmpty)
        pair.expectSound()
    }

    @Test(arguments: [
        ([Transform.encryption(.aesGCM16, 256)], PseudorandomFunction.hmacSHA384, KeyExchangeMethod.ecp384),
        ([.encryption(.aesCBC, 128), .integrity(.hmacSHA256)], .hmacSHA256, .modp2048),
        ([.encryption(.chacha20Poly1305)], .hmacSHA512, .x448),
    ])
    func `each suite leads to the same keys on both sides`(
        cipher: [Transform], prf: PseudorandomFunction, group: KeyExchangeMethod
    ) throws {
        let change = { (configuration: inout GatewayConfiguration) in
            configuration.connections[0].proposals = [
                Proposal(.ike, cipher + [.prf(prf), .keyExchange(group)])
            ]
            configuration.connections[0].children[0].proposals = [
                Proposal(.esp, cipher + [.sequenceNumbers(.short)])
            ]
        }
        let pair = try Pair(a: change, b: change)
        try pair.connect()
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `behind a NAT it moves to port 4500, with ESP in UDP`() throws {
        let pair = try Pair(.natted(SimNAT(outerAddress: Addresses.nat)))
        try pair.connect()
        let a = try #require(pair.a.engine.snapshots.first)
        #expect(a.path.isLocalBehindNAT && !a.path.isRemoteBehindNAT && a.path.usesUDPEncapsulation)
        #expect(a.path.local.port == IKEPort.natTraversal && a.path.remote.port == IKEPort.natTraversal)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `forced encapsulation needs no NAT`() throws {
        let pair = try Pair(a: { $0.connections[0].forcesEncapsulation = true })
        try pair.connect()
        #expect(pair.a.engine.snapshots.first?.path.usesUDPEncapsulation == true)
        #expect(pair.b.engine.snapshots.first?.path.usesUDPEncapsulation == true)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `a cookie is shown, once it is demanded`() throws {
        let pair = try Pair(b: { $0.limits.cookieThreshold = 0 })
        try pair.connect()
        #expect(pair.pings() && pair.attempts == 1)
        #expect(pair.b.engine.counters.dropped(.cookieDemanded) == 1)
        pair.expectSound()
    }

    @Test func `another group is taken if the peer wants it and we offered it`() throws {
        let pair = try Pair(
            a: {
                $0.connections[0].proposals = [
                    Proposal(.ike, PeerSettings.ikeProposal(.x25519).transforms + [.keyExchange(.ecp384)])
                ]
            }, b: { $0.connections[0].proposals = [PeerSettings.ikeProposal(.ecp384)] })
        try pair.connect()
        #expect(pair.a.engine.snapshots.first?.suite.keyExchange == .ecp384)
        #expect(pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    @Test func `a cookie and another group may both be demanded`() throws {
        let pair = try Pair(
            a: {
                $0.connections[0].proposals = [
                    Proposal(.ike, PeerSettings.ikeProposal(.x25519).transforms + [.keyExchange(.ecp384)])
                ]
            },
            b: {
                $0.limits.cookieThreshold = 0
                $0.connections[0].proposals = [PeerSettings.ikeProposal(.ecp384)]
            })
        try pair.connect()
        #expect(pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    // MARK: Loss

    @Test(arguments: 1...4)
    func `any lost message is sent again`(number: Int) throws {
        let pair = try Pair()
        pair.net.fate = { _ in pair.net.sent.count == number ? .lose : .deliver }
        try pair.connect()
        #expect(pair.pings() && pair.attempts == 1)
        pair.expectSound()
    }

    @Test func `a peer that does not answer is tried again after a rest that grows`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        pair.net.run(for: .seconds(400))
        // An attempt takes 165 s, and the first rest at most 5 s.
        #expect(pair.attempts == 3)
        #expect(pair.faults == [.noAnswer, .noAnswer])
        pair.net.fate = { _ in .deliver }
        pair.net.run(upTo: .seconds(300)) { pair.stands }
        #expect(pair.stands && pair.pings())
        pair.expectSound()
    }

    @Test(arguments: [2, 4])
    func `chance makes the waits for an answer shorter, by the jitter at most`(lostFrom: Int) throws {
        let pair = try Pair(a: { $0.limits.retransmissionJitter = 0.2 })
        // IKE_SA_INIT is never answered, or IKE_AUTH is not.
        pair.net.fate = { _ in pair.net.sent.count >= lostFrom ? .lose : .deliver }
        pair.start()
        let limits = pair.a.engine.context.limits
        var waits: [Duration] = []
        var last = pair.net.now
        for count in 0..<limits.retransmission.count {
            pair.net.run(upTo: .seconds(100)) {
                pair.a.events.count { if case .retransmitted = $0 { true } else { false } } > count
                    || !pair.faults.isEmpty
            }
            waits.append(pair.net.now.since(last))
            last = pair.net.now
        }
        // Exchanges before the one that is lost take a moment.
        for (wait, whole) in zip(waits, limits.retransmission) {
            #expect(wait <= whole + .milliseconds(200) && wait >= whole * 0.8)
        }
        #expect(waits.reduce(.zero, +) < limits.retransmission.reduce(.zero, +) - .seconds(1))
        #expect(pair.faults == [.noAnswer])
    }

    @Test func `a peer that vanishes between the two exchanges is tried again`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in pair.net.sent.count > 2 ? .lose : .deliver }
        pair.start()
        pair.net.run(for: .seconds(167))
        #expect(pair.faults == [.noAnswer])
        pair.expectNothingHeld()
        pair.net.fate = { _ in .deliver }
        pair.net.run(upTo: .seconds(300)) { pair.stands }
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `each address of the peer has its turn, and names are resolved for each attempt`() throws {
        let pair = try Pair(a: { configuration in
            configuration.connections[0].remoteAddresses = [.name("b.example.org")]
        })
        pair.a.names["b.example.org"] = [.v4(IPv4Address(203, 0, 113, 77)), Addresses.gateway]
        try pair.connect()
        #expect(pair.attempts == 2 && pair.a.searches == 2)
        #expect(pair.a.engine.snapshots.first?.path.remote.address == Addresses.gateway)
        pair.expectSound()
    }

    @Test func `a name that stands for nothing yet is asked for again`() throws {
        let pair = try Pair(a: { $0.connections[0].remoteAddresses = [.name("b.example.org")] })
        pair.start()
        pair.net.run(for: .seconds(30))
        #expect(pair.attempts == 0 && pair.faults.count >= 2)
        pair.a.names["b.example.org"] = [Addresses.gateway]
        pair.net.run(upTo: .seconds(300)) { pair.stands }
        #expect(pair.pings())
        pair.expectSound()
    }

    // MARK: Refusals

    @Test func `no proposal in common says what we offered`() throws {
        let pair = try Pair(b: { $0.connections[0].proposals = [PeerSettings.ikeProposal(.ecp521)] })
        pair.start()
        pair.net.run(for: .seconds(1))
        let offered = [PeerSettings.ikeProposal(.x25519).description]
        #expect(pair.faults == [.refused(.noProposalChosen, offered: offered)])
        pair.expectNothingHeld()
        pair.expectSound()
    }

    @Test func `a group that we did not offer is not taken`() throws {
        let pair = try Pair()
        pair.net.fate = { Self.answer($0, .invalidKEPayload, [0, 21]) }
        pair.start()
        pair.net.run(for: .seconds(1))
        #expect(pair.faults.count == 1)
        guard case .refused(.invalidKEPayload, _)? = pair.faults.first else {
            Issue.record("\(pair.faults)")
            return
        }
        pair.expectNothingHeld()
    }

    @Test func `demands without end are not obeyed without end`() throws {
        let pair = try Pair()
        pair.net.fate = { Self.answer($0, .cookie, [UInt8(truncatingIfNeeded: pair.net.sent.count)]) }
        pair.start()
        pair.net.run(for: .seconds(2))
        #expect(pair.faults == [.unusableAnswer("one more demand for another request")])
        #expect(pair.net.sent.count < 30)
        pair.expectNothingHeld()
    }

    /// An IKE_SA_INIT response of B arrives with nothing in it but a notify.
    private static func answer(_ datagram: Datagram, _ type: NotifyType, _ data: [UInt8]) -> Fate {
        guard datagram.source.address == Addresses.gateway, let message = datagram.ikeMessage,
            let header = try? IKEHeader.decode(message[...]).0, header.exchange == .ikeSAInit,
            let octets = try? IKEMessageEncoder.clear(
                IKEHeader(
                    initiatorSPI: header.initiatorSPI, responderSPI: .zero, exchange: .ikeSAInit,
                    flags: [.response], messageID: 0), [.notify(NotifyPayload(type, data: data))])
        else { return .deliver }
        return .replace(octets)
    }

    @Test func `another key on our side is refused by the peer, and on both sides nothing stays`() throws {
        let pair = try Pair(a: {
            $0.secrets = [
                SharedSecret(name: "x", owners: [], key: SecretBytes(copying: Array("wrong".utf8)[...]))
            ]
        })
        pair.start()
        pair.net.run(for: .seconds(2))
        guard case .refused(.authenticationFailed, _)? = pair.faults.first else {
            Issue.record("\(pair.faults)")
            return
        }
        pair.expectNothingHeld()
        #expect(pair.b.engine.snapshots.isEmpty)
        pair.expectSound()
    }

    @Test func `a peer with another identity than configured is told, and forgets`() throws {
        let pair = try Pair(
            a: { $0.connections[0].remoteIdentity = .exact(.fqdn("c.example.org")) },
            b: { $0.connections[0].localIdentity = nil })
        pair.start()
        pair.net.run(for: .seconds(2))
        guard case .wrongIdentity(_, let expected)? = pair.faults.first else {
            Issue.record("\(pair.faults)")
            return
        }
        #expect(expected.contains("c.example.org"))
        #expect(pair.b.engine.snapshots.isEmpty && pair.b.kernel.inbound.isEmpty)
        pair.expectNothingHeld()
        pair.expectSound()
    }

    @Test(arguments: [NotifyType.tsUnacceptable, .noProposalChosen])
    func `a refused CHILD_SA says what we offered, and ends the IKE_SA`(refusal: NotifyType) throws {
        let pair = try Pair(b: { configuration in
            if refusal == .tsUnacceptable {
                configuration.connections[0].children[0].localSelectors = [
                    .fixed(Configurations.selector("10.99.0.0/24"))
                ]
            } else {
                configuration.connections[0].children[0].proposals = [
                    Proposal(.esp, [.encryption(.aesGCM16, 256), .sequenceNumbers(.extended)])
                ]
            }
        })
        pair.start()
        pair.net.run(for: .seconds(3))
        guard case .refused(refusal, let offered)? = pair.faults.first else {
            Issue.record("\(pair.faults)")
            return
        }
        #expect(offered.contains { $0.contains("10.1.0.0/24 === 10.2.0.0/24") })
        #expect(pair.a.engine.snapshots.isEmpty && pair.b.engine.snapshots.isEmpty)
        pair.expectNothingHeld()
        pair.expectSound()
    }

    @Test func `a peer that narrows our selectors is followed`() throws {
        let part = Configurations.selector("10.2.0.128/25")
        let pair = try Pair(b: { $0.connections[0].children[0].localSelectors = [.fixed(part)] })
        try pair.connect()
        #expect(pair.a.engine.snapshots.first?.children.first?.spec.remoteSelectors == [part])
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test(arguments: [FakeKernel.Kind.allocateSPI, .install])
    func `a data plane that cannot is no reason to stay half up`(kind: FakeKernel.Kind) throws {
        let pair = try Pair()
        pair.a.kernel.failing = [kind]
        pair.start()
        pair.net.run(for: .seconds(3))
        #expect(pair.a.engine.snapshots.isEmpty && pair.b.engine.snapshots.isEmpty)
        pair.expectNothingHeld()
        pair.a.kernel.failing = []
        pair.net.run(upTo: .seconds(60)) { pair.stands }
        #expect(pair.pings())
        pair.expectSound()
    }

    // MARK: Strangers

    @Test func `answers from elsewhere, or to nothing, change nothing`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in pair.net.sent.count == 1 ? .lose : .deliver }
        pair.start()
        pair.net.run(for: .milliseconds(100))
        let request = try #require(pair.net.sent.first?.datagram)
        let header = try IKEHeader.decode(try #require(request.ikeMessage)[...]).0
        func refusal(_ spi: IKESPI) throws -> [UInt8] {
            try IKEMessageEncoder.clear(
                IKEHeader(
                    initiatorSPI: spi, responderSPI: .zero, exchange: .ikeSAInit, flags: [.response],
                    messageID: 0), [.notify(NotifyPayload(.noProposalChosen))])
        }
        let elsewhere = Endpoint(Addresses.otherNAT, 500)
        for (bytes, source) in [
            (try refusal(header.initiatorSPI), elsewhere),
            (try refusal(IKESPI(77)), request.destination),
        ] {
            pair.net.inject(Datagram(source: source, destination: request.source, bytes: bytes))
        }
        pair.net.run(upTo: .seconds(30)) { pair.stands }
        #expect(pair.faults.isEmpty && pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    @Test func `both may begin at the same time`() throws {
        let pair = try Pair(b: { configuration in
            configuration.connections[0].children[0].startAction = .start
            if let range = AddressRange(Addresses.peer, Addresses.peer) {
                configuration.connections[0].remoteAddresses = [.range(range)]
            }
        })
        pair.start()
        pair.b.feed(.started, on: pair.net)
        pair.net.run(for: .seconds(60))
        #expect(pair.stands && !pair.b.engine.snapshots.isEmpty)
        #expect(pair.pings())
        pair.expectSound()
    }

    // MARK: Several at once

    @Test func `INITIAL_CONTACT is said only where there is no other IKE_SA between the identities`() throws {
        let pair = try Pair(
            a: { configuration in
                // Two ways to the same peer.
                var second = configuration.connections[0]
                second.name = "second"
                second.children[0].remoteSelectors = [.fixed(Configurations.selector("10.2.1.0/24"))]
                second.children[0].startAction = .none
                configuration.connections.append(second)
            },
            b: { configuration in
                configuration.connections[0].children[0].localSelectors = [
                    .fixed(Configurations.selector("10.2.0.0/23"))
                ]
            })
        try pair.connect()
        pair.a.feed(.command(commandID: 1, .initiate(connection: "second", child: nil)), on: pair.net)
        pair.net.run(for: .seconds(2))
        #expect(pair.a.engine.snapshots.count == 2)
        #expect(pair.b.engine.snapshots.count == 2)
        pair.expectSound()
    }

    @Test func `a peer that ends the CHILD_SA alone is asked for another on the same IKE_SA`() throws {
        let pair = try Pair()
        try pair.connect()
        pair.b.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: "net")),
            on: pair.net)
        pair.net.run(for: .seconds(1))
        #expect(!pair.stands)
        pair.net.run(upTo: .seconds(30)) { pair.stands }
        #expect(pair.attempts == 1 && pair.pings())
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        pair.expectSound()
    }

    @Test func `an operator's second wish does not begin a second attempt`() throws {
        let pair = try Pair()
        pair.net.fate = { _ in .lose }
        pair.start()
        pair.net.run(for: .seconds(5))
        pair.a.feed(.command(commandID: 1, .initiate(connection: "site-b", child: nil)), on: pair.net)
        guard case .refused(let sentence)? = pair.a.answers[1] else {
            Issue.record("a connection that is being begun was begun again")
            return
        }
        #expect(sentence.contains("being begun already"))
        pair.net.run(for: .seconds(100))
        #expect(pair.attempts == 1)
    }

    @Test func `terminating ends our attempt although the peer's own IKE_SA stands`() throws {
        let pair = try Pair()
        pair.net.fate = { $0.source.address == Addresses.peer ? .lose : .deliver }
        pair.start()
        pair.net.run(for: .seconds(1))
        #expect(pair.a.engine.initiations.count == 1)
        pair.a.feed(
            .command(commandID: 1, .terminate(connection: "site-b", uniqueID: nil, child: nil)), on: pair.net)
        #expect(pair.a.answers[1] == .begun(count: 1))
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(600))
        #expect(!pair.stands && pair.attempts == 1)
        pair.expectNothingHeld()
    }

    @Test(arguments: [UniquenessPolicy.replace, .no, .keep])
    func `both may begin at the same time whatever the policy, and something stands in the end`(
        policy: UniquenessPolicy
    ) throws {
        let pair = try Pair(
            a: { $0.connections[0].uniqueness = policy },
            b: { configuration in
                configuration.connections[0].uniqueness = policy
                configuration.connections[0].children[0].startAction = .start
                if let range = AddressRange(Addresses.peer, Addresses.peer) {
                    configuration.connections[0].remoteAddresses = [.range(range)]
                }
            })
        pair.start()
        pair.b.feed(.started, on: pair.net)
        pair.net.run(for: .seconds(30))
        #expect(pair.stands && !pair.b.engine.snapshots.isEmpty)
        // Neither has ended what the other began.
        let ended = pair.a.events.contains { if case .ikeSAEnded = $0 { true } else { false } }
        #expect(pair.attempts == 1 && !ended && pair.pings())
        pair.expectSound()
    }

    @Test func `an IKE_SA that fails before IKE_AUTH says nothing to the peer`() throws {
        let pair = try Pair(a: { $0.secrets = [] })
        pair.start()
        pair.net.run(for: .seconds(3))
        guard case .noSecret? = pair.faults.first else {
            Issue.record("\(pair.faults)")
            return
        }
        #expect(pair.net.sent.count == 2)
        pair.expectNothingHeld()
    }

    @Test func `selectors of ours that lie in others of ours are offered once, and taken`() throws {
        let pair = try Pair(
            a: { configuration in
                configuration.connections[0].children[0].localSelectors = [
                    .fixed(Configurations.selector("10.1.0.0/24")),
                    .fixed(Configurations.selector("10.1.0.0/28")),
                ]
            })
        try pair.connect()
        #expect(
            pair.a.engine.snapshots.first?.children.first?.spec.localSelectors
                == [Configurations.selector("10.1.0.0/24")])
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test func `a peer that takes us in and throws us out is not called every few seconds`() throws {
        let pair = try Pair()
        pair.start()
        for _ in 0..<40 {
            pair.net.run(for: .seconds(15))
            pair.b.feed(
                .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)),
                on: pair.net)
        }
        // Ten minutes: with a rest of five seconds there would be thirty attempts and more.
        #expect(pair.attempts < 15)
        pair.expectSound()
    }
}
