internal import IKEWire
internal import IPsecModel

// What MOBIKE adds to messages, and reads in them (RFC 4555).
extension IKESA {
    // MARK: IKE_AUTH

    /// MOBIKE_SUPPORTED and further addresses of ours, for IKE_AUTH (RFC 4555 §3.2, §3.4).
    var mobilityOffer: [Payload] {
        guard self.connection.mobike else { return [] }
        return [.notify(NotifyPayload(.mobikeSupported))]
            + self.additionalAddresses(beside: self.path.local.address)
    }

    /// The peer's side of it.
    func noteMobility(in payloads: [Payload]) {
        self.mobility.isInitiator = self.isOriginalInitiator
        guard self.connection.mobike, payloads.notify(.mobikeSupported) != nil else { return }
        self.mobility.isAgreed = true
        self.noteAddresses(in: payloads, from: self.path.remote.address)
    }

    /// Addresses of ours that the configuration names, and that this host has. What `local_addrs` leaves open is not the
    /// peer's business.
    private func additionalAddresses(beside present: IPAddress) -> [Payload] {
        self.connection.localAddresses.compactMap { pattern -> Payload? in
            guard case .range(let range) = pattern, range.first == range.last, range.first != present,
                self.context.ownAddresses.contains(range.first)
            else { return nil }
            return .notify(NotifyPayload(additionalAddress: range.first))
        }
    }

    /// The list of the peer's further addresses, if the message has one; false if not. It leaves out the one that the message
    /// came from (RFC 4555 §3.6).
    @discardableResult
    private func noteAddresses(in payloads: [Payload], from source: IPAddress) -> Bool {
        let notifies = payloads.notifies
        let addresses = notifies.compactMap(\.additionalAddress)
        guard !addresses.isEmpty || payloads.notify(.noAdditionalAddresses) != nil else { return false }
        self.mobility.setPeerAddresses([source] + addresses, limit: self.context.limits.peerAddresses)
        return true
    }

    // MARK: Requests

    /// The payloads of a request of MOBIKE's; nil if it cannot be made, or need not be.
    func mobilityPayloads(of request: OwnRequest, _ turn: inout Turn) -> [Payload]? {
        do throws(CryptoFault) {
            switch request {
            case .updateAddresses:
                let probe = try self.makeProbe()
                self.mobility.owesUpdate = false
                self.mobility.update = probe
                return try [.notify(NotifyPayload(.updateSAAddresses))]
                    + self.natNotifies(from: self.path.local, to: self.path.remote)
                    + [.notify(NotifyPayload(.cookie2, data: probe.cookie))]
            case .checkAddress:
                let probe = try self.makeProbe()
                self.mobility.check = probe
                return [.notify(NotifyPayload(.cookie2, data: probe.cookie))]
            case .announceAddresses:
                let further = self.additionalAddresses(beside: self.path.local.address)
                return further.isEmpty ? [.notify(NotifyPayload(.noAdditionalAddresses))] : further
            case .liveness:
                // Whether the peer still sees us where it did (RFC 4555 §3.8).
                guard self.watchesMapping else { return [] }
                return try self.natNotifies(from: self.path.local, to: self.path.remote)
            case .deleteIKESA, .deleteChildren, .authenticate, .createChild, .rekeyIKESA, .presentToken,
                .refuse:
                return []
            }
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            // An update that cannot be sent leaves the peer where we are not.
            self.close(.failed(.temporaryFailure), &turn)
            return nil
        }
    }

    private func makeProbe() throws(CryptoFault) -> Mobility.Probe {
        Mobility.Probe(cookie: try self.context.crypto.bytes(16), path: self.path)
    }

    /// True if it is ours to notice that a NAT has forgotten us.
    var watchesMapping: Bool {
        self.mobility.isAgreed && self.mobility.isInitiator && self.mobility.detectsNATs
            && self.seemsBehindNAT
    }

    /// True if the peer believes that we are behind a NAT.
    var seemsBehindNAT: Bool {
        self.path.isLocalBehindNAT || (self.connection.forcesEncapsulation && self.mobility.detectsNATs)
    }

    /// NAT_DETECTION of a message of this IKE_SA; none if the peer does not know them.
    private func natNotifies(
        from source: Endpoint, to destination: Endpoint
    ) throws(CryptoFault) -> [Payload] {
        guard self.mobility.detectsNATs else { return [] }
        return try self.natDetection.notifies(
            source: source, destination: destination, hidesSource: self.connection.forcesEncapsulation
        ).map { .notify($0) }
    }

    /// The hashes of this IKE_SA's SPIs.
    var natDetection: NATDetection {
        NATDetection(
            initiatorSPI: self.initiatorSPI, responderSPI: self.responderSPI, crypto: self.context.crypto)
    }

    // MARK: Answers

    /// What an INFORMATIONAL request of the peer's has of MOBIKE is done; what the answer says of it.
    func answerMobility(_ message: AuthenticatedMessage, _ turn: inout Turn) -> [Payload] {
        guard self.mobility.isAgreed else { return [] }
        var answer: [Payload] = []
        // "the recipient of an INFORMATIONAL request MUST copy the notification as-is" (RFC 4555 §3.7).
        if let cookie = message.payloads.notify(.cookie2),
            NotifyPayload.cookie2Lengths.contains(cookie.data.count)
        {
            answer.append(.notify(NotifyPayload(.cookie2, data: cookie.data)))
        }
        do throws(CryptoFault) {
            let current = self.current
            if current.noteAddresses(in: message.payloads, from: message.arrival.source.address) {
                current.reconsiderPeer(&turn)
            }
            let finding = try self.natDetection.examine(
                message.payloads.notifies, source: message.arrival.source,
                destination: message.arrival.destination)
            if message.payloads.notify(.updateSAAddresses) != nil,
                let refusal = current.peerUpdates(message, finding, &turn)
            {
                return answer + [.notify(NotifyPayload(refusal))]
            }
            // "if the request includes them, the responder MUST also include them in the response" (RFC 4555 §3.8).
            guard finding.isSupported else { return answer }
            return try answer
                + self.natNotifies(from: message.arrival.destination, to: message.arrival.source)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            return answer
        }
    }

    /// The IKE_SA that the CHILD_SAs belong to now: this one, or what it was rekeyed to.
    var current: IKESA {
        var ikeSA = self
        while let heir = ikeSA.heir { ikeSA = heir }
        self.context.touch(ikeSA)
        return ikeSA
    }
}
