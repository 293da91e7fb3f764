internal import IKEWire
package import IPsecModel

/// All IKE_SAs of a gateway, without any I/O: one way in, one way out.
///
/// It is confined to one thread by ownership. Time, randomness, sockets and the data plane are outside: they
/// come in as `Input` and go out as `Output`, so that a simulation can run it like a daemon does.
package final class IKEEngine {
    let context: EngineContext
    private var cookies: CookieJar
    private(set) var deadlines = DeadlineQueue<IKESPI>()
    /// IKE_SAs that we begin, until both sides have keys.
    var initiations: [IKESPI: Initiation] = [:]
    /// Connections that are to stand, and what is done about it.
    var keeper = ConnectionKeeper()
    /// What holds back packets of those that do not.
    var traps = TrapBook()
    var courtesy = CourtesyBudget(perSecond: 10)
    /// Tokens help peers, all of which may ask at once after a crash; yet who asks for them must not get many (RFC 6290 §9.3).
    var tokens = CourtesyBudget(perSecond: 100)
    /// What may be said of CHILD_SAs without proof and is looked at.
    var hints = CourtesyBudget(perSecond: 10)
    private(set) var isShuttingDown = false

    /// An engine without IKE_SAs. `qcdSecret` is what its predecessor had, so that peers believe that it has lost their
    /// IKE_SAs (RFC 6290 §5.1); without it, it makes no tokens.
    package init(
        configuration: GatewayConfiguration, crypto: any CryptoProvider, qcdSecret: SecretBytes? = nil
    ) {
        self.context = EngineContext(crypto: crypto, configuration: configuration, qcdSecret: qcdSecret)
        self.cookies = CookieJar(lifetime: configuration.limits.cookieSecretLifetime)
    }

    /// When `.deadline` must come in at the latest; nil if nothing waits for time.
    package var nextDeadline: Instant? {
        [self.deadlines.earliest, self.keeper.nextDeadline].compactMap(\.self).min()
    }

    /// Takes in what happened, and puts what is to be done at the end of `outbox`.
    package func handle(_ input: Input, now: Instant, into outbox: inout Outbox) {
        var turn = Turn(now: now, outbox: outbox)
        outbox = Outbox()
        switch input {
        case .datagram(let datagram): self.receive(datagram, &turn)
        case .deadline: self.deadlineReached(&turn)
        case .keyAgreed(let requestID, let result): self.agreed(requestID, result, &turn)
        case .dataPlane(let requestID, let reply): self.receive(reply, requestID: requestID, &turn)
        case .dataPlaneEvent(let event): self.receive(event, &turn)
        case .command(let commandID, let command):
            let answer = self.carryOut(command, &turn)
            turn.outbox.append(.answer(commandID: commandID, answer))
        case .configuration(let configuration): self.configure(configuration, &turn)
        case .started: self.startConnections(&turn)
        case .addresses(let searchID, let pairs): self.found(searchID, pairs, &turn)
        case .addressesChanged(let addresses): self.reconsiderPaths(addresses, &turn)
        }
        self.settle(&turn)
        outbox = turn.outbox
    }

    // MARK: Datagrams

    private func receive(_ datagram: ReceivedDatagram, _ turn: inout Turn) {
        self.context.counters.received &+= 1
        let arrival = Arrival(
            source: datagram.source, destination: datagram.destination, socket: datagram.socket)
        switch datagram.socket {
        case .ike: self.receiveIKE(datagram.bytes, arrival, &turn)
        case .natTraversal:
            switch NATTraversalDatagram.classify(datagram.bytes[...]) {
            case .keepalive: self.context.counters.drop(.keepalive)
            case .tooShort: self.context.counters.drop(.runt)
            case .esp: self.context.counters.drop(.unexpectedESP)
            case .ike(let message): self.receiveIKE(Array(message), arrival, &turn)
            }
        }
    }

    private func receiveIKE(_ octets: [UInt8], _ arrival: Arrival, _ turn: inout Turn) {
        do throws(WireFault) {
            let (header, _, _) = try IKEHeader.decode(octets[...])
            guard header.majorVersion == 2 else {
                self.refuseVersion(header, arrival, &turn)
                return
            }
            self.route(try DecodedMessage.decode(octets), arrival, &turn)
        } catch {
            self.context.counters.drop(.malformed)
        }
    }

    /// A higher major version is told ours; a lower one is not worth an answer (RFC 7296 §2.5).
    private func refuseVersion(_ header: IKEHeader, _ arrival: Arrival, _ turn: inout Turn) {
        self.context.counters.drop(.unknownVersion)
        guard header.majorVersion > 2, !header.flags.contains(.response),
            self.courtesy.spend(now: turn.now)
        else { return }
        StatelessAnswer(request: header, arrival: arrival)
            .send([.notify(NotifyPayload(.invalidMajorVersion))], &turn)
    }

    private func route(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) {
        let header = message.header
        if header.exchange == .ikeSAInit, header.flags.contains(.response) {
            self.receiveInitialAnswer(message, arrival, &turn)
            return
        }
        if header.exchange == .ikeSAInit, header.responderSPI == .zero {
            self.receiveInitial(message, arrival, &turn)
            return
        }
        guard !self.receiveInvalidSPI(message, arrival, &turn) else { return }
        // The I flag is set by the original initiator: then the other SPI is ours.
        let ours = header.flags.contains(.initiator) ? header.responderSPI : header.initiatorSPI
        guard let ikeSA = self.context.directory[ours] else {
            self.refuseUnknownSPI(message, arrival, &turn)
            return
        }
        ikeSA.receive(message, arrival, &turn)
        self.context.touch(ikeSA)
    }

    private func receiveInitial(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) {
        let header = message.header
        guard header.initiatorSPI != .zero, header.messageID == 0, header.flags.contains(.initiator),
            !header.flags.contains(.response), message.protection == .none
        else {
            self.context.counters.drop(.malformed)
            return
        }
        guard !self.isShuttingDown else {
            self.context.counters.drop(.notAccepting)
            return
        }
        IKESAInitResponder(context: self.context, message: message, arrival: arrival)
            .respond(cookies: &self.cookies, &turn)
    }

    // MARK: Time and data plane

    private func deadlineReached(_ turn: inout Turn) {
        self.retryConnections(&turn)
        while let spi = self.deadlines.popDue(now: turn.now) {
            if let initiation = self.initiations[spi] {
                self.tend(initiation, &turn)
                continue
            }
            guard let ikeSA = self.context.directory[spi] else { continue }
            ikeSA.deadlineReached(&turn)
            self.context.touch(ikeSA)
        }
    }

    private func receive(_ reply: DataPlaneReply, requestID: UInt64, _ turn: inout Turn) {
        guard let waiter = self.context.takeWaiting(requestID: requestID) else { return }
        if let ikeSA = self.context.directory[waiter.owner] {
            self.context.touch(ikeSA)
            guard !ikeSA.receive(reply, requestID: requestID, &turn) else { return }
        }
        // Whoever asked does not need it any more.
        if case .spi(let spi) = reply { turn.ask(.releaseSPI(spi, local: waiter.local)) }
    }

    private func receive(_ event: DataPlaneEvent, _ turn: inout Turn) {
        switch event {
        case .mappingChanged(let identifier, _, _, let remote):
            guard let ikeSA = self.context.directory.owner(ofChild: identifier.spi),
                ikeSA.inboundSPI(ofHalf: identifier) == identifier.spi
            else { return }
            ikeSA.peerSeen(at: remote, by: .esp, &turn)
            self.context.touch(ikeSA)
        case .expired(let identifier, _, let isHard): self.expireChild(identifier, isHard: isHard, &turn)
        case .overflow:
            // A lost mapping change comes again with the next packet; a lost expiry does not.
            for ikeSA in self.context.directory.all { ikeSA.checkChildren(&turn) }
        case .unknownSPI(let spi, let from, let to): self.refuseESP(spi, from: from, to: to, &turn)
        case .acquire(let reqid, let local, let remote):
            self.acquire(reqid: reqid, PacketSelectors(local: local, remote: remote), &turn)
        }
    }

    /// A limit of a CHILD_SA is reached: the soft one asks for a rekeying (RFC 7296 §2.8), the hard one ends it.
    private func expireChild(_ identifier: SAIdentifier, isHard: Bool, _ turn: inout Turn) {
        // SPIs of outbound halves are the peers' choice: only with its destination does one name a half.
        let directory = self.context.directory
        let owners = [directory.owner(ofChild: identifier.spi)].compactMap(\.self)
        let candidates = owners + directory.owners(ofOutbound: identifier.spi)
        guard let ikeSA = candidates.first(where: { $0.inboundSPI(ofHalf: identifier) != nil }),
            let spi = ikeSA.inboundSPI(ofHalf: identifier)
        else { return }
        if isHard { ikeSA.deleteChild(spi, .expired, &turn) } else { ikeSA.rekeyChild(spi, &turn) }
        self.context.touch(ikeSA)
    }

    /// Gives all that was touched its next deadline, and drops what is gone.
    private func settle(_ turn: inout Turn) {
        // What is done about one may touch others, and itself.
        while case let touched = self.context.takeTouched(), !touched.isEmpty {
            for spi in touched {
                guard let ikeSA = self.context.directory[spi] else { continue }
                ikeSA.continueAgenda(&turn)
                self.tendReauthentication(of: ikeSA, &turn)
                if ikeSA.isGone {
                    ikeSA.removeRetiredChildren(&turn)
                    self.context.directory.remove(ikeSA)
                }
                self.deadlines.schedule(spi, at: ikeSA.nextDeadline)
                self.noteFate(of: ikeSA, &turn)
            }
        }
    }

    /// An attempt has to be looked at by `at`; nil if it is over.
    func schedule(_ spi: IKESPI, at: Instant?) { self.deadlines.schedule(spi, at: at) }

    // MARK: Operators

    private func carryOut(_ command: OperatorCommand, _ turn: inout Turn) -> CommandAnswer {
        switch command {
        case .initiate(let connection, let child): return self.initiate(connection, child, &turn)
        case .shutDown:
            self.isShuttingDown = true
            self.abandonInitiations(&turn)
            self.abandonAgreements { _ in true }
            let all = self.context.directory.all
            for ikeSA in all { ikeSA.close(.terminated, &turn) }
            return .begun(count: all.count)
        case .terminate(let connection, let uniqueID, let child):
            return self.terminate(connection, uniqueID, child, &turn)
        case .rekey(let connection, let uniqueID, let child):
            return self.rekey(connection, uniqueID, child, &turn)
        }
    }

    /// IKE_SAs whose connection is unchanged stay; the others are deleted, and the peer may come again.
    private func configure(_ configuration: GatewayConfiguration, _ turn: inout Turn) {
        let old = self.context.configuration
        let known = self.context.connections
        self.context.configuration = configuration
        let changed = configuration.connections.filter { known[$0.name] != $0 }
        // Policies first: what they hold back must not leave while the old ones, and those of CHILD_SAs, go.
        let gone = old.connections.filter { !self.isConfigured($0) }
        let stale = self.replaceTraps(of: gone, by: changed, &turn)
        self.abandonAgreements { !self.isConfigured($0.connection) }
        for ikeSA in self.context.directory.all {
            let isUnchanged = self.isConfigured(ikeSA.connection)
            let hasSameKey = ikeSA.established.map { established in
                let before = SharedSecretLookup(secrets: old.secrets)
                    .key(local: established.localIdentity, remote: established.peerIdentity)
                let after = SharedSecretLookup(secrets: configuration.secrets)
                    .key(local: established.localIdentity, remote: established.peerIdentity)
                guard let before, let after else { return false }
                return before.isEqual(to: after)
            }
            guard !isUnchanged || hasSameKey == false else { continue }
            self.context.touch(ikeSA)
            ikeSA.close(.configurationChanged, &turn)
        }
        self.reconsiderConnections(changed: changed, stale: stale, &turn)
    }
}
