internal import IKEWire
internal import IPsecModel

// The way of a message into an IKE_SA: shape and window first, then the ICV, then the exchange.
extension IKESA {
    /// A message with this IKE_SA's SPIs came. Until its ICV is found right it changes nothing but counters.
    func receive(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) {
        guard self.isFromPeer(message.header) else {
            self.context.counters.drop(.unknownSPI)
            return
        }
        guard message.header.exchange != .ikeSAInit else {
            self.context.counters.drop(.wrongExchange)
            return
        }
        guard message.protection != .none else {
            self.receiveUnprotected(message, &turn)
            return
        }
        guard self.isWanted(message.header) else { return }
        do throws(OpeningFault) {
            guard let opened = try self.open(message, now: turn.now) else { return }
            self.receive(
                AuthenticatedMessage(
                    header: message.header, payloads: opened.payloads,
                    unsupportedCriticalPayload: opened.unsupportedCriticalPayload, arrival: arrival), &turn)
        } catch {
            self.refuseUnopened(error, message.header, arrival, &turn)
        }
    }

    /// Both SPIs are ours, and the I flag is the peer's (RFC 7296 §3.1).
    private func isFromPeer(_ header: IKEHeader) -> Bool {
        header.initiatorSPI == self.initiatorSPI && header.responderSPI == self.responderSPI
            && header.flags.contains(.initiator) != self.isOriginalInitiator
    }

    /// Drops what cannot matter before any cipher runs.
    private func isWanted(_ header: IKEHeader) -> Bool {
        if header.flags.contains(.response) {
            guard let outstanding = self.requests.outstanding, outstanding.messageID == header.messageID
            else {
                self.context.counters.drop(.unexpectedResponse)
                return false
            }
            // What answers another question answers none (RFC 7296 §2.1: a response is of its request's exchange).
            guard outstanding.request.exchange == header.exchange else {
                self.context.counters.drop(.wrongExchange)
                return false
            }
            return true
        }
        guard self.answers.mayMatter(header.messageID) else {
            self.context.counters.drop(.outsideWindow)
            return false
        }
        return true
    }

    private func refuseUnopened(
        _ fault: OpeningFault, _ header: IKEHeader, _ arrival: Arrival, _ turn: inout Turn
    ) {
        switch fault {
        case .drop(let reason): self.context.counters.drop(reason)
        case .crypto(let fault): turn.event(.cryptoFailed(self.label, fault))
        case .malformedInside:
            // Authenticated, so the peer itself sent nonsense: say so and end it (RFC 7296 §2.21.3).
            self.context.counters.drop(.malformed)
            guard !header.flags.contains(.response), self.answersRequests,
                case .process = self.answers.receive(header.messageID)
            else { return }
            self.answer(.fault(.invalidSyntax), exchange: header.exchange, arrival, &turn)
        }
    }

    /// False if whatever the peer asks comes too early, or too late: it is not authenticated yet, or has been refused.
    private var answersRequests: Bool {
        if case .initiating = self.phase { return false }
        return !self.isRefused
    }

    private func receive(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        if message.header.flags.contains(.response) {
            self.receiveAnswer(message, &turn)
        } else {
            self.receiveRequest(message, &turn)
        }
    }

    private func receiveRequest(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        if case .initiating = self.phase {
            // It overtook the answer to our IKE_AUTH: the peer will send it again.
            self.context.counters.drop(.outsideWindow)
            return
        }
        switch self.answers.receive(message.header.messageID) {
        case .drop: self.context.counters.drop(.outsideWindow)
        case .repeatAnswer(let datagrams):
            self.context.counters.repeatedAnswers &+= 1
            // A kept answer goes to where this copy came from, but a replay must not move the path.
            self.transmit(datagrams, from: message.arrival.destination, to: message.arrival.source, &turn)
        case .process where self.isRefused:
            // What a refused stranger may still have is its answer again.
            self.answers.abandoned()
            self.context.counters.drop(.wrongExchange)
        case .process:
            // Only what is fresh shows that the peer lives (RFC 7296 §2.4): anybody can replay the last request.
            self.liveness.heardProtectedMessage(now: turn.now)
            self.followPath(message.arrival, &turn)
            self.claimInheritance(&turn)
            let outcome = self.process(message, &turn)
            self.answer(outcome, exchange: message.header.exchange, message.arrival, &turn)
        }
    }

    /// True if the peer was never authenticated, and will not be any more.
    private var isRefused: Bool {
        guard case .closing = self.phase else { return false }
        return !self.wasEstablished
    }

    /// How a request is answered.
    enum Outcome {
        /// With these payloads.
        case payloads([Payload])
        /// With the notify of this fault, after these payloads; a fatal one ends the IKE_SA.
        case fault(PeerFault, after: [Payload] = [])
        /// With these payloads, and the IKE_SA ends.
        case lastWords([Payload], EndReason)
        /// Later, when the data plane is ready.
        case pending
    }

