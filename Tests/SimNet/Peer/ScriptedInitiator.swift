package import IKEWire
package import IPsecModel

/// A peer for tests: it begins IKE_SAs with a gateway, and does what the test says.
///
/// It is written with the wire codec and the crypto library alone, so that a mistake of the engine does not
/// meet the same mistake here.
package final class ScriptedInitiator: SimHost {
    /// What it is and does; changes count for what comes next.
    package var settings: PeerSettings
    /// Its algorithms and random bytes.
    package let crypto: SeededCrypto
    /// The network that it is on.
    package unowned let net: SimNet

    /// The port that it sends from and to: 500, then 4500.
    package var port = IKEPort.ike
    /// The IKE_SAs, the newest last.
    package internal(set) var ikeSAs: [PeerIKESA] = []
    /// The CHILD_SAs, the oldest first.
    package internal(set) var children: [PeerChild] = []
    /// Requests that wait for an answer.
    package internal(set) var outstanding: [PeerRequest] = []
    /// Every request so far.
    package internal(set) var requests: [PeerRequest] = []
    /// Requests of the gateway, each once.
    package internal(set) var heardRequests: [(exchange: ExchangeType, payloads: [Payload])] = []
    /// Answers that nobody waited for, and what else was not protected or not understood.
    package internal(set) var strays: [DecodedMessage] = []
    /// Texts that came out of ESP packets.
    package internal(set) var heard: [String] = []
    /// What went wrong in taking in an answer.
    package internal(set) var faults: [any Error] = []
    /// What NAT_DETECTION of the gateway says: is the peer, or the gateway, behind a NAT?
    package internal(set) var natFinding: (isLocal: Bool, isRemote: Bool)?
    /// Who the gateway proved to be.
    package internal(set) var gatewayIdentity: Identity?
    /// True if both sides do fragmentation.
    var fragmentationAgreed = false

    /// A peer on `net`, with random bytes from `seed`.
    package init(_ settings: PeerSettings, on net: SimNet, behind nats: [SimNAT] = [], seed: UInt64 = 3) {
        self.settings = settings
        self.crypto = SeededCrypto(seed: seed)
        self.net = net
        net.attach(self, behind: nats)
    }

    package var addresses: [IPAddress] { [self.settings.address] }

    /// The newest IKE_SA that is not deleted.
    package var ikeSA: PeerIKESA? { self.ikeSAs.last { !$0.isDeleted } }

    /// True if IKE_AUTH succeeded.
    package var isEstablished: Bool { self.gatewayIdentity != nil && self.ikeSA != nil }

    // MARK: Sending

    /// Sends a message of ours, with a marker where the port wants one.
    package func transmit(_ datagrams: [[UInt8]]) {
        for datagram in datagrams {
            let bytes = self.port == IKEPort.ike ? datagram : NonESPMarker.add(to: datagram)
            self.send(bytes)
        }
    }

    /// Sends a UDP payload as it is.
    package func send(_ bytes: [UInt8]) {
        self.net.send(
            Datagram(
                source: Endpoint(self.settings.address, self.port),
                destination: Endpoint(self.settings.gateway, self.port), bytes: bytes), from: self)
    }

    /// Sends a request in clear or sealed, and again until it is answered.
    func begin(_ request: PeerRequest) -> PeerRequest {
        self.requests.append(request)
        self.outstanding.append(request)
        self.transmitAgain(request)
        return request
    }

    private func transmitAgain(_ request: PeerRequest) {
        guard request.transmissions < self.settings.retransmission.count else {
            request.gaveUp = true
            request.retryAt = nil
            self.outstanding.removeAll { $0 === request }
            return
        }
        request.retryAt = self.net.now.advanced(by: self.settings.retransmission[request.transmissions])
        request.transmissions += 1
        self.transmit(request.datagrams)
    }

    /// Asks anything of the gateway on `ikeSA`, by default the newest.
    @discardableResult
    package func ask(
        _ exchange: ExchangeType, _ payloads: [Payload], on ikeSA: PeerIKESA? = nil,
        completion: @escaping (PeerRequest) throws -> Void = { _ in }
    ) throws -> PeerRequest {
        guard let ikeSA = ikeSA ?? self.ikeSA else { throw PeerError.missing("IKE_SA") }
        let messageID = ikeSA.nextRequestID
        ikeSA.nextRequestID &+= 1
        let maximum = self.fragmentationAgreed ? self.settings.fragmentOctets ?? 65_000 : 65_000
        let header = ikeSA.header(exchange, messageID: messageID)
        let datagrams: [[UInt8]]
        if let mangle = self.settings.mangleText {
            let (first, text) = try PayloadChain.encode(payloads)
            datagrams = [try ikeSA.sealText(header, first: first, text: mangle(exchange, text))]
        } else {
            datagrams = try ikeSA.seal(header, payloads, maximumOctets: maximum)
        }
        return self.begin(
            PeerRequest(
                exchange: exchange, messageID: messageID, datagrams: datagrams, ikeSA: ikeSA,
                completion: completion))
    }

    /// Sends octets as the next request of an IKE_SA, whatever they are.
    @discardableResult
    package func ask(
        _ exchange: ExchangeType, datagrams: (PeerIKESA, IKEHeader) throws -> [[UInt8]]
    ) throws -> PeerRequest {
        guard let ikeSA = self.ikeSA else { throw PeerError.missing("IKE_SA") }
        let messageID = ikeSA.nextRequestID
        ikeSA.nextRequestID &+= 1
        let header = ikeSA.header(exchange, messageID: messageID)
        return self.begin(
            PeerRequest(
                exchange: exchange, messageID: messageID, datagrams: try datagrams(ikeSA, header),
                ikeSA: ikeSA, completion: { _ in }))
    }

    // MARK: Time

    package var nextDeadline: Instant? { self.outstanding.compactMap(\.retryAt).min() }

    package func deadlineReached(on net: SimNet) {
        for request in self.outstanding where (request.retryAt ?? net.now) <= net.now {
            self.transmitAgain(request)
        }
    }

    // MARK: Receiving

    package func receive(_ datagram: Datagram, on net: SimNet) {
        guard let octets = datagram.ikeMessage else {
            self.receiveESP(datagram)
            return
        }
        do {
            let message = try DecodedMessage.decode(octets)
            if message.header.flags.contains(.response) {
                try self.receiveAnswer(message, from: datagram)
            } else {
                try self.receiveRequest(message)
            }
        } catch {
            self.faults.append(error)
        }
    }

    private func receiveAnswer(_ message: DecodedMessage, from datagram: Datagram) throws {
        let header = message.header
        let found = self.outstanding.first { request in
            guard request.messageID == header.messageID, request.exchange == header.exchange else {
                return false
            }
            guard let ikeSA = request.ikeSA else {
                // Several negotiations may be going on: the SPI comes first in their messages.
                return request.datagrams.first?.prefix(8).elementsEqual(header.initiatorSPI.bytes) == true
            }
            return header.initiatorSPI == ikeSA.spiI && header.responderSPI == ikeSA.spiR
                && header.flags.contains(.initiator) != ikeSA.isOriginalInitiator
        }
        guard let request = found else {
            self.strays.append(message)
            return
        }
        let payloads: [Payload]?
        if let ikeSA = request.ikeSA {
            guard message.protection != .none else {
                self.strays.append(message)
                return
            }
            payloads = try ikeSA.open(message)
        } else {
            payloads = message.payloads
            self.initiatorSPI = header.initiatorSPI
            self.initialAnswer = (message, datagram)
        }
        guard let payloads else { return }
        request.answer = payloads
        self.outstanding.removeAll { $0 === request }
        try request.completion(request)
    }

    /// The SPI of the negotiation that is going on.
    package var initiatorSPI = IKESPI.zero
    var initialAnswer: (message: DecodedMessage, datagram: Datagram)?

    private func receiveRequest(_ message: DecodedMessage) throws {
        let header = message.header
        let found = self.ikeSAs.first { $0.spiI == header.initiatorSPI && $0.spiR == header.responderSPI }
        guard let ikeSA = found, message.protection != .none else {
            self.strays.append(message)
            return
        }
        guard let payloads = try ikeSA.open(message) else { return }
        if let last = ikeSA.lastAnswer, last.messageID == header.messageID {
            self.transmit(last.datagrams)
            return
        }
        guard header.messageID == ikeSA.expectedRequestID else { throw PeerError.missing("right message ID") }
        self.heardRequests.append((header.exchange, payloads))
        guard self.settings.answersRequests else { return }
        ikeSA.expectedRequestID += 1
        let answer = self.settings.fixedAnswer ?? self.answer(to: payloads, on: ikeSA)
        let datagrams = try ikeSA.seal(
            ikeSA.header(header.exchange, messageID: header.messageID, isResponse: true), answer)
        ikeSA.lastAnswer = (header.messageID, datagrams)
        self.transmit(datagrams)
    }

    private func answer(to payloads: [Payload], on ikeSA: PeerIKESA) -> [Payload] {
        var ended: [ESPSPI] = []
        for delete in payloads.deletes {
            if delete.protocolID == .ike { ikeSA.isDeleted = true }
            for spi in delete.espSPIs {
                // The gateway names its inbound halves, which are ours outbound.
                guard let child = self.children.first(where: { $0.outboundSPI == spi }) else { continue }
                self.children.removeAll { $0.outboundSPI == spi }
                // RFC 7296 §1.4.1: what our own DELETE is about already is not named again.
                if !self.deleting.contains(child.inboundSPI) { ended.append(child.inboundSPI) }
            }
        }
        if ikeSA.isDeleted, self.ikeSA == nil { self.children.removeAll() }
        // RFC 4555 §3.7: COOKIE2 is copied as it is.
        let cookies = payloads.notifies.filter { $0.type == .cookie2 }.map { Payload.notify($0) }
        return cookies + (ended.isEmpty ? [] : [.delete(DeletePayload(esp: ended))])
    }

    /// Inbound SPIs that a DELETE of ours is under way for.
    var deleting: Set<ESPSPI> = []
}
