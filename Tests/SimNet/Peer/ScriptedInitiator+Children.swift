internal import IKEWire
package import IPsecModel

// CREATE_CHILD_SA and INFORMATIONAL of the test peer (RFC 7296 §1.3, §1.4), and its ESP.
extension ScriptedInitiator {
    /// A CHILD_SA out of the answer to an offer with `inboundSPI`.
    func makeChild(
        _ answer: [Payload], on ikeSA: PeerIKESA, inboundSPI: ESPSPI, secret: [UInt8],
        nonces: (ni: [UInt8], nr: [UInt8])
    ) throws -> PeerChild {
        guard let chosen = answer.securityAssociation?.proposals.first, let outboundSPI = chosen.espSPI,
            let selectors = answer.selectors, let suite = PeerSuites.esp(chosen.transforms)
        else { throw PeerError.missing("SA or TS of the CHILD_SA") }
        let keys = try ikeSA.schedule.childKeys(
            skD: ikeSA.keys.skD, secret: secret, ni: nonces.ni, nr: nonces.nr, suite.protection)
        return PeerChild(
            inboundSPI: inboundSPI, outboundSPI: outboundSPI, suite: suite, inboundKeys: keys.responder,
            outboundKeys: keys.initiator, ownSelectors: selectors.tsi, gatewaySelectors: selectors.tsr)
    }