    private func process(_ message: AuthenticatedMessage, _ turn: inout Turn) -> Outcome {
        if let type = message.unsupportedCriticalPayload { return self.refuse(critical: type) }
        switch (self.phase, message.header.exchange) {
        case (.halfOpen(let halfOpen), .ikeAuth):
            return self.processIKEAuth(message, halfOpen, &turn)
        case (.established, .createChildSA):
            // The CHILD_SA of our IKE_AUTH first: it belongs to this IKE_SA, and its policies may be the same.
            guard self.requestedChild?.purpose != .first else { return .fault(.temporaryFailure) }
            return self.processCreateChildSA(message, &turn)
        case (.standby, .informational):
            guard message.payloads.notify(.updateSAAddresses) == nil else {
                // There is nothing yet that could move: the peer will ask again.
                self.context.counters.drop(.wrongExchange)
                self.answers.abandoned()
                return .pending
            }
            return self.processInformational(message, &turn)
        case (.standby, .createChildSA):
            // It is not decided yet whether it takes over.
            return .fault(.temporaryFailure)
        case (.established, .informational), (.closing, .informational):
            return self.processInformational(message, &turn)
        case (.closing, .createChildSA):
            // Rekeyed or being deleted: whatever it is, not here (RFC 7296 §2.25.2).
            return .fault(.temporaryFailure)
        case (.halfOpen, _), (.initiating, _), (.standby, _), (.established, _), (.closing, _), (.gone, _):
            // Authenticated, but no exchange that belongs here; IKE_AUTH again among them.
            return .fault(.invalidSyntax)
        }
    }

    /// Without its IKE_AUTH an IKE_SA is not created (RFC 7296 §2.21.2); one that stands goes on.
    private func refuse(critical type: PayloadType) -> Outcome {
        let fault = PeerFault.unsupportedCriticalPayload(type)
        guard case .halfOpen = self.phase else { return .fault(fault) }
        return .lastWords([.notify(fault.notify)], .failed(.unsupportedCriticalPayload))
    }

    /// Sends the answer to the request that is being worked on, and keeps it.
    func answer(_ outcome: Outcome, exchange: ExchangeType, _ arrival: Arrival, _ turn: inout Turn) {
        guard let messageID = self.answers.workingOn else { return }
        let payloads: [Payload]
        var end: EndReason?
        switch outcome {
        case .pending: return
        case .payloads(let answer): payloads = answer
        case .fault(let fault, let before):
            payloads = before + [.notify(fault.notify)]
            if fault.isFatal { end = .failed(fault.notify.type) }
        case .lastWords(let answer, let reason):
            payloads = answer
            end = reason
        }
        let datagrams = self.seal(payloads, exchange: exchange, messageID: messageID, isResponse: true, &turn)
        self.answers.answered(with: datagrams)
        self.transmit(datagrams, from: arrival.destination, to: arrival.source, &turn)
        if self.requestedChild?.purpose != .first { self.endReplaced(&turn) }
        if let end { self.end(end, &turn) } else if self.answers.isExhausted { self.close(.expired, &turn) }
    }

    func endReplaced(_ turn: inout Turn) {
        let older = self.replaced
        self.replaced = []
        for other in older {
            if other.tellsPeer {
                other.ikeSA.close(.replaced, &turn)
            } else {
                other.ikeSA.end(.replaced, &turn)
            }
        }
    }

    /// An answer to our outstanding request.
    private func receiveAnswer(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard message.unsupportedCriticalPayload == nil else {
            // Rejected, as if it had not come (RFC 7296 §2.5).
            self.context.counters.drop(.malformed)
            return
        }
        guard let request = self.requests.receive(answerTo: message.header.messageID) else { return }
        self.liveness.heardProtectedMessage(now: turn.now)
        self.followPath(message.arrival, &turn)
        self.claimInheritance(&turn)
        guard message.payloads.notify(.invalidSyntax) == nil else {
            // Fatal in both peers (RFC 7296 §2.21.3).
            turn.event(.peerReported(self.label, .invalidSyntax))
            self.end(.failed(.invalidSyntax), &turn)
            return
        }
        switch request {
        case .liveness: self.compareMapping(message, &turn)
        case .announceAddresses, .presentToken: break
        case .updateAddresses: self.finishUpdate(message, &turn)
        case .checkAddress: self.finishCheck(message, &turn)
        case .deleteIKESA, .refuse: self.phase = .gone
        case .authenticate: self.finishAuthentication(message, &turn)
        case .deleteChildren(let spis): self.forgetDeletedChildren(spis, &turn)
        case .createChild: self.finishCreateChild(message, &turn)
        case .rekeyIKESA: self.finishRekeyingIKESA(message, &turn)
        }
        self.sendNextRequest(&turn)
    }
}
