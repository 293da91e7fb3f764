import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Answers that are authentic and due, and make no sense for what was asked (RFC 7296 §2.21.3).
@Suite(.networkCapture) struct SenselessAnswerTests {
    /// What the peer answers, whatever was asked.
    enum Reply: String, CaseIterable, Sendable {
        case nothing
        /// Fatal on both sides.
        case invalidSyntax
        /// A refusal, even of what cannot be refused.
        case tsUnacceptable
        /// What would answer another request.
        case anotherKind
    }

    /// Those in which a request of ours is under way.
    static let places = Situation.all.filter { $0.situation.asks != nil }

    /// True if the IKE_SA goes on.
    static func goesOn(_ situation: Situation, _ reply: Reply) -> Bool {
        // Nothing came of the one, and the others were to end.
        let isOverAnyway =
            [.awaitingAuthentication, .authenticatingAnew, .unwanted, .refusing, .closing, .replaced]
            .contains(situation)
        // Without our COOKIE2 it is not from where it should be: "the IKE_SA MUST be closed" (RFC 4555 §3.7).
        let lacksCookie = [.updatingAddresses, .checkingAddress].contains(situation)
        return reply != .invalidSyntax && !isOverAnyway && !lacksCookie
    }

    @Test(arguments: Self.places, Reply.allCases)
    func `an answer without sense ends what was asked, and INVALID_SYNTAX the IKE_SA`(
        place: Place, reply: Reply
    )
        throws
    {
        let subject = try Subject(place)
        let ikeSA = subject.ikeSA
        let forger = Forger(ikeSA)
        let asked = forger.ourRequest
        let exchange = try #require(place.situation.asks)
        let header = forger.header(exchange, asked, isResponse: true)
        forger.feed(
            try forger.seal(header, Self.payloads(reply, place.situation)), to: subject.host, subject.pair.net
        )
        #expect(ikeSA.requests.outstanding?.messageID != asked)
        #expect(ikeSA.requestedChild == nil && ikeSA.requestedSuccessor == nil)
        #expect(subject.host.kernel.reserved.isEmpty)
        let goesOn = Self.goesOn(place.situation, reply)
        #expect((ikeSA.established != nil) == goesOn)
        if goesOn, place.situation != .deletingChild {
            #expect(ikeSA.children.contains { $0.state == .installed })
        } else {
            // What was replaced may go on receiving for a while.
            #expect(ikeSA.children.allSatisfy { $0.state == .retiring })
            #expect(ikeSA.children.isEmpty || place.situation == .replaced)
        }
        subject.pair.net.run(for: .seconds(2))
        if [.authenticatingAnew, .replaced].contains(place.situation) {
            // The other IKE_SA stands, and the tunnel with it.
            subject.pair.net.run(for: .seconds(40))
            #expect(ikeSA.children.isEmpty && subject.host.engine.snapshots.count == 1)
            #expect(subject.pair.pings())
        }
        subject.pair.expectSound()
    }

    private static func payloads(_ reply: Reply, _ situation: Situation) -> [Payload] {
        switch reply {
        case .nothing: return []
        case .invalidSyntax: return [.notify(NotifyPayload(.invalidSyntax))]
        case .tsUnacceptable: return [.notify(NotifyPayload(.tsUnacceptable))]
        case .anotherKind:
            guard situation.asks == .createChildSA else { return [.delete(.ikeSA)] }
            let isForChild = situation != .rekeyingIKESA
            let proposal = ProposalSubstructure(
                number: 1, protocolID: isForChild ? .ike : .esp,
                spi: isForChild ? IKESPI(77).bytes : ESPSPI(0xabcd_0001).bytes,
                transforms: (isForChild ? PeerSettings.ikeProposal(.x25519) : PeerSettings.espProposal)
                    .transforms)
            return [
                .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 9, count: 32))),
            ]
        }
    }
}
