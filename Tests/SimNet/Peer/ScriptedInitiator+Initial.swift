package import IKEWire
package import IPsecModel

// IKE_SA_INIT and IKE_AUTH of the test peer (RFC 7296 §1.2).
extension ScriptedInitiator {
    /// Begins an IKE_SA: IKE_SA_INIT, again with a cookie or another group if asked to, then IKE_AUTH.
    package func connect() throws {
        self.port = IKEPort.ike
        self.gatewayIdentity = nil
        self.initiatorSPI = IKESPI(try self.crypto.bytes(8).reduce(0) { $0 << 8 | UInt64($1) })
        try self.sendInit(method: self.settings.keyExchange, nonce: self.freshNonce(), cookie: nil)
    }

    /// Sends IKE_SA_INIT alone; IKE_AUTH follows only if `continues`.
    @discardableResult
    package func sendInit(
        method: KeyExchangeMethod, nonce: [UInt8], cookie: [UInt8]?, continues: Bool = true
    ) throws -> PeerRequest {
        let exchange = try self.crypto.keyExchange(method)
        let payloads = self.settings.rewriteInit(
            try self.initPayloads(exchange, nonce: nonce, cookie: cookie))
        let header = IKEHeader(
            initiatorSPI: self.initiatorSPI, responderSPI: .zero, exchange: .ikeSAInit, flags: [.initiator],
            messageID: 0)
        let octets = self.settings.mangleInit(try IKEMessageEncoder.clear(header, payloads))
        return self.begin(
            PeerRequest(exchange: .ikeSAInit, messageID: 0, datagrams: [octets], ikeSA: nil) {
                [unowned self] request in
                guard continues else { return }
                try self.finishInit(request, exchange, nonce: nonce, cookie: cookie)
            })
    }

    /// A fresh nonce.
    package func freshNonce() throws -> [UInt8] { try self.crypto.bytes(self.settings.nonceLength) }

