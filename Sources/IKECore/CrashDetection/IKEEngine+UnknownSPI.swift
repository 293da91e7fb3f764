internal import IKEWire
internal import IPsecModel

// Messages and packets of SAs that one side does not have (RFC 7296 §1.5, §2.21.4; RFC 6290 §4.5).
extension IKEEngine {
    /// A message for an IKE_SA that we do not have. A request is told so, with our token if its sender seems to have had an
    /// IKE_SA with us: a message that is protected.
    func refuseUnknownSPI(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) {
        self.context.counters.drop(.unknownSPI)
        let header = message.header
        guard !header.flags.contains(.response) else { return }
        let mayHaveToken = message.protection != .none && self.context.tokenMaker != nil
        guard mayHaveToken ? self.tokens.spend(now: turn.now) : self.courtesy.spend(now: turn.now),
            !self.knows(header)
        else { return }
        var payloads: [Payload] = [.notify(NotifyPayload(.invalidIKESPI))]
        if mayHaveToken { payloads += self.token(for: header, &turn) }
        StatelessAnswer(request: header, arrival: arrival).send(payloads, &turn)
    }

    /// Somebody says, without proof, that our ESP comes with an SPI that he does not know, in a message that is of no IKE_SA: its
    /// IKE SPIs mean nothing (RFC 7296 §1.5). False if the message is none such.
    func receiveInvalidSPI(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) -> Bool {
        guard message.protection == .none, message.header.exchange == .informational,
            !message.header.flags.contains(.response), let notify = message.payloads.notify(.invalidSPI)
        else { return false }
        self.context.counters.drop(.unprotected)
        guard let spi = ESPSPI(bytes: notify.data), self.hints.spend(now: turn.now) else { return true }
        let meant = self.context.directory.owners(ofOutbound: spi).first {
            $0.path.remote.address == arrival.source.address
        }
        meant?.peerMayBeGone(&turn)
        return true
    }

    /// ESP came that we cannot open, so its sender may have an IKE_SA that we have lost: it is told, to where it sends from, or
    /// to IKE's port if its packet has none (RFC 7296 §1.5). It will ask whether we live, and get our token.
    func refuseESP(_ spi: ESPSPI, from remote: Endpoint, to local: Endpoint, _ turn: inout Turn) {
        guard self.context.directory.owner(ofChild: spi) == nil, self.courtesy.spend(now: turn.now)
        else { return }
        let header = IKEHeader(
            initiatorSPI: .zero, responderSPI: .zero, exchange: .informational, flags: [.initiator],
            messageID: 0)
        let isBare = remote.port == 0
        let arrival = Arrival(
            source: isBare ? Endpoint(remote.address, IKEPort.ike) : remote,
            destination: isBare ? Endpoint(local.address, IKEPort.ike) : local,
            socket: isBare ? .ike : .natTraversal)
        StatelessAnswer.send(
            header, [.notify(NotifyPayload(.invalidSPI, data: spi.bytes))], arrival, &turn)
    }

    private func token(for header: IKEHeader, _ turn: inout Turn) -> [Payload] {
        do throws(CryptoFault) {
            let token = try self.context.tokenMaker?.token(
                initiatorSPI: header.initiatorSPI, responderSPI: header.responderSPI,
                crypto: self.context.crypto)
            return token.map { [.notify(NotifyPayload(.quickCrashDetection, data: $0))] } ?? []
        } catch {
            turn.event(.cryptoFailed(nil, error))
            return []
        }
    }

    /// True if one of the SPIs is of an IKE_SA of ours, or of one that is being made: no token of it may leave in an
    /// unprotected message, since whoever hears it could end it (RFC 6290 §9.2). A wrong I flag makes it no other.
    private func knows(_ header: IKEHeader) -> Bool {
        [header.initiatorSPI, header.responderSPI].contains { spi in
            self.context.directory.isTaken(spi) || self.initiations[spi] != nil
        }
    }
}