    /// Asks for a CHILD_SA, new or in place of `old`, with fresh keys of `method` if given.
    ///
    /// The old one stays until `delete` is called for it, as RFC 7296 §2.8 wants.
    @discardableResult
    package func createChild(
        replacing old: PeerChild? = nil, keyExchange method: KeyExchangeMethod? = nil,
        proposals: [Proposal]? = nil, inboundSPI: ESPSPI? = nil
    ) throws -> PeerRequest {
        guard let ikeSA = self.ikeSA else { throw PeerError.missing("IKE_SA") }
        let spi = try inboundSPI ?? self.freshSPI()
        let nonce = try self.freshNonce()
        let exchange = try method.map { try self.crypto.keyExchange($0) }
        let offered = (proposals ?? self.settings.espProposals).map { proposal in
            Proposal(.esp, proposal.transforms + (method.map { [.keyExchange($0)] } ?? []))
        }
        var payloads: [Payload] = []
        if let old {
            payloads.append(
                .notify(NotifyPayload(protocolID: .esp, spi: old.inboundSPI.bytes, type: .rekeySA)))
        }
        var offer = self.childOffer(offered, spi: spi)
        offer.insert(.nonce(NoncePayload(nonce: nonce)), at: 1)
        if let exchange {
            offer.insert(
                .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)), at: 2)
        }
        return try self.ask(.createChildSA, payloads + offer, on: ikeSA) { [unowned self] request in
            guard request.error == nil, let answer = request.answer else { return }
            var secret: [UInt8] = []
            if let exchange, let theirs = answer.keyExchange {
                secret = try exchange.sharedSecret(with: theirs.data[...]).publicBytes
            }
            self.children.append(
                try self.makeChild(
                    answer, on: ikeSA, inboundSPI: spi, secret: secret,
                    nonces: (nonce, answer.nonce ?? [])))
        }
    }

    /// Renews the keys of the IKE_SA; the old one stays until `deleteIKESA` is called for it.
    @discardableResult
    package func rekeyIKESA(
        proposals: [Proposal]? = nil, keyExchange method: KeyExchangeMethod? = nil
    ) throws -> PeerRequest {
        guard let old = self.ikeSA else { throw PeerError.missing("IKE_SA") }
        let spi = IKESPI(try self.crypto.bytes(8).reduce(0) { $0 << 8 | UInt64($1) })
        let nonce = try self.freshNonce()
        let exchange = try self.crypto.keyExchange(method ?? self.settings.keyExchange)
        let offers = (proposals ?? self.settings.ikeProposals).enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(index + 1), protocolID: .ike, spi: spi.bytes, transforms: proposal.transforms)
        }
        let payloads: [Payload] = [
            .securityAssociation(SecurityAssociationPayload(proposals: offers)),
            .nonce(NoncePayload(nonce: nonce)),
            .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)),
        ]
        return try self.ask(.createChildSA, payloads, on: old) { [unowned self] request in
            guard request.error == nil, let answer = request.answer else { return }
            guard let chosen = answer.securityAssociation?.proposals.first, let spiR = chosen.ikeSPI,
                let theirs = answer.keyExchange, let nr = answer.nonce,
                let suite = PeerSuites.ike(chosen.transforms),
                let schedule = PeerKeySchedule(suite.prf, crypto: self.crypto)
            else { throw PeerError.missing("SA, KE or Nr of the rekeying") }
            let secret = try exchange.sharedSecret(with: theirs.data[...]).publicBytes
            let seed = try old.schedule.skeyseed(oldSKD: old.keys.skD, ni: nonce, nr: nr, secret: secret)
            let keys = try schedule.keys(
                skeyseed: seed, ni: nonce, nr: nr, spiI: spi, spiR: spiR, suite.protection)
            self.ikeSAs.append(
                try PeerIKESA(
                    spiI: spi, spiR: spiR, isOriginalInitiator: true, suite: suite, keys: keys,
                    schedule: schedule, firstRequestID: 0, crypto: self.crypto))
        }
    }

    /// Deletes CHILD_SAs.
    @discardableResult
    package func delete(_ children: [PeerChild]) throws -> PeerRequest {
        let spis = children.map(\.inboundSPI)
        self.deleting.formUnion(spis)
        return try self.ask(.informational, [.delete(DeletePayload(esp: spis))]) { [unowned self] _ in
            self.children.removeAll { spis.contains($0.inboundSPI) }
            self.deleting.subtract(spis)
        }
    }

    /// Deletes an IKE_SA, by default the newest; CHILD_SAs end with the last IKE_SA.
    @discardableResult
    package func deleteIKESA(_ ikeSA: PeerIKESA? = nil) throws -> PeerRequest {
        guard let ikeSA = ikeSA ?? self.ikeSA else { throw PeerError.missing("IKE_SA") }
        return try self.ask(.informational, [.delete(.ikeSA)], on: ikeSA) { [unowned self] _ in
            ikeSA.isDeleted = true
            if self.ikeSA == nil { self.children.removeAll() }
        }
    }

    /// Asks whether the gateway lives.
    @discardableResult
    package func probe(on ikeSA: PeerIKESA? = nil) throws -> PeerRequest {
        try self.ask(.informational, [], on: ikeSA)
    }

    // MARK: ESP

    /// Sends an inner packet through a CHILD_SA; by default the newest.
    package func say(_ text: String, through inboundSPI: ESPSPI? = nil) throws {
        let index = self.children.lastIndex { inboundSPI == nil || $0.inboundSPI == inboundSPI }
        guard let index else { throw PeerError.missing("CHILD_SA") }
        self.children[index].sequence += 1
        let child = self.children[index]
        let bytes = try ESPPacket.seal(
            text, spi: child.outboundSPI, sequence: child.sequence, suite: child.suite,
            keys: child.outboundKeys, crypto: self.crypto)
        if self.port == IKEPort.natTraversal {
            self.send(bytes)
        } else {
            self.net.send(
                Datagram(
                    source: Endpoint(self.settings.address, 0),
                    destination: Endpoint(self.settings.gateway, 0), kind: .esp, bytes: bytes), from: self)
        }
    }

    func receiveESP(_ datagram: Datagram) {
        guard let packet = ESPPacket(datagram.bytes),
            let child = self.children.first(where: { $0.inboundSPI == packet.spi }),
            let text = packet.open(suite: child.suite, keys: child.inboundKeys, crypto: self.crypto)
        else { return }
        self.heard.append(text)
    }
}