    /// The payloads of IKE_SA_INIT.
    package func initPayloads(
        _ exchange: any KeyExchange, nonce: [UInt8], cookie: [UInt8]?
    ) throws -> [Payload] {
        var payloads: [Payload] = cookie.map { [.notify(NotifyPayload(.cookie, data: $0))] } ?? []
        let proposals = self.settings.ikeProposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(index + 1), protocolID: .ike, transforms: proposal.transforms)
        }
        payloads += [
            .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
            .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)),
            .nonce(NoncePayload(nonce: nonce)),
        ]
        payloads += try self.natDetectionPayloads()
        if self.settings.fragmentOctets != nil {
            payloads.append(.notify(NotifyPayload(.fragmentationSupported)))
        }
        return payloads + self.settings.extraInitPayloads
    }

    private func natDetectionPayloads() throws -> [Payload] {
        let own = Endpoint(self.settings.address, self.port)
        let destination = try self.hash(Endpoint(self.settings.gateway, self.port))
        let sources: [[UInt8]]
        switch self.settings.natDetection {
        case .none: return []
        case .honest: sources = [try self.hash(own)]
        case .fakeSource: sources = [try self.crypto.bytes(20)]
        case .severalSources:
            sources = [
                try self.hash(Endpoint(.v4(IPv4Address(10, 9, 9, 9)), 500)),
                try self.hash(Endpoint(.v4(IPv4Address(10, 8, 8, 8)), 500)), try self.hash(own),
            ]
        }
        return sources.map { .notify(NotifyPayload(.natDetectionSourceIP, data: $0)) }
            + [.notify(NotifyPayload(.natDetectionDestinationIP, data: destination))]
    }

    /// SHA-1(SPIi | SPIr | address | port) (RFC 7296 §2.23).
    private func hash(_ endpoint: Endpoint, responderSPI: IKESPI = .zero) throws -> [UInt8] {
        try self.crypto.sha1(
            self.initiatorSPI.bytes + responderSPI.bytes + endpoint.address.bytes
                + [UInt8(endpoint.port / 256), UInt8(endpoint.port % 256)])
    }

    // MARK: The answer

    private func finishInit(
        _ request: PeerRequest, _ exchange: any KeyExchange, nonce: [UInt8], cookie: [UInt8]?
    ) throws {
        let answer = request.answer ?? []
        if let demanded = answer.notifies.first(where: { $0.type == .cookie }) {
            guard self.settings.followsAdvice else { return }
            try self.sendInit(method: exchange.method, nonce: nonce, cookie: demanded.data)
            return
        }
        if let wanted = answer.notifies.first(where: { $0.type == .invalidKEPayload }) {
            guard self.settings.followsAdvice else { return }
            let method = KeyExchangeMethod(rawValue: wanted.data.reduce(0) { $0 << 8 | UInt16($1) })
            try self.sendInit(method: method, nonce: nonce, cookie: cookie)
            return
        }
        guard request.error == nil else { return }
        let ikeSA = try self.makeIKESA(answer, exchange, nonce: nonce)
        self.ikeSAs.append(ikeSA)
        try self.examineAddresses(answer, responderSPI: ikeSA.spiR)
        self.fragmentationAgreed =
            self.settings.fragmentOctets != nil
            && answer.notifies.contains { $0.type == .fragmentationSupported }
        if let finding = self.natFinding, finding.isLocal || finding.isRemote {
            self.port = IKEPort.natTraversal
        }
        guard let firstMessage = request.datagrams.first, let response = self.initialAnswer?.message.octets
        else { throw PeerError.missing("IKE_SA_INIT") }
        try self.sendAuth(
            ikeSA,
            InitialMessages(
                request: firstMessage, response: response, ni: nonce, nr: answer.nonce ?? []))
    }

    /// What AUTH covers.
    package struct InitialMessages {
        let request: [UInt8]
        let response: [UInt8]
        let ni: [UInt8]
        let nr: [UInt8]
    }

    private func makeIKESA(
        _ answer: [Payload], _ exchange: any KeyExchange, nonce: [UInt8]
    ) throws -> PeerIKESA {
        guard let chosen = answer.securityAssociation?.proposals.first, let theirs = answer.keyExchange,
            let nr = answer.nonce, let spiR = self.initialAnswer?.message.header.responderSPI
        else { throw PeerError.missing("SA, KE or Nr in IKE_SA_INIT") }
        guard let suite = PeerSuites.ike(chosen.transforms),
            let schedule = PeerKeySchedule(suite.prf, crypto: self.crypto)
        else { throw PeerError.unsupported }
        let secret = try exchange.sharedSecret(with: theirs.data[...]).publicBytes
        let seed = try schedule.skeyseed(ni: nonce, nr: nr, secret: secret)
        let keys = try schedule.keys(
            skeyseed: seed, ni: nonce, nr: nr, spiI: self.initiatorSPI, spiR: spiR, suite.protection)
        return try PeerIKESA(
            spiI: self.initiatorSPI, spiR: spiR, isOriginalInitiator: true, suite: suite, keys: keys,
            schedule: schedule, firstRequestID: 1, crypto: self.crypto)
    }

    /// The gateway hashes the addresses of its answer: what differs from ours was translated.
    private func examineAddresses(_ answer: [Payload], responderSPI: IKESPI) throws {
        let sources = answer.notifies.filter { $0.type == .natDetectionSourceIP }.map(\.data)
        let destinations = answer.notifies.filter { $0.type == .natDetectionDestinationIP }.map(\.data)
        guard !sources.isEmpty, !destinations.isEmpty, let datagram = self.initialAnswer?.datagram else {
            self.natFinding = nil
            return
        }
        let isLocal = !destinations.contains(try self.hash(datagram.destination, responderSPI: responderSPI))
        let isRemote = !sources.contains(try self.hash(datagram.source, responderSPI: responderSPI))
        // Whoever fakes its own source wants encapsulation.
        self.natFinding = (isLocal || self.settings.natDetection == .fakeSource, isRemote)
    }

    // MARK: IKE_AUTH

    private func sendAuth(_ ikeSA: PeerIKESA, _ initial: InitialMessages) throws {
        let payloads = try self.authPayloads(ikeSA, initial)
        try self.ask(.ikeAuth, payloads.payloads, on: ikeSA) { [unowned self] request in
            try self.finishAuth(request, ikeSA, initial, offered: payloads.inboundSPI)
        }
    }

    /// The payloads of IKE_AUTH, with the inbound SPI that they offer.
    private func authPayloads(
        _ ikeSA: PeerIKESA, _ initial: InitialMessages
    ) throws -> (payloads: [Payload], inboundSPI: ESPSPI) {
        let identity = IdentificationPayload(identity: self.settings.identity)
        let proof = try ikeSA.schedule.auth(
            psk: self.settings.psk, message: initial.request, nonce: initial.nr, skP: ikeSA.keys.skPi,
            identity: [self.settings.identity.type.rawValue] + self.settings.identityReserved
                + self.settings.identity.data)
        var payloads: [Payload] = [.idInitiator(identity)]
        if self.settings.saysInitialContact { payloads.append(.notify(NotifyPayload(.initialContact))) }
        if let asked = self.settings.askedIdentity {
            payloads.append(.idResponder(IdentificationPayload(identity: asked)))
        }
        payloads.append(
            .authentication(
                AuthenticationPayload(method: .sharedKeyMessageIntegrityCode, data: proof)))
        payloads += self.settings.extraAuthPayloads
        let spi = try self.freshSPI()
        if !self.settings.espProposals.isEmpty {
            payloads += self.childOffer(self.settings.espProposals, spi: spi)
        }
        return (self.settings.rewriteAuth(payloads), spi)
    }

    /// SA, TSi and TSr of a CHILD_SA.
    func childOffer(_ proposals: [Proposal], spi: ESPSPI) -> [Payload] {
        let offers = proposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(index + 1), protocolID: .esp, spi: spi.bytes, transforms: proposal.transforms)
        }
        return [
            .securityAssociation(SecurityAssociationPayload(proposals: offers)),
            .tsInitiator(TrafficSelectorPayload(selectors: self.settings.ownSelectors)),
            .tsResponder(TrafficSelectorPayload(selectors: self.settings.gatewaySelectors)),
        ]
    }

    func freshSPI() throws -> ESPSPI {
        ESPSPI(0xc100_0000 + (try self.crypto.bytes(3).reduce(0) { $0 << 8 | UInt32($1) }))
    }

    private func finishAuth(
        _ request: PeerRequest, _ ikeSA: PeerIKESA, _ initial: InitialMessages, offered spi: ESPSPI
    ) throws {
        let answer = request.answer ?? []
        if request.error == .authenticationFailed || request.error == .invalidSyntax {
            ikeSA.isDeleted = true
            return
        }
        var identity: IdentificationPayload?
        var proof: AuthenticationPayload?
        for payload in answer {
            if case .idResponder(let payload) = payload { identity = payload }
            if case .authentication(let payload) = payload { proof = payload }
        }
        guard let identity, let proof else { throw PeerError.missing("IDr or AUTH") }
        let expected = try ikeSA.schedule.auth(
            psk: self.settings.psk, message: initial.response, nonce: initial.ni, skP: ikeSA.keys.skPr,
            identity: [identity.identity.type.rawValue, 0, 0, 0] + identity.identity.data)
        guard proof.data == expected, proof.method == .sharedKeyMessageIntegrityCode else {
            throw PeerError.wrongAuthentication
        }
        self.gatewayIdentity = identity.identity
        guard !self.settings.espProposals.isEmpty, request.error == nil else { return }
        self.children.append(
            try self.makeChild(
                answer, on: ikeSA, inboundSPI: spi, secret: [], nonces: (initial.ni, initial.nr)))
    }
}

