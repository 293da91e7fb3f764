internal import IKEWire
internal import IPsecModel

/// Takes in IKE_SA_INIT requests (RFC 7296 §1.2): nothing in them is authenticated, so each step costs
/// little, and what stays is bounded by `IKELimits`. What passes becomes an `AcceptedInitialRequest`.
struct IKESAInitResponder {
    let context: EngineContext
    let message: DecodedMessage
    let arrival: Arrival

    /// What an IKE_SA_INIT request must have.
    private struct Request {
        let proposals: [ProposalSubstructure]
        let keyExchange: KeyExchangePayload
        let nonce: [UInt8]
        let notifies: [NotifyPayload]
    }

    /// What we choose for it.
    private struct Choice {
        let connection: ConnectionConfiguration
        let chosen: ProposalChoice.Chosen
        let suite: IKESuite
    }

    /// What is sent back without keeping anything of the request.
    private enum Refusal: Error {
        case notify(NotifyPayload)
        case silence
        case crypto(CryptoFault)
    }

    /// Refuses the request, or has keys made for its answer.
    func respond(cookies: inout CookieJar, _ turn: inout Turn) {
        let key = IKESADirectory.InitialKey(
            initiatorSPI: self.message.header.initiatorSPI, source: self.arrival.source)
        for known in self.context.directory.halfOpenIKESAs(key)
        where known.repeatInitialAnswer(to: self.message.octets, self.arrival, &turn) { return }
        guard !self.context.agreements.contains(key, octets: self.message.octets) else {
            self.context.counters.drop(.outsideWindow)
            return
        }
        do throws(Refusal) {
            try self.admit()
            let request = try self.read()
            try self.demandCookie(request, &cookies, now: turn.now)
            let choice = try self.choose(request, &turn)
            self.accept(request, choice, key, &turn)
        } catch {
            self.refuse(error, &turn)
        }
    }

    private func accept(
        _ request: Request, _ choice: Choice, _ key: IKESADirectory.InitialKey, _ turn: inout Turn
    ) {
        let accepted = AcceptedInitialRequest(
            context: self.context, receivedAt: turn.now, arrival: self.arrival, initialKey: key,
            octets: self.message.octets,
            header: self.message.header, offered: request.proposals, nonce: request.nonce,
            notifies: request.notifies, connection: choice.connection, chosen: choice.chosen,
            suite: choice.suite)
        self.context.directory.expect(key)
        turn.outbox.append(
            .agreeOnKey(
                KeyAgreementRequest(
                    requestID: self.context.agreements.add(accepted), method: choice.suite.keyExchange,
                    peerValue: request.keyExchange.data)))
    }

    private func refuse(_ refusal: Refusal, _ turn: inout Turn) {
        switch refusal {
        case .silence: return
        case .crypto(let fault): turn.event(.cryptoFailed(nil, fault))
        case .notify(let notify):
            StatelessAnswer(request: self.message.header, arrival: self.arrival)
                .send([.notify(notify)], &turn)
        }
    }

    /// Is there room for one more half-open IKE_SA?
    private func admit() throws(Refusal) {
        let directory = self.context.directory
        let limits = self.context.limits
        let address = self.arrival.source.address
        guard directory.halfOpenCount.total < limits.halfOpenIKESAs,
            directory.count + self.context.agreements.count < limits.ikeSAs,
            directory.halfOpenCount.from(address) < limits.halfOpenIKESAsPerAddress
        else {
            self.context.counters.drop(.limit)
            throw .silence
        }
    }

    private func read() throws(Refusal) -> Request {
        if let type = self.message.unsupportedCriticalPayload {
            throw .notify(PeerFault.unsupportedCriticalPayload(type).notify)
        }
        let payloads = self.message.payloads
        guard let offer = payloads.securityAssociation, let keyExchange = payloads.keyExchange,
            let nonce = payloads.nonce
        else {
            self.context.counters.drop(.malformed)
            throw .notify(PeerFault.invalidSyntax.notify)
        }
        return Request(
            proposals: offer.proposals, keyExchange: keyExchange, nonce: nonce, notifies: payloads.notifies)
    }

    /// Under load nothing more happens until the sender shows that it receives at its address
    /// (RFC 7296 §2.6).
    private func demandCookie(
        _ request: Request, _ cookies: inout CookieJar, now: Instant
    ) throws(Refusal) {
        // With this one, there would be more than the threshold.
        let isCrowded = self.context.directory.halfOpenCount.total >= self.context.limits.cookieThreshold
        guard isCrowded || now < self.context.suspiciousUntil else { return }
        let cookie: [UInt8]?
        do throws(CryptoFault) {
            cookie = try self.missingCookie(request, &cookies, now: now)
        } catch { throw .crypto(error) }
        guard let cookie else { return }
        self.context.counters.drop(.cookieDemanded)
        throw .notify(NotifyPayload(.cookie, data: cookie))
    }

    /// The cookie to demand, or nil if the request shows a good one.
    private func missingCookie(
        _ request: Request, _ cookies: inout CookieJar, now: Instant
    ) throws(CryptoFault) -> [UInt8]? {
        let spi = self.message.header.initiatorSPI
        let source = self.arrival.source
        let crypto = self.context.crypto
        if let shown = request.notifies.first(where: { $0.type == .cookie }) {
            let isOurs = try cookies.accepts(
                shown.data, nonce: request.nonce, source: source, initiatorSPI: spi, crypto: crypto, now: now)
            if isOurs { return nil }
        }
        return try cookies.bake(
            nonce: request.nonce, source: source, initiatorSPI: spi, crypto: crypto, now: now)
    }

    /// The first connection for these addresses that has a proposal in common with the peer.
    private func choose(_ request: Request, _ turn: inout Turn) throws(Refusal) -> Choice {
        let candidates = ConnectionLookup(connections: self.context.configuration.connections)
            .candidates(local: self.arrival.destination.address, remote: self.arrival.source.address)
        for connection in candidates {
            let choice = ProposalChoice(ours: connection.proposals, keyExchange: .required)
            guard let chosen = choice.choose(from: request.proposals), let suite = chosen.ikeSuite else {
                continue
            }
            guard request.keyExchange.method == suite.keyExchange else {
                throw .notify(PeerFault.invalidKEPayload(wanted: suite.keyExchange).notify)
            }
            return Choice(connection: connection, chosen: chosen, suite: suite)
        }
        guard self.context.complaints.spend(now: turn.now) else {
            throw .notify(PeerFault.noProposalChosen.notify)
        }
        let mismatch =
            candidates.isEmpty
            ? Mismatch(
                .address, ours: self.context.configuration.connections.map(\.name),
                theirs: [self.arrival.source.address.description],
                cure: "no connection is for these addresses: check local_addrs and remote_addrs")
            : MismatchReport.proposals(
                .ikeProposal, ours: candidates.flatMap(\.proposals), theirs: request.proposals,
                key: "proposals")
        turn.event(
            .mismatch(nil, peer: self.arrival.source, exchange: .ikeSAInit, .noProposalChosen, mismatch))
        throw .notify(PeerFault.noProposalChosen.notify)
    }
}
