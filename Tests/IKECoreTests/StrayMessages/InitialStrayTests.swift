import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Messages for IKE_SAs that are not there yet: the key exchange for the peer's IKE_SA_INIT is under way, or ours has gone
/// out once more with what the peer demanded (RFC 7296 §1.2, §2.1, §2.6, §2.21.4).
@Suite(.networkCapture) struct InitialStrayTests {
    // MARK: The peer's, whose key exchange is under way

    /// What comes meanwhile, with the SPI of the request.
    enum Early: String, CaseIterable, Sendable {
        case authentication
        case authenticationInClear
        case informational
        case informationalInClear
        case initialRequestWithResponderSPI
        case initialResponse
        case initialErrorResponse
        case authenticationResponse
        case informationalResponse

        /// Why it is dropped.
        var reason: DropReason {
            switch self {
            // We have begun nothing.
            case .initialResponse, .initialErrorResponse: .unexpectedResponse
            // There is no IKE_SA yet.
            case .authentication, .authenticationInClear, .informational, .informationalInClear,
                .initialRequestWithResponderSPI, .authenticationResponse, .informationalResponse:
                .unknownSPI
            }
        }

        var isResponse: Bool {
            switch self {
            case .initialResponse, .initialErrorResponse, .authenticationResponse, .informationalResponse:
                true
            case .authentication, .authenticationInClear, .informational, .informationalInClear,
                .initialRequestWithResponderSPI:
                false
            }
        }

        /// Its octets, with this SPI of ours, which nobody can know yet.
        func octets(_ initiatorSPI: IKESPI, _ responderSPI: IKESPI) throws -> [UInt8] {
            let header = { (exchange: ExchangeType, messageID: UInt32) in
                IKEHeader(
                    initiatorSPI: initiatorSPI, responderSPI: responderSPI, exchange: exchange,
                    flags: self.isResponse ? [.response] : [.initiator], messageID: messageID)
            }
            let error: [Payload] = [.notify(NotifyPayload(.noProposalChosen))]
            switch self {
            case .authentication, .authenticationResponse: return try Self.sealed(header(.ikeAuth, 1))
            case .informational, .informationalResponse: return try Self.sealed(header(.informational, 2))
            case .authenticationInClear: return try IKEMessageEncoder.clear(header(.ikeAuth, 1), [])
            case .informationalInClear:
                return try IKEMessageEncoder.clear(header(.informational, 0), [.delete(.ikeSA)])
            case .initialRequestWithResponderSPI, .initialResponse:
                return try IKEMessageEncoder.clear(
                    header(.ikeSAInit, 0), [.nonce(NoncePayload(nonce: [UInt8](repeating: 7, count: 32)))])
            case .initialErrorResponse: return try IKEMessageEncoder.clear(header(.ikeSAInit, 0), error)
            }
        }

        /// An Encrypted payload with what nobody has keys for (RFC 7296 §3.14).
        private static func sealed(_ header: IKEHeader) throws -> [UInt8] {
            let body = [UInt8](repeating: 0x5a, count: 48)
            var head = Array(try IKEMessageEncoder.clear(header, []).prefix(IKEHeader.length))
            head[16] = 46
            let length = UInt8(4 + body.count)
            head.replaceSubrange(24..<28, with: [0, 0, 0, UInt8(IKEHeader.length) + length])
            return head + [0, 0, 0, length] + body
        }
    }

    /// A gateway whose key exchanges take three seconds, with a request that waits for its own.
    private func waiting() throws -> Bench {
        let bench = Bench()
        bench.gateway.keyExchangeDelay = .seconds(3)
        try bench.peer.connect()
        bench.net.run(for: .milliseconds(100))
        try #require(bench.engine.tableSizes.keyAgreements == 1)
        return bench
    }

