internal import IKEWire
internal import IPsecModel

// Sealing messages, sending them, and our own requests.
extension IKESA {
    /// The datagrams of a protected message; none if it cannot be made, which ends the IKE_SA.
    func seal(
        _ payloads: [Payload], exchange: ExchangeType, messageID: UInt32, isResponse: Bool, _ turn: inout Turn
    ) -> [[UInt8]] {
        var flags: IKEFlags = isResponse ? [.response] : []
        if self.isOriginalInitiator { flags.insert(.initiator) }
        let header = IKEHeader(
            initiatorSPI: self.initiatorSPI, responderSPI: self.responderSPI, exchange: exchange,
            flags: flags, messageID: messageID)
        do throws(SealingFault) {
            return try self.protection.seal(
                header, payloads, fragmentOctets: self.fragmentOctets, crypto: self.context.crypto)
        } catch {
            switch error {
            case .crypto(let fault): turn.event(.cryptoFailed(self.label, fault))
            case .wire(let fault): turn.event(.defect(self.label, "a message of ours: \(fault)"))
            }
            self.end(.failed(.invalidSyntax), &turn)
            return []
        }
    }

    /// Octets of an IKE message above which it is sent in fragments (RFC 7383 §2.5.1); nil for never.
    private var fragmentOctets: Int? {
        guard self.fragmentationAgreed, self.connection.fragmentation else { return nil }
        let ipHeader = self.path.remote.address.family == .v4 ? 20 : 40
        return self.connection.fragmentSize - ipHeader - 8 - NonESPMarker.octets.count
    }

    /// Sends the datagrams of one message, with the non-ESP marker where the port wants it.
    func transmit(_ datagrams: [[UInt8]], from source: Endpoint, to destination: Endpoint, _ turn: inout Turn)
    {
        let needsMarker = source.port != IKEPort.ike
        for datagram in datagrams {
            turn.send(needsMarker ? NonESPMarker.add(to: datagram) : datagram, from: source, to: destination)
        }
        if destination == self.path.remote { self.keepalive.noteSent(now: turn.now) }
    }

    /// Puts a request of ours in line, and sends it if nothing is outstanding.
    func enqueue(_ request: OwnRequest, _ turn: inout Turn) {
        guard self.requests.enqueue(request) else {
            // So many unanswered requests: the peer is as good as dead.
            self.end(.peerDead, &turn)
            return
        }
        self.sendNextRequest(&turn)
    }

    /// Sends the next request in line, if none is outstanding.
    func sendNextRequest(_ turn: inout Turn) {
        while !self.isGone, let (request, messageID) = self.requests.takeNext() {
            // What has become pointless in line is left out.
            guard let payloads = self.payloads(of: request, &turn) else { continue }
            self.send(request, payloads, messageID: messageID, &turn)
        }
    }

    private func send(_ request: OwnRequest, _ payloads: [Payload], messageID: UInt32, _ turn: inout Turn) {
        let datagrams = self.seal(
            payloads, exchange: request.exchange, messageID: messageID, isResponse: false, &turn)
        guard !datagrams.isEmpty else { return }
        self.requests.sent(
            request, messageID: messageID, datagrams: datagrams, haste: self.context.haste(), now: turn.now)
        self.transmit(datagrams, from: self.path.local, to: self.path.remote, &turn)
    }

    /// Nil if it cannot be made any more.
    private func payloads(of request: OwnRequest, _ turn: inout Turn) -> [Payload]? {
        switch request {
        case .liveness, .updateAddresses, .checkAddress, .announceAddresses:
            return self.mobilityPayloads(of: request, &turn)
        case .presentToken: return self.ownToken(&turn)
        case .deleteIKESA: return [.delete(.ikeSA)]
        case .deleteChildren(let spis): return [.delete(DeletePayload(esp: spis))]
        case .authenticate: return self.authenticationPayloads(&turn)
        case .createChild: return self.childPayloads(&turn)
        case .rekeyIKESA: return self.successorPayloads(&turn)
        case .refuse(let type): return [.notify(NotifyPayload(type)), .delete(.ikeSA)]
        }
    }
}
