import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Every state of every machine of an IKE_SA gets every message that cannot be for it (RFC 7296 §2.1–§2.3, §2.5, §2.21,
/// §3.1).
@Suite(.networkCapture) struct StrayMessageTests {
    @Test(arguments: Situation.all)
    func `a message that no state takes in changes nothing`(place: Place) throws {
        let subject = try Subject(place)
        let forger = Forger(subject.ikeSA)
        for stray in Stray.allCases {
            let octets = try stray.octets(forger, asks: place.situation.asks)
            let before = subject.state()
            let counters = subject.host.engine.counters
            let sent = subject.pair.net.sent.count
            forger.feed(octets, to: subject.host, subject.pair.net)
            let answers = subject.pair.net.sent.dropFirst(sent).compactMap(\.datagram.ikeMessage)
            let comment: Comment = "\(stray.rawValue)"
            #expect(subject.state() == before, comment)
            let drops = subject.drops(since: counters)
            switch stray.fate(place) {
            case .dropped(let reason):
                #expect(drops == [reason], comment)
                #expect(answers.isEmpty, comment)
            case .kept:
                #expect(drops.isEmpty, comment)
                #expect(answers.isEmpty, comment)
            case .repeated:
                #expect(drops.isEmpty, comment)
                #expect(subject.host.engine.counters.repeatedAnswers == counters.repeatedAnswers + 1, comment)
                #expect(answers.count == 1 && subject.hasSent(answers, before: sent), comment)
            case .told(let reason, let notify):
                #expect(drops == [reason], comment)
                let told = try answers.map { try DecodedMessage.decode($0) }
                #expect(told.map { $0.payloads.notifies.first?.type } == [notify], comment)
                #expect(told.allSatisfy { $0.protection == .none }, comment)
            }
        }
        subject.expectGoesOn()
    }

    /// One after the other, with time to act in between, as an attacker on the path could send them.
    @Test(arguments: [Situation.Side.a, .b])
    func `a stray after each message disturbs neither setting up nor rekeying`(side: Situation.Side) throws {
        let pair = try Pair(a: { $0.connections[0].children[0].startAction = .none })
        var strays = 0
        // Each message is followed by a stray for every IKE_SA of the side.
        pair.net.fate = { _ in
            let host = side == .a ? pair.a : pair.b
            pair.net.after(.milliseconds(6)) { net in
                for ikeSA in host.engine.context.directory.all {
                    let forger = Forger(ikeSA)
                    let stray = Stray.allCases[strays % Stray.allCases.count]
                    // Answers of ours to strays would go on for ever.
                    if case .told = stray.fate(Place(situation: .idle, side: .b)) { continue }
                    if stray == .lastRequestAgain { continue }
                    let asks = ikeSA.requests.outstanding?.request.exchange
                    guard let octets = try? stray.octets(forger, asks: asks) else { continue }
                    forger.feed(octets, to: host, net)
                }
                strays += 1
            }
            return .deliver
        }
        #expect(pair.command(.initiate(connection: "site-b", child: nil), of: pair.a))
        pair.net.run(for: .seconds(5))
        for (host, name) in [(pair.a, "site-b"), (pair.b, "site-a")] {
            for child in ["net", nil] {
                #expect(pair.command(.rekey(connection: name, uniqueID: nil, child: child), of: host))
                pair.net.run(for: .seconds(5))
            }
        }
        #expect(strays > 20)
        #expect(pair.agreedChildren == 1 && pair.pings())
        pair.net.fate = { _ in .deliver }
        pair.net.run(for: .seconds(200))
        #expect(pair.agreedChildren == 1 && pair.agreedIKESAs == 1 && pair.pings())
        pair.expectSound()
    }

    // MARK: Attempts

    @Test func `an attempt takes in nothing but the answer to its request`() throws {
        let pair = try Pair(a: { $0.connections[0].children[0].startAction = .none })
        pair.command(.initiate(connection: "site-b", child: nil), of: pair.a)
        let initiation = try #require(pair.a.engine.initiations.values.first)
        let good = IKEHeader(
            initiatorSPI: initiation.spi, responderSPI: IKESPI(77), exchange: .ikeSAInit, flags: [.response],
            messageID: 0)
        let error: [Payload] = [.notify(NotifyPayload(.noProposalChosen))]
        let table: [(DropReason, [Payload], (inout IKEHeader) -> Void)] = [
            (.unexpectedResponse, error, { $0.messageID = 1 }),
            (.unexpectedResponse, error, { $0.flags = [.response, .initiator] }),
            (.unexpectedResponse, error, { $0.initiatorSPI = IKESPI(5) }),
            (.unknownSPI, error, { $0.exchange = .ikeAuth }),
            (.unknownSPI, error, { $0.exchange = .informational }),
            (.unknownSPI, error, { $0.exchange = ExchangeType(rawValue: 240) }),
            (.unknownSPI, error, { $0.flags = [] }),
            (.unknownVersion, error, { $0.majorVersion = 1 }),
            // §2.5, §2.6, §1.2: what is no answer at all, whatever else it has.
            (.malformed, [Stray.critical] + error, { _ in }),
            (.malformed, [], { _ in }),
            (.malformed, [.notify(NotifyPayload(.cookie, data: []))], { _ in }),
            (.malformed, [.notify(NotifyPayload(.cookie, data: [UInt8](repeating: 1, count: 65)))], { _ in }),
            (.malformed, [.notify(NotifyPayload(.invalidKEPayload, data: [31]))], { _ in }),
        ]
        for (index, (reason, payloads, change)) in table.enumerated() {
            var header = good
            change(&header)
            let sent = pair.net.sent.count
            let counters = pair.a.engine.counters
            let octets = try IKEMessageEncoder.clear(header, payloads)
            for source in [Addresses.gateway, Addresses.otherNAT] {
                pair.a.feed(
                    .datagram(
                        ReceivedDatagram(
                            bytes: octets, source: Endpoint(source, IKEPort.ike),
                            destination: Endpoint(Addresses.peer, IKEPort.ike), socket: .ike)),
                    on: pair.net)
            }
            #expect(pair.a.engine.counters.dropped(reason) > counters.dropped(reason), "line \(index)")
            #expect(pair.net.sent.count == sent, "line \(index)")
            #expect(pair.a.engine.initiations.count == 1, "line \(index)")
        }
        pair.net.run(for: .seconds(5))
        #expect(pair.agreedChildren == 1 && pair.attempts == 1 && pair.pings())
        pair.expectSound()
    }

    @Test(arguments: Stray.allCases)
    func `an IKE_SA that is gone is unknown, and who asks is told`(stray: Stray) throws {
        let subject = try Subject(Place(situation: .closing, side: .a))
        let forger = Forger(subject.ikeSA)
        subject.pair.net.run(for: .seconds(200))
        #expect(subject.host.engine.context.directory.count == 0)
        let octets = try stray.octets(forger, asks: nil)
        let sent = subject.pair.net.sent.count
        forger.feed(octets, to: subject.host, subject.pair.net)
        // At most a word in clear (RFC 7296 §1.5, §2.21.4), and never to an answer.
        let answers = subject.pair.net.sent.dropFirst(sent).compactMap(\.datagram.ikeMessage)
        for octets in answers {
            let answer = try DecodedMessage.decode(octets)
            #expect(answer.protection == .none)
            let type = answer.payloads.notifies.first?.type
            #expect(type == .invalidIKESPI || type == .invalidMajorVersion)
        }
        let isResponse = octets[19] & 0x20 != 0
        #expect(answers.count <= (isResponse ? 0 : 1))
        #expect(subject.host.engine.context.directory.count == 0 && subject.host.kernel.isEmpty)
        subject.pair.expectSound()
    }
}

extension Subject {
    /// All of the subject that a message may change; if `isLasting`, without what every authentic request changes.
    func state(isLasting: Bool = false) -> String {
        let engine = self.host.engine
        let ikeSAs = engine.context.directory.all.sorted { $0.uniqueID < $1.uniqueID }.map { ikeSA in
            let outstanding = ikeSA.requests.outstanding
            let passing = "\(ikeSA.path) \(ikeSA.answers) \(ikeSA.liveness.lastHeard)"
            return
                "\(ikeSA.uniqueID) \(Self.name(ikeSA.phase)) \(ikeSA.path.remote) \(isLasting ? "" : passing) "
                + "\(outstanding.map { "\($0.messageID) \($0.transmissions) \($0.retryAt)" } ?? "-") "
                + "\(ikeSA.children.map { "\($0.spec.inboundSPI) \($0.state)" }) \(ikeSA.agenda.items) "
                + "\(ikeSA.requestedChild?.requestID ?? 0) "
                + "\(ikeSA.pendingAnswer?.requestID ?? 0) \(ikeSA.pendingMove?.requestID ?? 0) "
                + "\(ikeSA.requestedSuccessor?.spi.description ?? "-") \(Self.text(ikeSA.mobility))"
        }
        let kernel = self.host.kernel
        // A word of the peer's is what an heir waits for.
        let sending = isLasting && self.place.situation == .inheriting ? 0 : kernel.outbound.count
        return "\(ikeSAs) \(engine.initiations.count) \(engine.halfOpenCount) \(self.host.events.count) "
            + "\(kernel.inbound.keys.map(\.number).sorted()) \(sending) \(kernel.reserved.count)"
    }

    private static func text(_ mobility: Mobility) -> String {
        let (update, check) = (mobility.update?.cookie ?? [], mobility.check?.cookie ?? [])
        let held = mobility.heldPath.map { "\($0.remote)" } ?? "-"
        return "\(update) \(check) \(mobility.owesUpdate) \(held) \(mobility.peerAddresses)"
    }

    private static func name(_ phase: IKESA.Phase) -> String {
        switch phase {
        case .halfOpen: "half-open"
        case .initiating: "initiating"
        case .standby: "standby"
        case .established: "established"
        case .closing(let until): "closing until \(until)"
        case .gone: "gone"
        }
    }

    /// Why messages were dropped since `before`, each as often as it was.
    func drops(since before: Counters) -> [DropReason] {
        DropReason.allCases.flatMap { reason in
            let count = self.host.engine.counters.dropped(reason) - before.dropped(reason)
            return [DropReason](repeating: reason, count: Int(count))
        }
    }

    /// True if all of `messages` had gone out before, as one of the first `count` messages of the test.
    func hasSent(_ messages: [[UInt8]], before count: Int) -> Bool {
        messages.allSatisfy { message in
            self.pair.net.sent.prefix(count).contains { $0.datagram.ikeMessage == message }
        }
    }

    /// What was under way comes to its end, and packets pass.
    func expectGoesOn(_ location: SourceLocation = #_sourceLocation) {
        self.pair.net.run(for: .seconds(200))
        let children = self.place.situation.childrenInTheEnd
        #expect(self.pair.agreedChildren == children, sourceLocation: location)
        #expect(self.pair.agreedIKESAs != nil, sourceLocation: location)
        if children > 0 { #expect(self.pair.pings(), sourceLocation: location) }
        self.pair.expectSound(location)
    }
}
