internal import IKEWire
internal import IPsecModel

// Rekeying of the IKE_SA, asked by the peer, and what the successor takes over (RFC 7296 §1.3.2, §2.8, §2.18).
extension IKESA {
    func rekeyIKESA(
        _ message: AuthenticatedMessage, _ offer: SecurityAssociationPayload, nonce: [UInt8],
        _ turn: inout Turn
    ) -> Outcome {
        guard self.canBeRekeyed else { return .fault(.temporaryFailure) }
        // The old IKE_SA stays for a while, so a peer that rekeys without end fills the table.
        guard self.context.directory.count < self.context.limits.ikeSAs else {
            turn.event(.limitReached("IKE_SAs", peer: message.arrival.source))
            return .fault(.noAdditionalSAs)
        }
        let choice = ProposalChoice(ours: self.connection.proposals, keyExchange: .required)
        guard let chosen = choice.choose(from: offer.proposals), let suite = chosen.ikeSuite else {
            let mismatch = MismatchReport.proposals(
                .ikeProposal, ours: self.connection.proposals, theirs: offer.proposals, key: "proposals")
            turn.event(
                .mismatch(
                    self.label, peer: message.arrival.source, exchange: .createChildSA, .noProposalChosen,
                    mismatch))
            return .fault(.noProposalChosen)
        }
        guard let peerSPI = IKESPI(bytes: chosen.spi), peerSPI != .zero else {
            return .fault(.invalidSyntax)
        }
        guard let keyExchange = message.payloads.keyExchange else { return .fault(.invalidSyntax) }
        guard keyExchange.method == suite.keyExchange else {
            return .fault(.invalidKEPayload(wanted: suite.keyExchange))
        }
        do throws(CryptoFault) {
            let made = try self.makeSuccessor(
                suite, chosen, peerSPI: peerSPI, peerNonce: nonce, peerValue: keyExchange.data, now: turn.now)
            self.context.directory.add(made.ikeSA, initial: nil)
            self.context.touch(made.ikeSA)
            if self.requestedSuccessor?.attempt != nil {
                // Both ask at the same time: who wins is known when our answer comes (RFC 7296 §2.8.2).
                self.requestedSuccessor?.collision = RequestedSuccessor.Collision(
                    ikeSA: made.ikeSA, lowestNonce: Redundancy.lowest(nonce, made.nonce))
            } else {
                self.requestedSuccessor = nil
                self.handOver(to: made.ikeSA, &turn)
            }
            return .payloads(made.answer + made.ikeSA.ownToken(&turn))
        } catch {
            return self.refuse(error, &turn)
        }
    }

    /// False while we are creating, rekeying or deleting a CHILD_SA, or if the peer rekeys once more what it has rekeyed
    /// (RFC 7296 §2.25.2).
    private var canBeRekeyed: Bool {
        guard self.requestedChild == nil, self.requestedSuccessor?.collision == nil else { return false }
        switch self.requests.outstanding?.request {
        case nil, .liveness?, .presentToken?, .rekeyIKESA?: return true
        // Our addresses first: their answer belongs to this IKE_SA.
        case .updateAddresses?, .checkAddress?, .announceAddresses?: return false
        case .deleteIKESA?, .deleteChildren?, .authenticate?, .refuse?, .createChild?: return false
        }
    }

    private struct Made {
        let ikeSA: IKESA
        let nonce: [UInt8]
        let answer: [Payload]
    }

