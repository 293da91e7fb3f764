import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Rekeying that we begin (RFC 7296 §1.3.2, §1.3.3, §2.8).
@Suite(.networkCapture) struct OwnRekeyingTests {
    private static let never = Lifetime(rekey: nil, hard: nil, jitter: .zero)

    /// Two gateways that rekey only when told so, of which A may be told otherwise.
    private func standing(
        seed: UInt64 = 1, a: (inout ConnectionConfiguration) -> Void = { _ in },
        b: (inout ConnectionConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        let quiet = { (configuration: inout GatewayConfiguration) in
            configuration.connections[0].lifetime = Self.never
            configuration.connections[0].children[0].lifetime = Self.never
        }
        let pair = try Pair(
            seed: seed,
            a: {
                quiet(&$0)
                a(&$0.connections[0])
            },
            b: {
                quiet(&$0)
                b(&$0.connections[0])
            })
        try pair.connect()
        pair.net.run(for: .seconds(1))
        return pair
    }

    private func rekeyChild(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        #expect(
            pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a),
            sourceLocation: location)
        pair.net.run(for: .seconds(1))
    }

    private func expectOne(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        #expect(pair.agreedChildren == 1, sourceLocation: location)
        #expect(pair.pings(), sourceLocation: location)
        pair.expectSound(location)
    }

    private func refusals(_ host: EngineHost) -> [(
        type: NotifyType, isVerification: Bool, mismatch: Mismatch
    )] {
        host.events.compactMap {
            guard case .rekeyingRefused(_, _, let type, let isVerification, let mismatch) = $0 else {
                return nil
            }
            return (type, isVerification, mismatch)
        }
    }

    private func method(_ host: EngineHost) -> KeyExchangeMethod? {
        host.engine.snapshots.first?.children.first?.spec.suite.keyExchange
    }

    // MARK: When

    @Test func `a CHILD_SA is rekeyed when its time comes, and within its jitter`() throws {
        let pair = try self.standing(a: {
            $0.children[0].lifetime = Lifetime(
                rekey: .seconds(100), hard: .seconds(120), jitter: .seconds(20))
        })
        let first = try #require(pair.a.kernel.inbound.keys.first)
        pair.net.run(for: .seconds(78))
        #expect(pair.a.kernel.inbound.keys.first == first)
        pair.net.run(for: .seconds(22))
        let second = try #require(pair.a.kernel.inbound.keys.first)
        #expect(second != first)
        self.expectOne(pair)
        for _ in 0..<10 {
            pair.net.run(for: .seconds(100))
            self.expectOne(pair)
        }
        #expect(pair.a.engine.snapshots.count == 1)
        #expect(
            !pair.a.events.contains { if case .childSAEnded(_, _, _, .expired) = $0 { true } else { false } })
    }

    @Test func `an IKE_SA is rekeyed when its time comes, and takes its CHILD_SA along`() throws {
        let pair = try self.standing(a: {
            $0.lifetime = Lifetime(rekey: .seconds(100), hard: .seconds(120), jitter: .seconds(20))
        })
        let first = try #require(pair.a.engine.snapshots.first)
        pair.net.run(for: .seconds(100))
        let second = try #require(pair.a.engine.snapshots.first)
        #expect(second.initiatorSPI != first.initiatorSPI && second.isOriginalInitiator)
        #expect(second.rekeyCount == 1 && second.establishedAt == first.establishedAt)
        #expect(second.children.map(\.spec.inboundSPI) == first.children.map(\.spec.inboundSPI))
        for _ in 0..<10 {
            pair.net.run(for: .seconds(100))
            self.expectOne(pair)
        }
        pair.net.run(upTo: .seconds(100)) { pair.agreedIKESAs == 1 }
        #expect(pair.agreedIKESAs == 1)
        #expect(pair.attempts == 1)
    }

    @Test func `a soft expiry in the kernel rekeys the CHILD_SA`() throws {
        let pair = try self.standing()
        let spec = try #require(pair.a.engine.snapshots.first?.children.first?.spec)
        for identifier in [
            SAIdentifier(spi: spec.outboundSPI, destination: Addresses.gateway),
            SAIdentifier(spi: spec.inboundSPI, destination: Addresses.peer),
        ] {
            pair.a.feed(
                .dataPlaneEvent(.expired(identifier, reqid: spec.reqid, isHard: false)), on: pair.net)
        }
        pair.net.run(for: .seconds(1))
        #expect(pair.a.kernel.inbound.keys.first != spec.inboundSPI)
        // Both halves said so: once is enough.
        let rekeyed = pair.a.events.count {
            if case .childSAInstalled(_, _, _, _?) = $0 { true } else { false }
        }
        #expect(rekeyed == 1)
        self.expectOne(pair)
    }

    @Test func `an operator's rekey without a child renews the IKE_SA alone`() throws {
        let pair = try self.standing()
        let spi = pair.a.kernel.inbound.keys.first
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .seconds(300))
        #expect(pair.a.engine.snapshots.first?.rekeyCount == 1)
        #expect(pair.a.kernel.inbound.keys.first == spi)
        #expect(pair.agreedIKESAs == 1)
        self.expectOne(pair)
    }

    @Test func `what cannot be rekeyed is refused with a sentence`() throws {
        let pair = try self.standing()
        for (command, text) in [
            (
                OperatorCommand.rekey(connection: "nowhere", uniqueID: nil, child: nil),
                "there is no connection"
            ),
            (.rekey(connection: "site-b", uniqueID: 77, child: nil), "has no IKE_SA"),
            (.rekey(connection: "site-b", uniqueID: nil, child: "other"), "has no child 'other'"),
        ] {
            pair.a.feed(.command(commandID: 9, command), on: pair.net)
            guard case .refused(let sentence)? = pair.a.answers[9] else {
                Issue.record("\(command) is not refused")
                continue
            }
            #expect(sentence.contains(text))
        }
    }

    // MARK: Without a gap

    @Test func `what the peer sent on the old CHILD_SA before our DELETE reached it still arrives`() throws {
        let pair = try self.standing()
        let reqid = try #require(pair.b.engine.snapshots.first?.children.first?.spec.reqid)
        // B sends each millisecond, so packets are under way at each step of the rekeying.
        for index in 0..<200 {
            pair.net.after(.milliseconds(index)) { net in pair.b.say("packet \(index)", reqid: reqid, on: net)
            }
        }
        pair.net.after(.milliseconds(50)) { _ in
            pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a)
        }
        pair.net.run(for: .seconds(1))
        #expect(pair.a.heard.filter { $0.hasPrefix("packet") }.count == 200)
        self.expectOne(pair)
    }

    @Test func `what we send during the rekeying arrives, too`() throws {
        let pair = try self.standing()
        pair.a.kernelDelay = .milliseconds(20)
        pair.b.kernelDelay = .milliseconds(30)
        let reqid = try #require(pair.a.engine.snapshots.first?.children.first?.spec.reqid)
        for index in 0..<400 {
            pair.net.after(.milliseconds(index)) { net in pair.a.say("packet \(index)", reqid: reqid, on: net)
            }
        }
        self.rekeyChild(pair)
        #expect(pair.b.heard.filter { $0.hasPrefix("packet") }.count == 400)
        self.expectOne(pair)
    }

    // MARK: Groups

    @Test func `with a group configured on both sides each rekeying makes fresh keys`() throws {
        let pfs = { (connection: inout ConnectionConfiguration) in
            connection.children[0].proposals = [
                Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.x25519)])
            ]
        }
        let pair = try self.standing(a: pfs, b: pfs)
        #expect(self.method(pair.a) == nil)
        for _ in 0..<3 {
            self.rekeyChild(pair)
            #expect(self.method(pair.a) == .x25519 && self.method(pair.b) == .x25519)
            self.expectOne(pair)
        }
        #expect(self.refusals(pair.a).isEmpty)
    }

    @Test func `a peer that wants another of our groups gets it at the second try`() throws {
        let groups = { (order: [KeyExchangeMethod]) in
            { (connection: inout ConnectionConfiguration) in
                connection.children[0].proposals = [
                    Proposal(.esp, PeerSettings.espProposal.transforms + order.map { .keyExchange($0) })
                ]
            }
        }
        let pair = try self.standing(a: groups([.ecp256, .x25519]), b: groups([.x25519, .ecp256]))
        self.rekeyChild(pair)
        #expect(self.method(pair.a) == .x25519)
        self.expectOne(pair)
        // And begins with it the next time: one exchange for the rekeying, and one for the DELETE.
        let sent = pair.net.sent.count
        self.rekeyChild(pair)
        #expect(pair.net.sent.count == sent + 4)
        #expect(self.refusals(pair.a).isEmpty)
        self.expectOne(pair)
    }

    @Test func `a peer that insists on PFS gets it with a group of ours for IKE, and we say so`() throws {
        let pair = try self.standing(b: {
            $0.children[0].proposals = [
                Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.x25519)])
            ]
        })
        self.rekeyChild(pair)
        #expect(self.method(pair.a) == .x25519)
        let said = pair.a.events.contains {
            if case .pfsDiffers(_, "net", [], .x25519?) = $0 { true } else { false }
        }
        #expect(said)
        self.expectOne(pair)
        // The next one begins with what worked.
        let refused = pair.b.events.count { if case .mismatch = $0 { true } else { false } }
        self.rekeyChild(pair)
        #expect(pair.b.events.count { if case .mismatch = $0 { true } else { false } } == refused)
        self.expectOne(pair)
    }

    @Test func `a peer that has none of our groups leaves the tunnel standing, with both offers and a cure`()
        throws
    {
        let pair = try self.standing(a: {
            $0.children[0].proposals = [
                Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.ecp384)])
            ]
        })
        let spi = pair.a.kernel.inbound.keys.first
        self.rekeyChild(pair)
        #expect(pair.a.kernel.inbound.keys.first == spi)
        let refusal = try #require(self.refusals(pair.a).first)
        #expect(refusal.type == .noProposalChosen && !refusal.isVerification)
        #expect(refusal.mismatch.ours == ["aes128gcm16-ecp384"])
        #expect(refusal.mismatch.cure == "esp_proposals = aes128gcm16")
        self.expectOne(pair)
        // It is not asked again each second.
        let asked = pair.net.sent.count
        pair.net.run(for: .seconds(50))
        #expect(pair.net.sent.count == asked)
        pair.net.run(for: .seconds(50))
        #expect(self.refusals(pair.a).count == 2)
        self.expectOne(pair)
    }

    // MARK: On trial

    private func verified(_ host: EngineHost) -> Int {
        host.events.count { if case .rekeyingVerified = $0 { true } else { false } }
    }

    @Test func `verify_rekey tries one rekeying half a minute after the first CHILD_SA`() throws {
        let pair = try self.standing(a: { $0.verifiesRekeying = true }, b: { $0.verifiesRekeying = true })
        let first = pair.a.kernel.inbound.keys.first
        pair.net.run(for: .seconds(28))
        #expect(pair.a.kernel.inbound.keys.first == first)
        pair.net.run(for: .seconds(8))
        #expect(pair.a.kernel.inbound.keys.first != first)
        let second = pair.a.kernel.inbound.keys.first
        pair.net.run(for: .seconds(600))
        // Neither A again nor B.
        #expect(pair.a.kernel.inbound.keys.first == second)
        #expect(self.verified(pair.a) == 1 && self.verified(pair.b) == 0)
        self.expectOne(pair)
    }

    @Test func `verify_rekey of a responder tries if the initiator does not`() throws {
        let pair = try self.standing(b: { $0.verifiesRekeying = true })
        pair.net.run(for: .seconds(60))
        #expect(self.verified(pair.b) == 1)
        self.expectOne(pair)
    }

    @Test func `verify_rekey warns once that groups differ, and the tunnel stays`() throws {
        let pair = try self.standing(a: {
            $0.verifiesRekeying = true
            $0.children[0].proposals = [
                Proposal(.esp, PeerSettings.espProposal.transforms + [.keyExchange(.ecp384)])
            ]
        })
        pair.net.run(for: .seconds(600))
        #expect(self.refusals(pair.a).map(\.isVerification) == [true])
        self.expectOne(pair)
    }

    // MARK: Refusals

    @Test func `a CHILD_SA that the peer has lost is made from scratch`() throws {
        let pair = try self.standing()
        let lost = try #require(pair.b.engine.context.directory.all.first)
        // B forgets it without a word.
        var turn = Turn(now: pair.net.now, outbox: Outbox())
        lost.removeFromDataPlane(lost.children[0], .lostByDataPlane, &turn)
        for case .dataPlane(let request) in turn.outbox.drain() {
            _ = pair.b.kernel.handle(request.operation)
        }
        lost.children = []
        self.rekeyChild(pair)
        let ends = pair.a.events.compactMap {
            if case .childSAEnded(_, _, _, let reason) = $0 { reason } else { nil }
        }
        #expect(ends == [.unknownToPeer])
        self.expectOne(pair)
    }

    @Test func `a peer that is busy is asked again soon`() throws {
        let pair = try self.standing()
        let spi = pair.a.kernel.inbound.keys.first
        // B's own rekeying of the IKE_SA is under way, and its messages do not get through for a while.
        pair.net.fate = { $0.source.address == Addresses.gateway ? .delay(.seconds(1)) : .deliver }
        #expect(pair.command(.rekey(connection: "site-a", uniqueID: nil, child: nil), of: pair.b))
        pair.net.run(for: .milliseconds(100))
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(2))
        let postponed = pair.a.events.contains { if case .rekeyingPostponed = $0 { true } else { false } }
        #expect(postponed)
        #expect(pair.a.kernel.inbound.keys.first == spi)
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(200))
        #expect(pair.a.kernel.inbound.keys.first != spi)
        #expect(pair.agreedIKESAs == 1)
        self.expectOne(pair)
    }

    @Test func `an IKE_SA whose proposals the peer does not take any more stays`() throws {
        let pair = try self.standing()
        var other = Configurations.site()
        other.connections = pair.b.engine.context.configuration.connections
        other.connections[0].proposals = [PeerSettings.ikeProposal(.ecp384)]
        // B's connection is another one now; its IKE_SA goes by what it was made with.
        for ikeSA in pair.b.engine.context.directory.all { ikeSA.connection = other.connections[0] }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .seconds(1))
        let refusal = try #require(self.refusals(pair.a).first)
        #expect(refusal.type == .noProposalChosen && refusal.mismatch.subject == .ikeProposal)
        #expect(pair.a.engine.snapshots.first?.rekeyCount == 0)
        self.expectOne(pair)
    }

    @Test func `a data plane that cannot install the new CHILD_SA keeps the old one`() throws {
        let pair = try self.standing()
        let spi = pair.a.kernel.inbound.keys.first
        pair.a.kernel.failing = [.install]
        self.rekeyChild(pair)
        #expect(pair.a.kernel.inbound.keys.first == spi)
        #expect(pair.agreedChildren == 1)
        self.expectOne(pair)
        pair.a.kernel.failing = []
        pair.net.run(for: .seconds(20))
        #expect(pair.a.kernel.inbound.keys.first != spi)
        self.expectOne(pair)
    }

    @Test func `an operator who ends a CHILD_SA during its rekeying gets rid of both`() throws {
        let pair = try CollisionTests.standing(seed: 1)
        pair.net.fate = { $0.source.address == Addresses.gateway ? .delay(.milliseconds(500)) : .deliver }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .milliseconds(50))
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(20))
        #expect(pair.agreedChildren == 0)
        pair.expectSound()
    }

    /// Seen with a peer that dropped our answer to its rekeying, and then rekeyed the IKE_SA instead of asking again.
    @Test func `a successor that the peer has lost takes its predecessor along`() throws {
        let pair = try Pair()
        try pair.connect()
        // A's DELETE of the old CHILD_SA never comes.
        pair.net.fate = { datagram in
            // Behind the non-ESP marker, if there is one: exchange type and flags.
            let bytes = datagram.bytes.dropFirst(datagram.source.port == IKEPort.natTraversal ? 22 : 18)
            let isInformational = bytes.first == ExchangeType.informational.rawValue
            let isRequest = (bytes.dropFirst().first ?? 0) & 0x20 == 0
            let isFromA = pair.a.addresses.contains(datagram.source.address)
            return isFromA && isInformational && isRequest ? .lose : .deliver
        }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(1))
        let ikeSA = try #require(pair.a.engine.context.directory.all.first)
        #expect(pair.b.engine.snapshots.flatMap(\.children).count == 2)
        ikeSA.children = []
        #expect(pair.command(.rekey(connection: "site-a", uniqueID: nil, child: "net"), of: pair.b))
        pair.net.run(for: .seconds(2))
        #expect(pair.b.engine.snapshots.flatMap(\.children).count == 1)
        #expect(pair.b.kernel.inbound.count == 1 && pair.b.kernel.violations.isEmpty)
    }
}
