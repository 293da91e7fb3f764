internal import IKEWire
internal import IPsecModel

// CREATE_CHILD_SA asked by the peer (RFC 7296 §1.3): a new CHILD_SA, or a rekeying.
extension IKESA {
    func processCreateChildSA(_ message: AuthenticatedMessage, _ turn: inout Turn) -> Outcome {
        guard let offer = message.payloads.securityAssociation, let nonce = message.payloads.nonce else {
            return .fault(.invalidSyntax)
        }
        if offer.proposals.contains(where: { $0.protocolID == .ike }) {
            return self.rekeyIKESA(message, offer, nonce: nonce, &turn)
        }
        // Our own rekeying of the IKE_SA is under way (RFC 7296 §2.25.2).
        guard self.requestedSuccessor == nil else { return .fault(.temporaryFailure) }
        guard let tsi = message.payloads.tsInitiator, let tsr = message.payloads.tsResponder else {
            return .fault(.invalidSyntax)
        }
        guard let rekey = message.payloads.notify(.rekeySA) else {
            return self.createChild(message, Request(offer: offer, nonce: nonce, tsi: tsi, tsr: tsr), &turn)
        }
        guard let spi = rekey.espSPI else { return .fault(.invalidSyntax) }
        // An AH SA, whatever its SPI, is none of ours.
        guard rekey.protocolID == .esp else { return .fault(.childSANotFound(spi)) }
        return self.rekeyChild(
            spi, message, Request(offer: offer, nonce: nonce, tsi: tsi, tsr: tsr), &turn)
    }

    private struct Request {
        let offer: SecurityAssociationPayload
        let nonce: [UInt8]
        let tsi: TrafficSelectorPayload
        let tsr: TrafficSelectorPayload
        var childName: String?
        var replaces: ESPSPI?
    }

    /// A rekeying of the CHILD_SA that sends to `spi`, the requester's inbound SPI (RFC 7296 §1.3.3).
    private func rekeyChild(
        _ spi: ESPSPI, _ message: AuthenticatedMessage, _ request: Request, _ turn: inout Turn
    ) -> Outcome {
        guard let old = self.children.first(where: { $0.spec.outboundSPI == spi }) else {
            return .fault(.childSANotFound(spi))
        }
        switch old.state {
        case .deleting:
            // Our DELETE and the peer's rekeying crossed (RFC 7296 §2.25.1).
            return .fault(.temporaryFailure)
        case .rekeyed, .redundant, .retiring:
            // It has a successor already; a second one would never be used.
            return .fault(.temporaryFailure)
        case .installed: break
        }
        var request = request
        request.childName = old.name
        request.replaces = old.spec.inboundSPI
        return self.createChild(message, request, &turn)
    }

    private func createChild(
        _ message: AuthenticatedMessage, _ request: Request, _ turn: inout Turn
    ) -> Outcome {
        guard self.children.count < self.context.limits.childSAsPerIKESA else {
            turn.event(.limitReached("CHILD_SAs of \(self.label)", peer: message.arrival.source))
            return .fault(.noAdditionalSAs)
        }
        let negotiation = ChildNegotiation(
            connection: self.connection, localAddress: self.path.local.address,
            remoteAddress: self.path.remote.address, keyExchange: .allowed(self.allowedGroups),
            childName: request.childName)
        switch negotiation.negotiate(offer: request.offer, tsi: request.tsi, tsr: request.tsr) {
        case .refused(let fault, let mismatch):
            turn.event(
                .mismatch(
                    self.label, peer: message.arrival.source, exchange: .createChildSA, fault.notify.type,
                    mismatch))
            return .fault(fault)
        case .agreed(let agreed):
            self.reportPFS(agreed.child, agreed.suite, &turn)
            return self.beginChild(agreed, message, request, &turn)
        }
    }

    /// Groups that the connection allows for IKE: good enough for a CHILD_SA whose configuration names none.
    var allowedGroups: [Transform] {
        self.connection.proposals.flatMap { $0.transforms(.keyExchange) }
    }

    private func beginChild(
        _ agreed: ChildNegotiation.Agreed, _ message: AuthenticatedMessage, _ request: Request,
        _ turn: inout Turn
    ) -> Outcome {
        do throws(CryptoFault) {
            var exchanged: (publicValue: [UInt8], secret: SecretBytes)?
            if let method = agreed.suite.keyExchange {
                guard let theirs = message.payloads.keyExchange, theirs.method == method else {
                    return .fault(.invalidKEPayload(wanted: method))
                }
                let exchange = try self.context.crypto.keyExchange(method)
                exchanged = (exchange.publicValue, try exchange.sharedSecret(with: theirs.data[...]))
            }
            let negotiated = NegotiatedChild(
                configuration: agreed.child, chosen: agreed.chosen, suite: agreed.suite,
                outboundSPI: agreed.outboundSPI, selectors: agreed.selectors, requesterNonce: request.nonce,
                answererNonce: try self.context.crypto.bytes(32), exchanged: exchanged,
                replaces: request.replaces)
            self.noteCollision(negotiated)
            return self.beginInstallation(
                negotiated, exchange: .createChildSA, arrival: message.arrival, prefix: [], &turn)
        } catch {
            return self.refuse(error, &turn)
        }
    }

    /// If we have asked for the same, one of the two is redundant; which, is known when our answer comes
    /// (RFC 7296 §2.8.1).
    private func noteCollision(_ negotiated: NegotiatedChild) {
        guard let requested = self.requestedChild, requested.attempt != nil else { return }
        let isSame =
            switch requested.purpose {
            case .rekeying(let old): old == negotiated.replaces
            case .further, .superseding:
                negotiated.replaces == nil && requested.configuration.name == negotiated.configuration.name
                    && requested.selectors == negotiated.selectors
            case .first: false
            }
        guard isSame else { return }
        self.requestedChild?.collision = RequestedChild.Collision(
            lowestNonce: Redundancy.lowest(negotiated.requesterNonce, negotiated.answererNonce))
    }

    /// A public value that its group does not allow is the peer's fault, all else is ours.
    func refuse(_ fault: CryptoFault, _ turn: inout Turn) -> Outcome {
        turn.event(.cryptoFailed(self.label, fault))
        if case .invalidPublicValue = fault { return .fault(.invalidSyntax) }
        return .fault(.temporaryFailure)
    }
}