/// Suites out of chosen transforms, for the test peer.
enum PeerSuites {
    static func protection(_ transforms: [Transform]) -> ProtectionSuite? {
        guard let cipher = transforms.first(where: { $0.type == .encryption }) else { return nil }
        let algorithm = EncryptionAlgorithm(rawValue: cipher.id)
        let integrity = transforms.first { $0.type == .integrity && $0.id != 0 }
        return ProtectionSuite(
            encryption: algorithm,
            keyLength: algorithm == .chacha20Poly1305 ? 256 : Int(cipher.keyLength ?? 0),
            integrity: integrity.map { IntegrityAlgorithm(rawValue: $0.id) })
    }

    static func ike(_ transforms: [Transform]) -> IKESuite? {
        guard let protection = Self.protection(transforms),
            let prf = transforms.first(where: { $0.type == .pseudorandomFunction }),
            let group = transforms.first(where: { $0.type == .keyExchange })
        else { return nil }
        return IKESuite(
            protection: protection, prf: PseudorandomFunction(rawValue: prf.id),
            keyExchange: KeyExchangeMethod(rawValue: group.id))
    }

    static func esp(_ transforms: [Transform]) -> ESPSuite? {
        guard let protection = Self.protection(transforms) else { return nil }
        let group = transforms.first { $0.type == .keyExchange && $0.id != 0 }
        let numbers = transforms.first { $0.type == .sequenceNumbers }
        return ESPSuite(
            protection: protection, sequenceNumbers: SequenceNumbers(rawValue: numbers?.id ?? 0),
            keyExchange: group.map { KeyExchangeMethod(rawValue: $0.id) })
    }
}
