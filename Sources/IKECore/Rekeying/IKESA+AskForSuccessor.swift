internal import IKEWire
internal import IPsecModel

// Rekeying of the IKE_SA that we begin (RFC 7296 §1.3.2, §2.8.2, §2.18).
extension IKESA {
    /// Begins to ask for new keys, with the group of the old ones.
    func beginRekeyingIKESA(_ turn: inout Turn) {
        do throws(CryptoFault) {
            self.requestedSuccessor = RequestedSuccessor(
                spi: try self.context.makeIKESPI(), method: self.keys.suite.keyExchange)
            self.enqueue(.rekeyIKESA, &turn)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            self.postponeRekeyingIKESA(Self.shortPause, &turn)
        }
    }

    private func postponeRekeyingIKESA(
        _ pause: (least: Duration, most: Duration), _ turn: inout Turn
    ) {
        self.rekeyAt = turn.now.advanced(by: self.context.chosen(pause))
    }

    /// SA, Ni, KEi; nil if it cannot be made.
    func successorPayloads(_ turn: inout Turn) -> [Payload]? {
        guard let requested = self.requestedSuccessor else { return nil }
        do throws(CryptoFault) {
            let nonce = try self.context.crypto.bytes(32)
            let exchange = try self.context.crypto.keyExchange(requested.method)
            self.requestedSuccessor?.attempt = RequestedSuccessor.Attempt(nonce: nonce, exchange: exchange)
            let proposals = self.connection.proposals.enumerated().map { index, proposal in
                ProposalSubstructure(
                    number: UInt8(clamping: index + 1), protocolID: .ike, spi: requested.spi.bytes,
                    transforms: proposal.transforms)
            }
            return [
                .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
                .nonce(NoncePayload(nonce: nonce)),
                .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)),
            ]
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            self.requestedSuccessor = nil
            self.postponeRekeyingIKESA(Self.shortPause, &turn)
            return nil
        }
    }

    // MARK: The answer

    /// SA, Nr, KEr; or a notify that says why not.
    func finishRekeyingIKESA(_ message: AuthenticatedMessage, _ turn: inout Turn) {
        guard let requested = self.requestedSuccessor, let attempt = requested.attempt else { return }
        if let refusal = message.payloads.notifies.first(where: { $0.type.isError }) {
            guard !requested.isUnwanted else { return }
            self.rekeyingRefused(requested, refusal, &turn)
            return
        }
        do throws(InitiationFault) {
            let successor = try self.makeSuccessor(message.payloads, requested, attempt, &turn)
            self.requestedSuccessor = nil
            successor.takeToken(message.payloads, &turn)
            self.context.directory.add(successor, initial: nil)
            self.context.touch(successor)
            guard !requested.isUnwanted else {
                successor.discardStandby(&turn)
                return
            }
            self.decide(for: successor, requested, attempt, message.payloads.nonce ?? [], &turn)
        } catch {
            turn.event(.requestFailed(self.label, child: nil, error))
            self.giveWay(requested, Self.longPause, &turn)
        }
    }

    /// RFC 7296 §2.8.2: what the exchange with the lowest nonce made is closed by who made it, and the other one takes
    /// over the CHILD_SAs.
    private func decide(
        for successor: IKESA, _ requested: RequestedSuccessor, _ attempt: RequestedSuccessor.Attempt,
        _ nonce: [UInt8], _ turn: inout Turn
    ) {
        let own = Redundancy.lowest(attempt.nonce, nonce)
        if let collision = requested.collision, case .standby = collision.ikeSA.phase {
            guard Redundancy.isLower(own, than: collision.lowestNonce) else {
                // The peer will delete it.
                collision.ikeSA.awaitDelete(&turn)
                self.handOver(to: successor, &turn)
                self.enqueue(.deleteIKESA, &turn)
                return
            }
            self.handOver(to: collision.ikeSA, &turn)
            successor.discardStandby(&turn)
            return
        }
        self.handOver(to: successor, &turn)
        self.enqueue(.deleteIKESA, &turn)
    }

    private func makeSuccessor(
        _ payloads: [Payload], _ requested: RequestedSuccessor, _ attempt: RequestedSuccessor.Attempt,
        _ turn: inout Turn
    ) throws(InitiationFault) -> IKESA {
        let choice = ProposalChoice(ours: self.connection.proposals, keyExchange: .required)
        guard let answer = payloads.securityAssociation?.proposals, answer.count == 1,
            let chosen = choice.choose(from: answer), let suite = chosen.ikeSuite,
            chosen.transforms.count == answer[0].transforms.count
        else { throw .unusableAnswer("an IKE proposal that we did not offer") }
        guard let peerSPI = IKESPI(bytes: chosen.spi), peerSPI != .zero else {
            throw .unusableAnswer("no SPI")
        }
        guard let nonce = payloads.nonce, let theirs = payloads.keyExchange,
            suite.keyExchange == attempt.exchange.method, theirs.method == suite.keyExchange
        else { throw .unusableAnswer("a public value of another group, or no nonce") }
        do throws(CryptoFault) {
            let keys = try KeySchedule(crypto: self.context.crypto).rekeyedKeys(
                suite,
                KeySchedule.Ingredients(
                    initiatorNonce: attempt.nonce, responderNonce: nonce, initiatorSPI: requested.spi,
                    responderSPI: peerSPI),
                sharedSecret: try attempt.exchange.sharedSecret(with: theirs.data[...]), old: self.keys)
            return self.successor(
                Birth(
                    initiatorSPI: requested.spi, responderSPI: peerSPI, isOriginalInitiator: true, keys: keys,
                    initialKey: nil, fragmentationAgreed: self.fragmentationAgreed, firstAnswerID: 0,
                    firstRequestID: 0), now: turn.now)
        } catch { throw .unusableAnswer("a public value that is none: \(error)") }
    }

    // MARK: A refusal

    private func rekeyingRefused(
        _ requested: RequestedSuccessor, _ refusal: NotifyPayload, _ turn: inout Turn
    ) {
        if requested.collision == nil, let next = self.otherMethod(requested, refusal) {
            self.requestedSuccessor = next
            self.enqueue(.rekeyIKESA, &turn)
            return
        }
        guard !self.giveWayToCollision(requested, &turn) else { return }
        guard refusal.type != .temporaryFailure else {
            turn.event(.rekeyingPostponed(self.label, child: nil))
            self.giveWay(requested, Self.shortPause, &turn)
            return
        }
        turn.event(
            .rekeyingRefused(
                self.label, child: nil, refusal.type, isVerification: false,
                Mismatch(
                    .ikeProposal, ours: self.connection.proposals.map(\.description),
                    theirs: ["\(refusal.type.name), without saying what it has"])))
        self.giveWay(requested, Self.longPause, &turn)
        // A peer that cannot rekey, or not with what it is configured for now, can still begin anew (RFC 7296 §1.3.2, §4).
        self.reauthenticate(&turn)
    }

    /// The peer wants another group of those that we offered (RFC 7296 §1.3.2).
    private func otherMethod(
        _ requested: RequestedSuccessor, _ refusal: NotifyPayload
    ) -> RequestedSuccessor? {
        guard refusal.type == .invalidKEPayload, refusal.data.count == 2 else { return nil }
        let wanted = KeyExchangeMethod(rawValue: UInt16(refusal.data[0]) << 8 | UInt16(refusal.data[1]))
        guard wanted != requested.method, !requested.refused.contains(wanted),
            self.allowedGroups.contains(.keyExchange(wanted))
        else { return nil }
        var next = requested
        next.refused.insert(requested.method)
        next.method = wanted
        next.attempt = nil
        return next
    }

    /// The old keys stay for now.
    private func giveWay(
        _ requested: RequestedSuccessor, _ pause: (least: Duration, most: Duration), _ turn: inout Turn
    ) {
        guard !self.giveWayToCollision(requested, &turn) else { return }
        self.requestedSuccessor = nil
        self.postponeRekeyingIKESA(pause, &turn)
    }

    /// If the peer's request crossed ours, what that made is the successor; false if there was none.
    private func giveWayToCollision(_ requested: RequestedSuccessor, _ turn: inout Turn) -> Bool {
        guard let collision = requested.collision, case .standby = collision.ikeSA.phase else { return false }
        self.requestedSuccessor = nil
        self.handOver(to: collision.ikeSA, &turn)
        return true
    }

    /// The peer deletes the IKE_SA that we are rekeying: if its own request crossed ours, that made the successor;
    /// false if nothing takes over (RFC 7296 §2.25.2).
    func giveWayToDelete(_ turn: inout Turn) -> Bool {
        guard let requested = self.requestedSuccessor else { return false }
        guard self.giveWayToCollision(requested, &turn) else {
            self.requestedSuccessor = nil
            return false
        }
        self.requests.abandonOutstanding()
        return true
    }

    /// The IKE_SA is being deleted while its rekeying is under way: what comes of that must go as well.
    func disownSuccessors(_ turn: inout Turn) {
        if let collision = self.requestedSuccessor?.collision, case .standby = collision.ikeSA.phase {
            collision.ikeSA.discardStandby(&turn)
        }
        self.requestedSuccessor?.isUnwanted = true
    }

    // MARK: Standby

    /// The peer made this IKE_SA, and will delete it.
    private func awaitDelete(_ turn: inout Turn) {
        self.phase = .closing(until: turn.now.advanced(by: self.context.limits.halfOpenLifetime))
        self.context.touch(self)
    }

    /// We made this IKE_SA, and it is redundant.
    private func discardStandby(_ turn: inout Turn) {
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.phase = .closing(until: turn.now.advanced(by: patience))
        self.context.touch(self)
        self.enqueue(.deleteIKESA, &turn)
    }
}
