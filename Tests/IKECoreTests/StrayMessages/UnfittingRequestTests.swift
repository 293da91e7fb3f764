import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Requests that are authentic and due, and ask for what is not there or makes no sense (RFC 7296 §2.21, §2.25).
@Suite(.networkCapture) struct UnfittingRequestTests {
    /// What the peer asks.
    enum Request: String, CaseIterable, Sendable {
        /// Whether we live: that may always be asked, of an IKE_SA that was ever authenticated.
        case liveness
        /// DELETE of a CHILD_SA that we do not have, or are deleting ourselves.
        case deleteOfNothing
        /// REKEY_SA with an unknown SPI.
        case rekeyOfNothing
        /// CREATE_CHILD_SA without anything.
        case emptyCreateChild
        /// IKE_AUTH without anything.
        case emptyAuth
        case unknownExchange
        case criticalPayload
        case garbage
        case garbageInFragments
    }

    /// What it gets.
    enum Answer: Equatable {
        case empty
        /// An error notify; the IKE_SA stays as it is.
        case refused(NotifyType)
        /// An error notify, and the IKE_SA ends.
        case fatal(NotifyType)
        /// Nothing, and it is counted.
        case dropped(DropReason)
    }

    /// RFC 7296 §2.21.2, §2.21.3, §2.25.1, §2.25.2.
    static func answer(_ request: Request, _ family: Situation.Family) -> Answer {
        switch (family, request) {
        case (.deaf, _): .dropped(.outsideWindow)
        case (.refused, _): .dropped(.wrongExchange)
        // Nobody is authenticated: whatever is not a good IKE_AUTH is the end of it.
        case (.unauthenticated, .criticalPayload): .fatal(.unsupportedCriticalPayload)
        case (.unauthenticated, _): .fatal(.invalidSyntax)
        case (_, .liveness), (_, .deleteOfNothing): .empty
        case (_, .criticalPayload): .refused(.unsupportedCriticalPayload)
        case (_, .garbage), (_, .garbageInFragments), (_, .emptyAuth), (_, .unknownExchange):
            .fatal(.invalidSyntax)
        case (.firstChild, .rekeyOfNothing), (.firstChild, .emptyCreateChild), (.standby, .rekeyOfNothing),
            (.standby, .emptyCreateChild), (.over, .rekeyOfNothing), (.over, .emptyCreateChild),
            (.rekeyingIKESA, .rekeyOfNothing):
            .refused(.temporaryFailure)
        case (.standing, .rekeyOfNothing): .refused(.childSANotFound)
        case (.standing, .emptyCreateChild), (.rekeyingIKESA, .emptyCreateChild): .fatal(.invalidSyntax)
        }
    }

    @Test(arguments: Situation.all, Request.allCases)
    func `a request that does not fit gets the answer that the RFC has for it`(place: Place, request: Request)
        throws
    {
        let subject = try Subject(place)
        let forger = Forger(subject.ikeSA)
        let messages = try Self.datagrams(request, subject, forger)
        let before = (all: subject.state(), lasting: subject.state(isLasting: true))
        let counters = subject.host.engine.counters
        let sent = subject.pair.net.sent.count
        for octets in messages { forger.feed(octets, to: subject.host, subject.pair.net) }
        let answers = subject.pair.net.sent.dropFirst(sent).compactMap(\.datagram.ikeMessage)
        switch Self.answer(request, place.situation.family) {
        case .dropped(let reason):
            // What is within the window is opened first.
            let isGarbage = request == .garbage || request == .garbageInFragments
            let isMalformed = isGarbage && !place.situation.isWorking
            #expect(Set(subject.drops(since: counters)) == [isMalformed ? .malformed : reason])
            #expect(answers.isEmpty && subject.state() == before.all)
            subject.expectGoesOn()
        case .empty:
            #expect(try forger.open(#require(answers.first)).payloads.isEmpty)
            #expect(subject.state(isLasting: true) == before.lasting)
            subject.expectGoesOnWithoutTheOther()
        case .refused(let type):
            #expect(try Self.notifies(answers, forger) == [type])
            #expect(subject.state(isLasting: true) == before.lasting)
            subject.expectGoesOnWithoutTheOther()
        case .fatal(let type):
            #expect(try Self.notifies(answers, forger) == [type])
            #expect(subject.ikeSA.established == nil)
            // What was replaced may go on receiving for a while.
            #expect(subject.ikeSA.children.isEmpty || place.situation == .replaced)
            subject.pair.net.run(for: .seconds(40))
            #expect(subject.ikeSA.children.isEmpty)
            let isThere = subject.host.engine.context.directory.all.contains { $0 === subject.ikeSA }
            #expect(!isThere || place.situation.family == .over)
            // Else another IKE_SA has what the data plane has.
            if ![.standby, .superseded, .reauthenticating, .inheriting, .replaced].contains(place.situation) {
                #expect(subject.host.kernel.isEmpty)
            }
            subject.pair.expectSound()
        }
    }

