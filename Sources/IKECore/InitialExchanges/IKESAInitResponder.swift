internal import IKEWire
internal import IPsecModel

/// Answers IKE_SA_INIT requests (RFC 7296 §1.2): nothing in them is authenticated, so each step costs
/// little, and what stays is bounded by `IKELimits`.
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

    /// A request that passed all checks, with what we choose.
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

    /// Answers the request, and makes a half-open IKE_SA if all is well.
    func respond(cookies: inout CookieJar, _ turn: inout Turn) {
        let key = IKESADirectory.InitialKey(
            initiatorSPI: self.message.header.initiatorSPI, source: self.arrival.source)
        for known in self.context.directory.halfOpenIKESAs(key)
        where known.repeatInitialAnswer(to: self.message.octets, self.arrival, &turn) { return }
        do throws(Refusal) {
            try self.admit()
            let request = try self.read()
            try self.demandCookie(request, &cookies, now: turn.now)
            let choice = try self.choose(request, &turn)
            try self.accept(request, choice, key, &turn)
        } catch {
            self.refuse(error, &turn)
        }
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
        guard directory.halfOpenCount < limits.halfOpenIKESAs, directory.count < limits.ikeSAs,
            directory.halfOpenCount(from: address) < limits.halfOpenIKESAsPerAddress
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
        let isCrowded = self.context.directory.halfOpenCount >= self.context.limits.cookieThreshold
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

    private func accept(
        _ request: Request, _ choice: Choice, _ key: IKESADirectory.InitialKey, _ turn: inout Turn
    ) throws(Refusal) {
        do throws(CryptoFault) {
            let ikeSA = try self.makeIKESA(request, choice, key, now: turn.now)
            self.context.directory.add(ikeSA, initial: key)
            self.context.touch(ikeSA)
            self.context.counters.initialExchanges &+= 1
            _ = ikeSA.repeatInitialAnswer(to: self.message.octets, self.arrival, &turn)
        } catch {
            // RFC 6989 §2.5: a public value that the group does not allow gets INVALID_SYNTAX.
            if case .invalidPublicValue = error {
                // It cost a key pair and left nothing that would count: for a while everybody shows a cookie.
                self.context.suspiciousUntil = turn.now.advanced(by: IKELimits.suspicion)
                throw .notify(PeerFault.invalidSyntax.notify)
            }
            throw .crypto(error)
        }
    }

    private func makeIKESA(
        _ request: Request, _ choice: Choice, _ key: IKESADirectory.InitialKey, now: Instant
    ) throws(CryptoFault) -> IKESA {
        let crypto = self.context.crypto
        let initiatorSPI = self.message.header.initiatorSPI
        let finding = try NATDetection(initiatorSPI: initiatorSPI, responderSPI: .zero, crypto: crypto)
            .examine(
                request.notifies, source: self.arrival.source, destination: self.arrival.destination)
        let exchange = try crypto.keyExchange(choice.suite.keyExchange)
        let secret = try exchange.sharedSecret(with: request.keyExchange.data[...])
        let nonce = try crypto.bytes(32)
        let spi = try self.context.makeIKESPI()
        let keys = try KeySchedule(crypto: crypto).initialKeys(
            choice.suite,
            KeySchedule.Ingredients(
                initiatorNonce: request.nonce, responderNonce: nonce, initiatorSPI: initiatorSPI,
                responderSPI: spi),
            sharedSecret: secret)
        let fragmentation =
            choice.connection.fragmentation
            && request.notifies.contains { $0.type == .fragmentationSupported }
        let response = try self.encode(
            choice, spi: spi, publicValue: exchange.publicValue, nonce: nonce,
            natTraversal: finding.isSupported, fragmentation: fragmentation)
        let path = Path(
            local: self.arrival.destination, remote: self.arrival.source,
            isLocalBehindNAT: finding.isLocalBehindNAT, isRemoteBehindNAT: finding.isRemoteBehindNAT,
            usesUDPEncapsulation: finding.isNATPresent
                || (finding.isSupported && choice.connection.forcesEncapsulation),
            confirmedAt: now)
        let ikeSA = IKESA(
            context: self.context,
            birth: IKESA.Birth(
                initiatorSPI: initiatorSPI, responderSPI: spi, isOriginalInitiator: false, keys: keys,
                initialKey: key, fragmentationAgreed: fragmentation, firstAnswerID: 1, firstRequestID: 0),
            connection: choice.connection,
            phase: .halfOpen(
                IKESA.HalfOpen(
                    request: self.message.octets, response: response, initiatorNonce: request.nonce,
                    responderNonce: nonce, offered: request.proposals, natFinding: finding,
                    deadline: now.advanced(by: self.context.limits.halfOpenLifetime))),
            path: path, now: now)
        ikeSA.mobility.detectsNATs = finding.isSupported
        return ikeSA
    }

    /// SAr1, KEr, Nr, and notifies.
    private func encode(
        _ choice: Choice, spi: IKESPI, publicValue: [UInt8], nonce: [UInt8], natTraversal: Bool,
        fragmentation: Bool
    ) throws(CryptoFault) -> [UInt8] {
        let detection = NATDetection(
            initiatorSPI: self.message.header.initiatorSPI, responderSPI: spi, crypto: self.context.crypto)
        var payloads: [Payload] = [
            .securityAssociation(
                SecurityAssociationPayload(proposals: [choice.chosen.answer(.ike, spi: [])])),
            .keyExchange(KeyExchangePayload(method: choice.suite.keyExchange, data: publicValue)),
            .nonce(NoncePayload(nonce: nonce)),
        ]
        if natTraversal {
            payloads += try detection.notifies(
                source: self.arrival.destination, destination: self.arrival.source,
                hidesSource: choice.connection.forcesEncapsulation
            ).map { .notify($0) }
        }
        if fragmentation { payloads.append(.notify(NotifyPayload(.fragmentationSupported))) }
        let header = IKEHeader(
            initiatorSPI: self.message.header.initiatorSPI, responderSPI: spi, exchange: .ikeSAInit,
            flags: [.response], messageID: 0)
        do throws(WireFault) {
            return try IKEMessageEncoder.clear(header, payloads)
        } catch {
            throw .library(operation: "IKE_SA_INIT response", text: error.description)
        }
    }
}

extension IKESA {
    /// Sends the IKE_SA_INIT response (again) if `octets` are the request that it answers; false if not.
    func repeatInitialAnswer(to octets: [UInt8], _ arrival: Arrival, _ turn: inout Turn) -> Bool {
        guard case .halfOpen(let halfOpen) = self.phase, halfOpen.request == octets else { return false }
        self.transmit([halfOpen.response], from: arrival.destination, to: arrival.source, &turn)
        return true
    }
}