    /// The gateway gets these octets from where the peer is.
    private func feed(_ octets: [UInt8], to bench: Bench) {
        bench.gateway.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: octets, source: Endpoint(Addresses.peer, IKEPort.ike),
                    destination: Endpoint(Addresses.gateway, IKEPort.ike), socket: .ike)), on: bench.net)
    }

    @Test(arguments: Early.allCases, [IKESPI.zero, IKESPI(0x0bad_0bad_0bad_0bad)])
    func `what comes for an IKE_SA whose keys are being made is of no IKE_SA`(
        early: Early, responderSPI: IKESPI
    ) throws {
        // Without an SPI of ours it is a request as any other.
        if early == .initialRequestWithResponderSPI, responderSPI == .zero { return }
        let bench = try self.waiting()
        // The peer does not get to see the gateway's answers to others.
        bench.net.fate = { $0.source.address == Addresses.gateway ? .lose : .deliver }
        let before = (sizes: bench.engine.tableSizes, events: bench.gateway.events.count)
        let counters = bench.engine.counters
        let sent = bench.net.sent.count
        self.feed(try early.octets(bench.peer.initiatorSPI, responderSPI), to: bench)
        #expect(bench.engine.tableSizes == before.sizes && bench.gateway.events.count == before.events)
        #expect(bench.engine.halfOpenCount == 1)
        #expect(bench.engine.counters.dropped(early.reason) == counters.dropped(early.reason) + 1)
        let answers = try bench.net.sent.dropFirst(sent).compactMap(\.datagram.ikeMessage).map {
            try DecodedMessage.decode($0)
        }
        // RFC 7296 §1.5: who asks may be told, in clear, and an answer never has an answer.
        #expect(answers.count == (early.isResponse ? 0 : 1))
        #expect(answers.allSatisfy { $0.payloads.notifies.first?.type == .invalidIKESPI })
        #expect(answers.allSatisfy { $0.protection == .none && $0.header.flags.contains(.response) })
        bench.net.fate = { _ in .deliver }
        bench.net.run(upTo: .seconds(60)) { bench.peer.outstanding.isEmpty }
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    /// RFC 7296 §2.1: all of a request says which it is, not its SPI alone.
    @Test
    func `a different request with the same SPI waits for keys of its own, and each gets its own answer`()
        throws
    {
        let bench = try self.waiting()
        let first = try #require(bench.net.sent.first?.datagram.bytes)
        let other: [UInt8] = first.dropLast() + [first[first.count - 1] ^ 1]
        let sent = bench.net.sent.count
        for _ in 0..<2 { self.feed(other, to: bench) }
        #expect(bench.engine.tableSizes.keyAgreements == 2 && bench.engine.halfOpenCount == 2)
        // The second of them has come again.
        #expect(bench.engine.counters.dropped(.outsideWindow) == 1)
        #expect(bench.net.sent.count == sent)
        // Nothing of the peer's comes any more until both are answered.
        bench.net.fate = { _ in .lose }
        bench.net.run(for: .milliseconds(3_100))
        let answers = bench.net.sent.map(\.datagram).filter { $0.source.address == Addresses.gateway }
            .map(\.bytes)
        #expect(answers.count == 2 && answers.first != answers.last)
        #expect(bench.engine.context.directory.count == 2 && bench.engine.halfOpenCount == 2)
        for (request, answer) in zip([first, other], answers) {
            let sent = bench.net.sent.count
            self.feed(request, to: bench)
            #expect(bench.net.sent.dropFirst(sent).map(\.datagram.bytes) == [answer])
        }
        bench.net.fate = { _ in .deliver }
        bench.net.run(upTo: .seconds(60)) { bench.peer.outstanding.isEmpty }
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        // The one that nobody goes on with is forgotten.
        #expect(bench.engine.halfOpenCount == 1)
        bench.net.run(for: .seconds(40))
        #expect(bench.engine.context.directory.count == 1 && bench.engine.halfOpenCount == 0)
        #expect(try bench.pings())
        bench.expectSound()
    }

    // MARK: Ours, after a detour

    /// Answers that make A begin anew: it has shown a cookie, or taken another group, or both.
    enum Detour: String, CaseIterable, Sendable {
        case cookie
        case group
        case cookieThenGroup
        case groupThenCookie

        var payloads: [Payload] {
            let cookie = Payload.notify(NotifyPayload(.cookie, data: [1, 2, 3]))
            let group = Payload.notify(NotifyPayload(.invalidKEPayload, data: [0, 19]))
            switch self {
            case .cookie: return [cookie]
            case .group: return [group]
            case .cookieThenGroup: return [cookie, group]
            case .groupThenCookie: return [group, cookie]
            }
        }

        var cookie: [UInt8]? { self == .group ? nil : [1, 2, 3] }
        var group: KeyExchangeMethod { self == .cookie ? .x25519 : .ecp256 }
    }

    /// A's attempt, with x25519 first and ecp256 and ecp384 after that, which nobody answers. B likes them the other way round.
    private func attempting(_ detour: Detour) throws -> (Pair, Initiation) {
        let others = PeerSettings.ikeProposal(.x25519).transforms.filter { $0.type != .keyExchange }
        let groups = [KeyExchangeMethod.x25519, .ecp256, .ecp384].map { Transform.keyExchange($0) }
        let pair = try Pair(
            a: {
                $0.connections[0].children[0].startAction = .none
                $0.connections[0].proposals = [Proposal(.ike, others + groups)]
            }, b: { $0.connections[0].proposals = [Proposal(.ike, others + groups.reversed())] })
        pair.net.fate = { _ in .lose }
        pair.command(.initiate(connection: "site-b", child: nil), of: pair.a)
        let initiation = try #require(pair.a.engine.initiations.values.first)
        for payload in detour.payloads { try self.answer([payload], to: initiation, of: pair) }
        return (pair, initiation)
    }

    /// A gets an answer to its IKE_SA_INIT.
    private func answer(
        _ payloads: [Payload], to initiation: Initiation, of pair: Pair,
        from source: Endpoint = Endpoint(Addresses.gateway, IKEPort.ike),
        _ change: (inout IKEHeader) -> Void = { _ in }
    ) throws {
        var header = IKEHeader(
            initiatorSPI: initiation.spi, responderSPI: .zero, exchange: .ikeSAInit, flags: [.response],
            messageID: 0)
        change(&header)
        pair.a.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: try IKEMessageEncoder.clear(header, payloads), source: source,
                    destination: Endpoint(Addresses.peer, IKEPort.ike), socket: .ike)), on: pair.net)
    }

    /// The cookie and the group of A's last request.
    private func lastRequest(_ pair: Pair) throws -> (cookie: [UInt8]?, group: KeyExchangeMethod?) {
        let octets = try #require(pair.net.sent.last?.datagram.ikeMessage)
        let payloads = try DecodedMessage.decode(octets).payloads
        return (payloads.notify(.cookie)?.data, payloads.keyExchange?.method)
    }

    private func expectConnects(_ pair: Pair) {
        pair.net.fate = { _ in .deliver }
        pair.net.run(upTo: .seconds(60)) { pair.stands }
        pair.net.run(for: .milliseconds(100))
        #expect(pair.agreedChildren == 1 && pair.agreedIKESAs == 1 && pair.attempts == 1)
        #expect(pair.pings())
        pair.expectSound()
    }

    @Test(arguments: Detour.allCases)
    func `after a detour, what is no answer is still none`(detour: Detour) throws {
        let (pair, initiation) = try self.attempting(detour)
        let request = try self.lastRequest(pair)
        #expect(request.cookie == detour.cookie && request.group == detour.group)
        let error: [Payload] = [.notify(NotifyPayload(.noProposalChosen))]
        // The refusal of the request before, once more: our group is the one that it wants.
        let own = detour.group.rawValue
        let sameGroup = Payload.notify(
            NotifyPayload(.invalidKEPayload, data: [UInt8(own >> 8), UInt8(own & 0xff)]))
        let table: [(DropReason, [Payload], (inout IKEHeader) -> Void)] = [
            (.malformed, [sameGroup], { _ in }),
            (.malformed, [.notify(NotifyPayload(.cookie, data: []))], { _ in }),
            (.malformed, [.notify(NotifyPayload(.invalidKEPayload, data: [19]))], { _ in }),
            (.malformed, [Stray.critical] + error, { _ in }),
            (.malformed, [], { _ in }),
            (.unexpectedResponse, error, { $0.messageID = 1 }),
            (.unexpectedResponse, error, { $0.flags = [.response, .initiator] }),
            (.unexpectedResponse, error, { $0.initiatorSPI = IKESPI(5) }),
            (.unknownSPI, error, { $0.exchange = .ikeAuth }),
            (.unknownSPI, error, { $0.exchange = .informational }),
        ]
        for (index, (reason, payloads, change)) in table.enumerated() {
            let sent = pair.net.sent.count
            let counters = pair.a.engine.counters
            try self.answer(payloads, to: initiation, of: pair, change)
            #expect(pair.a.engine.counters.dropped(reason) == counters.dropped(reason) + 1, "line \(index)")
            #expect(pair.net.sent.count == sent && pair.faults.isEmpty, "line \(index)")
        }
        for source in [
            Endpoint(Addresses.otherNAT, IKEPort.ike), Endpoint(Addresses.gateway, IKEPort.natTraversal),
        ] {
            let counters = pair.a.engine.counters.dropped(.unexpectedResponse)
            try self.answer(error, to: initiation, of: pair, from: source)
            #expect(pair.a.engine.counters.dropped(.unexpectedResponse) == counters + 1)
        }
        #expect(pair.a.engine.initiations.count == 1)
        self.expectConnects(pair)
    }

    @Test(arguments: Detour.allCases)
    func `after a detour, another demand is met as well, and what was demanded before is kept`(
        detour: Detour
    ) throws {
        let (pair, initiation) = try self.attempting(detour)
        var sent = pair.net.sent.count
        // Its secret has changed (RFC 7296 §2.6).
        try self.answer([.notify(NotifyPayload(.cookie, data: [4, 5]))], to: initiation, of: pair)
        var request = try self.lastRequest(pair)
        #expect(request.cookie == [4, 5] && request.group == detour.group)
        try self.answer(
            [.notify(NotifyPayload(.invalidKEPayload, data: [0, 20]))], to: initiation, of: pair)
        request = try self.lastRequest(pair)
        #expect(request.cookie == [4, 5] && request.group == .ecp384)
        #expect(pair.net.sent.count == sent + 2)
        // Nothing is left of the request before: what comes again is what was sent last.
        sent = pair.net.sent.count
        let last = try #require(pair.net.sent.last?.datagram.bytes)
        pair.net.run(for: .seconds(10))
        let again = pair.net.sent.dropFirst(sent).map(\.datagram.bytes)
        #expect(!again.isEmpty && again.allSatisfy { $0 == last })
        self.expectConnects(pair)
        #expect(pair.a.engine.context.directory.all.first?.keys.suite.keyExchange == .ecp384)
    }

    @Test(arguments: Detour.allCases)
    func `after a detour, a group that we did not offer, and an error, end the attempt`(detour: Detour) throws
    {
        for notify in [
            NotifyPayload(.invalidKEPayload, data: [0, 21]), NotifyPayload(.noProposalChosen),
        ] {
            let (pair, initiation) = try self.attempting(detour)
            try self.answer([.notify(notify)], to: initiation, of: pair)
            guard case .refused(notify.type, _)? = pair.faults.first else {
                Issue.record("\(pair.faults)")
                continue
            }
            pair.expectNothingHeld()
            pair.expectSound()
        }
    }

    /// The peer's answer to the request before the detour, which it took in after all. It has a public value of a group that
    /// we have none for any more.
    @Test func `after another group, an answer with the first one ends the attempt and makes no IKE_SA`()
        throws
    {
        let (pair, initiation) = try self.attempting(.group)
        let proposal = ProposalSubstructure(
            number: 1, protocolID: .ike, transforms: PeerSettings.ikeProposal(.x25519).transforms)
        try self.answer(
            [
                .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
                .keyExchange(
                    KeyExchangePayload(method: .x25519, data: [9] + [UInt8](repeating: 0, count: 31))),
                .nonce(NoncePayload(nonce: [UInt8](repeating: 7, count: 32))),
            ], to: initiation, of: pair
        ) { $0.responderSPI = IKESPI(77) }
        #expect(pair.faults == [.unusableAnswer("a public value of another group")])
        #expect(pair.a.engine.context.directory.count == 0)
        pair.expectNothingHeld()
        pair.expectSound()
    }
}