    private static func notifies(_ answers: [[UInt8]], _ forger: Forger) throws -> [NotifyType] {
        try forger.open(#require(answers.first)).payloads.notifies.map(\.type)
    }

    private static func datagrams(
        _ request: Request, _ subject: Subject, _ forger: Forger
    ) throws -> [[UInt8]] {
        // Before IKE_AUTH, what else may be wrong is wrong in an IKE_AUTH.
        let usual: ExchangeType = subject.place.situation == .halfOpen ? .ikeAuth : .informational
        let header = { (exchange: ExchangeType) in forger.header(exchange, forger.nextRequest) }
        let unknown = ESPSPI(0xdead_beef)
        switch request {
        case .liveness: return [try forger.seal(header(.informational), [])]
        case .deleteOfNothing:
            let ending = subject.ikeSA.children.first { $0.state == .deleting || $0.state == .retiring }
            let spi = ending?.spec.outboundSPI ?? unknown
            return [try forger.seal(header(.informational), [.delete(DeletePayload(esp: [spi]))])]
        case .rekeyOfNothing:
            return [try forger.seal(header(.createChildSA), Self.rekeying(unknown))]
        case .emptyCreateChild: return [try forger.seal(header(.createChildSA), [])]
        case .emptyAuth: return [try forger.seal(header(.ikeAuth), [])]
        case .unknownExchange: return [try forger.seal(header(ExchangeType(rawValue: 240)), [])]
        case .criticalPayload: return [try forger.seal(header(usual), [Stray.critical])]
        case .garbage:
            return [try forger.seal(header(usual), first: Stray.garbage.first, text: Stray.garbage.text)]
        case .garbageInFragments:
            let (first, text) = Stray.garbage
            return [
                try forger.seal(
                    header(usual), first: .none, text: [UInt8](text.dropFirst(2)), fragment: (2, 2)),
                try forger.seal(header(usual), first: first, text: [UInt8](text.prefix(2)), fragment: (1, 2)),
            ]
        }
    }

    /// N(REKEY_SA), SA, Ni, TSi, TSr as they should be.
    private static func rekeying(_ spi: ESPSPI) -> [Payload] {
        let proposal = ProposalSubstructure(
            number: 1, protocolID: .esp, spi: ESPSPI(0xabcd_0001).bytes,
            transforms: PeerSettings.espProposal.transforms)
        let everything = TrafficSelectorPayload(selectors: [Configurations.selector("0.0.0.0/0")])
        return [
            .notify(NotifyPayload(protocolID: .esp, spi: spi.bytes, type: .rekeySA)),
            .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
            .nonce(NoncePayload(nonce: [UInt8](repeating: 9, count: 32))),
            .tsInitiator(everything), .tsResponder(everything),
        ]
    }
}

extension Subject {
    /// As `expectGoesOn`, after a request that the true other side knows nothing of: its next one has another ID.
    fileprivate func expectGoesOnWithoutTheOther() {
        guard !self.place.situation.isAsked else {
            self.pair.expectSound()
            return
        }
        let twin = self.other.engine.context.directory.all.first {
            $0.initiatorSPI == self.ikeSA.initiatorSPI && $0.responderSPI == self.ikeSA.responderSPI
        }
        guard let twin, twin.requests.isIdle else {
            Issue.record("the other side asks")
            return
        }
        twin.requests = RequestWindow(
            first: Forger(self.ikeSA).nextRequest, schedule: twin.context.limits.retransmission)
        self.expectGoesOn()
    }
}
