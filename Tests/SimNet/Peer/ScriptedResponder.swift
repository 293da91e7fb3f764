package import IKEWire
package import IPsecModel

/// A peer that is called, and answers right or wrong as a test likes. It has keys of its own making, apart from the
/// engine's, and no CHILD_SA that carries anything.
package final class ScriptedResponder: SimHost {
    package let addresses: [IPAddress]
    package let nextDeadline: Instant? = nil

    /// The pre-shared key that its AUTH is made with.
    package var psk = Array("a secret that only A and B know".utf8)
    /// Who it says it is.
    package var identity: Identity = .fqdn("b.example.org")
    /// What it chooses for the IKE_SA; nil for the first that is offered.
    package var ikeTransforms: [Transform]?
    /// What it chooses for the CHILD_SA; nil for the first that is offered.
    package var espTransforms: [Transform]?
    /// Changes the payloads of its IKE_SA_INIT response.
    package var rewriteInit: ([Payload]) -> [Payload] = { $0 }
    /// Changes the payloads of its IKE_AUTH response.
    package var rewriteAuth: ([Payload]) -> [Payload] = { $0 }
    /// Changes the AUTH value.
    package var mangleProof: ([UInt8]) -> [UInt8] = { $0 }
    /// Called before it answers IKE_AUTH.
    package var beforeAuth: (ScriptedResponder, SimNet) throws -> Void = { _, _ in }
    /// Requests of the gateway after IKE_AUTH, which it answers with nothing.
    package private(set) var requests: [[Payload]] = []
    /// Where the last request came from.
    package private(set) var caller: Endpoint?
    /// The IKE_SA.
    package private(set) var ikeSA: PeerIKESA?

    private let crypto: SeededCrypto
    private var request: [UInt8] = []
    private var response: [UInt8] = []
    private var nonces: (ni: [UInt8], nr: [UInt8]) = ([], [])

    /// A peer at `address`.
    package init(_ address: IPAddress, seed: UInt64 = 5) {
        self.addresses = [address]
        self.crypto = SeededCrypto(seed: seed)
    }

    package func deadlineReached(on net: SimNet) {}

    package func receive(_ datagram: Datagram, on net: SimNet) {
        guard let octets = datagram.ikeMessage else { return }
        do {
            let message = try DecodedMessage.decode(octets)
            guard !message.header.flags.contains(.response) else { return }
            self.caller = datagram.source
            switch message.header.exchange {
            case .ikeSAInit: try self.answerInit(message, datagram, net)
            default: try self.answer(message, datagram, net)
            }
        } catch {
            // What is not for it, it does not answer.
        }
    }

    private func send(_ octets: [UInt8], answering datagram: Datagram, _ net: SimNet) {
        let marker: [UInt8] = datagram.destination.port == IKEPort.ike ? [] : [0, 0, 0, 0]
        net.send(
            Datagram(
                source: datagram.destination, destination: datagram.source, bytes: marker + octets),
            from: self)
    }

    private func answerInit(_ message: DecodedMessage, _ datagram: Datagram, _ net: SimNet) throws {
        let payloads = message.payloads
        guard let offer = payloads.securityAssociation?.proposals.first, let theirs = payloads.keyExchange,
            let ni = payloads.nonce
        else { return }
        let transforms = self.ikeTransforms ?? Self.firstOfEachType(offer.transforms)
        let exchange = try self.crypto.keyExchange(theirs.method)
        let nr = try self.crypto.bytes(32)
        let spiR = IKESPI(try self.crypto.bytes(8).reduce(0) { $0 << 8 | UInt64($1) })
        let spiI = message.header.initiatorSPI
        let answer = self.rewriteInit([
            .securityAssociation(
                SecurityAssociationPayload(proposals: [
                    ProposalSubstructure(number: offer.number, protocolID: .ike, transforms: transforms)
                ])),
            .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)),
            .nonce(NoncePayload(nonce: nr)),
        ])
        let header = IKEHeader(
            initiatorSPI: spiI, responderSPI: spiR, exchange: .ikeSAInit, flags: [.response], messageID: 0)
        self.request = message.octets
        self.response = try IKEMessageEncoder.clear(header, answer)
        self.nonces = (ni, nr)
        if let suite = PeerSuites.ike(transforms),
            let schedule = PeerKeySchedule(suite.prf, crypto: self.crypto)
        {
            let secret = try exchange.sharedSecret(with: theirs.data[...]).publicBytes
            let seed = try schedule.skeyseed(ni: ni, nr: nr, secret: secret)
            self.ikeSA = try PeerIKESA(
                spiI: spiI, spiR: spiR, isOriginalInitiator: false, suite: suite,
                keys: try schedule.keys(
                    skeyseed: seed, ni: ni, nr: nr, spiI: spiI, spiR: spiR, suite.protection),
                schedule: schedule, firstRequestID: 0, crypto: self.crypto)
        }
        self.send(self.response, answering: datagram, net)
    }

    private func answer(_ message: DecodedMessage, _ datagram: Datagram, _ net: SimNet) throws {
        guard let ikeSA = self.ikeSA, let payloads = try ikeSA.open(message) else { return }
        var answer: [Payload] = []
        if message.header.exchange == .ikeAuth {
            try self.beforeAuth(self, net)
            answer = self.rewriteAuth(try self.authPayloads(payloads, ikeSA))
        } else {
            self.requests.append(payloads)
        }
        let header = ikeSA.header(
            message.header.exchange, messageID: message.header.messageID, isResponse: true)
        for octets in try ikeSA.seal(header, answer) { self.send(octets, answering: datagram, net) }
    }

    /// IDr, AUTH, SAr2, TSi, TSr.
    private func authPayloads(_ request: [Payload], _ ikeSA: PeerIKESA) throws -> [Payload] {
        let identity = IdentificationPayload(identity: self.identity)
        let proof = try ikeSA.schedule.auth(
            psk: self.psk, message: self.response, nonce: self.nonces.ni, skP: ikeSA.keys.skPr,
            identity: [self.identity.type.rawValue, 0, 0, 0] + self.identity.data)
        guard let offer = request.securityAssociation?.proposals.first, let selectors = request.selectors
        else { return [] }
        let spi = ESPSPI(0xc200_0001)
        return [
            .idResponder(identity),
            .authentication(
                AuthenticationPayload(method: .sharedKeyMessageIntegrityCode, data: self.mangleProof(proof))),
            .securityAssociation(
                SecurityAssociationPayload(proposals: [
                    ProposalSubstructure(
                        number: offer.number, protocolID: .esp, spi: spi.bytes,
                        transforms: self.espTransforms ?? Self.firstOfEachType(offer.transforms))
                ])),
            .tsInitiator(TrafficSelectorPayload(selectors: selectors.tsi)),
            .tsResponder(TrafficSelectorPayload(selectors: selectors.tsr)),
        ]
    }

    /// Sends a request of its own to whoever called.
    package func ask(_ payloads: [Payload], on net: SimNet) throws {
        guard let ikeSA = self.ikeSA, let caller = self.caller else { return }
        let header = ikeSA.header(.informational, messageID: ikeSA.nextRequestID)
        ikeSA.nextRequestID += 1
        for octets in try ikeSA.seal(header, payloads) {
            net.send(
                Datagram(
                    source: Endpoint(self.addresses[0], caller.port), destination: caller, bytes: octets),
                from: self)
        }
    }

    private static func firstOfEachType(_ transforms: [Transform]) -> [Transform] {
        var seen: Set<TransformType> = []
        return transforms.filter { seen.insert($0.type).inserted }
    }
}