    /// The requester of the rekeying is the original initiator of the new IKE_SA (RFC 7296 §2.18).
    private func makeSuccessor(
        _ suite: IKESuite, _ chosen: ProposalChoice.Chosen, peerSPI: IKESPI, peerNonce: [UInt8],
        peerValue: [UInt8], now: Instant
    ) throws(CryptoFault) -> Made {
        let crypto = self.context.crypto
        let exchange = try crypto.keyExchange(suite.keyExchange)
        let secret = try exchange.sharedSecret(with: peerValue[...])
        let ownNonce = try crypto.bytes(32)
        let ownSPI = try self.context.makeIKESPI()
        let keys = try KeySchedule(crypto: crypto).rekeyedKeys(
            suite,
            KeySchedule.Ingredients(
                initiatorNonce: peerNonce, responderNonce: ownNonce, initiatorSPI: peerSPI,
                responderSPI: ownSPI),
            sharedSecret: secret, old: self.keys)
        let successor = self.successor(
            Birth(
                initiatorSPI: peerSPI, responderSPI: ownSPI, isOriginalInitiator: false, keys: keys,
                initialKey: nil, fragmentationAgreed: self.fragmentationAgreed, firstAnswerID: 0,
                firstRequestID: 0), now: now)
        let answer: [Payload] = [
            .securityAssociation(
                SecurityAssociationPayload(proposals: [chosen.answer(.ike, spi: ownSPI.bytes)])),
            .nonce(NoncePayload(nonce: ownNonce)),
            .keyExchange(KeyExchangePayload(method: suite.keyExchange, data: exchange.publicValue)),
        ]
        return Made(ikeSA: successor, nonce: ownNonce, answer: answer)
    }

    /// An IKE_SA with new keys, which nothing has been handed over to yet.
    func successor(_ birth: Birth, now: Instant) -> IKESA {
        let until = now.advanced(by: self.context.limits.retransmission.reduce(.zero, +))
        return IKESA(
            context: self.context, birth: birth, connection: self.connection, phase: .standby(until: until),
            path: self.path, now: now)
    }

    /// CHILD_SAs, path and counters go on under the new keys; this IKE_SA waits for its DELETE.
    func handOver(to successor: IKESA, _ turn: inout Turn) {
        guard let established = self.established else { return }
        successor.phase = .established(
            successor.makeEstablished(
                peer: established.peerIdentity, local: established.localIdentity,
                establishedAt: established.establishedAt,
                rekeyCount: established.rekeyCount + 1, now: turn.now))
        successor.inherit(from: self)
        self.heir = successor
        self.context.reauthentications.move(self.localSPI, to: successor.localSPI)
        self.context.touch(successor)
        for child in successor.children where child.state != .deleting {
            self.context.directory.setOwner(ofChild: child.spec, successor.localSPI)
        }
        turn.event(.ikeSARekeyed(self.label, successor: successor.label, suite: successor.keys.suite))
        // What is in line and not sent yet concerns CHILD_SAs, which have another IKE_SA now.
        for request in self.requests.takeQueue() { successor.enqueue(request, &turn) }
        successor.presentToken(afterRekeying: self, &turn)
        // Nothing of the CHILD_SAs ends here, so this is not `end`.
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
    }

    private func inherit(from old: IKESA) {
        self.children = old.children
        old.children = []
        self.pendingActivations = old.pendingActivations
        old.pendingActivations = [:]
        self.pendingChecks = old.pendingChecks
        old.pendingChecks = [:]
        self.pendingMove = old.pendingMove
        old.pendingMove = nil
        for requestID in Array(self.pendingActivations.keys) + Array(self.pendingChecks.keys) {
            self.context.handOver(requestID: requestID, to: self)
        }
        if let move = self.pendingMove { self.context.handOver(requestID: move.requestID, to: self) }
        self.reauthenticateAt = old.reauthenticateAt
        self.agenda = old.agenda
        self.agenda.remove(.rekeyIKESA)
        old.agenda = ExchangeAgenda()
        self.agendaRestsUntil = old.agendaRestsUntil
        self.replaced = old.replaced
        old.replaced = []
        self.path = old.path
        self.lastPathChange = old.lastPathChange
        self.pathChanges = old.pathChanges
        self.keepalive = old.keepalive
        self.espWatch = old.espWatch
        self.mobility = old.mobility
        // Its hash has the old SPIs.
        self.mobility.seenAs = nil
    }
}
