internal import IKEWire
internal import IPsecModel

/// An IKE_SA_INIT request that passed all checks, with what we choose for it: it is answered when our key exchange with the
/// public value in it is done.
struct AcceptedInitialRequest {
    let context: EngineContext
    /// When and where it came.
    let receivedAt: Instant
    let arrival: Arrival
    /// How it is recognised when it comes again.
    let initialKey: IKESADirectory.InitialKey
    /// The message as it came.
    let octets: [UInt8]
    let header: IKEHeader
    /// SAi1, Ni, and what else it said.
    let offered: [ProposalSubstructure]
    let nonce: [UInt8]
    let notifies: [NotifyPayload]
    /// The connection that it seems to be for, and what we choose of its offer.
    let connection: ConnectionConfiguration
    let chosen: ProposalChoice.Chosen
    let suite: IKESuite

    /// Answers it, and makes a half-open IKE_SA if the key exchange went well.
    func answer(_ result: Result<KeyAgreement, CryptoFault>, _ turn: inout Turn) {
        do throws(CryptoFault) {
            let ikeSA = try self.makeIKESA(try result.get(), now: turn.now)
            self.context.directory.add(ikeSA, initial: self.initialKey)
            self.context.touch(ikeSA)
            self.context.counters.initialExchanges &+= 1
            _ = ikeSA.repeatInitialAnswer(to: self.octets, self.arrival, &turn)
        } catch {
            self.refuse(error, &turn)
        }
    }

    private func refuse(_ fault: CryptoFault, _ turn: inout Turn) {
        guard case .invalidPublicValue = fault else { return turn.event(.cryptoFailed(nil, fault)) }
        // RFC 6989 §2.5: a public value that the group does not allow gets INVALID_SYNTAX.
        // It cost a key pair and left nothing that would count: for a while everybody shows a cookie.
        self.context.suspiciousUntil = turn.now.advanced(by: IKELimits.suspicion)
        StatelessAnswer(request: self.header, arrival: self.arrival)
            .send([.notify(PeerFault.invalidSyntax.notify)], &turn)
    }

    private func makeIKESA(_ agreement: KeyAgreement, now: Instant) throws(CryptoFault) -> IKESA {
        let crypto = self.context.crypto
        let initiatorSPI = self.header.initiatorSPI
        let finding = try NATDetection(initiatorSPI: initiatorSPI, responderSPI: .zero, crypto: crypto)
            .examine(self.notifies, source: self.arrival.source, destination: self.arrival.destination)
        let nonce = try crypto.bytes(32)
        let spi = try self.context.makeIKESPI()
        let keys = try KeySchedule(crypto: crypto).initialKeys(
            self.suite,
            KeySchedule.Ingredients(
                initiatorNonce: self.nonce, responderNonce: nonce, initiatorSPI: initiatorSPI,
                responderSPI: spi),
            sharedSecret: agreement.sharedSecret)
        let fragmentation =
            self.connection.fragmentation
            && self.notifies.contains { $0.type == .fragmentationSupported }
        let response = try self.encode(
            spi: spi, publicValue: agreement.publicValue, nonce: nonce, natTraversal: finding.isSupported,
            fragmentation: fragmentation)
        let ikeSA = IKESA(
            context: self.context,
            birth: IKESA.Birth(
                initiatorSPI: initiatorSPI, responderSPI: spi, isOriginalInitiator: false, keys: keys,
                initialKey: self.initialKey, fragmentationAgreed: fragmentation, firstAnswerID: 1,
                firstRequestID: 0),
            connection: self.connection,
            phase: .halfOpen(
                IKESA.HalfOpen(
                    request: self.octets, response: response, initiatorNonce: self.nonce,
                    responderNonce: nonce, offered: self.offered, natFinding: finding,
                    begunAt: self.receivedAt,
                    deadline: now.advanced(by: self.context.limits.halfOpenLifetime))),
            path: self.path(finding, now: now), now: now)
        ikeSA.mobility.detectsNATs = finding.isSupported
        return ikeSA
    }

    private func path(_ finding: NATDetection.Finding, now: Instant) -> Path {
        Path(
            local: self.arrival.destination, remote: self.arrival.source,
            isLocalBehindNAT: finding.isLocalBehindNAT, isRemoteBehindNAT: finding.isRemoteBehindNAT,
            usesUDPEncapsulation: finding.isNATPresent
                || (finding.isSupported && self.connection.forcesEncapsulation),
            confirmedAt: now)
    }

    /// SAr1, KEr, Nr, and notifies.
    private func encode(
        spi: IKESPI, publicValue: [UInt8], nonce: [UInt8], natTraversal: Bool, fragmentation: Bool
    ) throws(CryptoFault) -> [UInt8] {
        var payloads: [Payload] = [
            .securityAssociation(
                SecurityAssociationPayload(proposals: [self.chosen.answer(.ike, spi: [])])),
            .keyExchange(KeyExchangePayload(method: self.suite.keyExchange, data: publicValue)),
            .nonce(NoncePayload(nonce: nonce)),
        ]
        if natTraversal {
            let detection = NATDetection(
                initiatorSPI: self.header.initiatorSPI, responderSPI: spi, crypto: self.context.crypto)
            payloads += try detection.notifies(
                source: self.arrival.destination, destination: self.arrival.source,
                hidesSource: self.connection.forcesEncapsulation
            ).map { .notify($0) }
        }
        if fragmentation { payloads.append(.notify(NotifyPayload(.fragmentationSupported))) }
        let header = IKEHeader(
            initiatorSPI: self.header.initiatorSPI, responderSPI: spi, exchange: .ikeSAInit,
            flags: [.response], messageID: 0)
        do throws(WireFault) {
            return try IKEMessageEncoder.clear(header, payloads)
        } catch {
            throw .library(operation: "IKE_SA_INIT response", text: error.description)
        }
    }
}

extension IKEEngine {
    /// A key exchange is done. If nobody waits for it any more, it was for nothing.
    func agreed(_ requestID: UInt64, _ result: Result<KeyAgreement, CryptoFault>, _ turn: inout Turn) {
        guard let request = self.context.agreements.take(requestID) else { return }
        self.context.directory.expectNoMore(request.initialKey)
        request.answer(result, &turn)
    }

    /// Requests that `isMeant` will not be answered.
    func abandonAgreements(where isMeant: (AcceptedInitialRequest) -> Bool) {
        for requestID in self.context.agreements.all(where: isMeant) {
            guard let request = self.context.agreements.take(requestID) else { continue }
            self.context.directory.expectNoMore(request.initialKey)
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
