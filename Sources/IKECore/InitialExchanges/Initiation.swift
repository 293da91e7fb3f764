internal import IKEWire
internal import IPsecModel

/// One attempt to begin an IKE_SA: our IKE_SA_INIT, until it is answered or nobody is there (RFC 7296 §1.2).
///
///     waiting --cookie, other group--> waiting --good answer--> (an IKE_SA)
///        \--error notify, tries spent--> (failed)
///
/// Nothing in the answer is authenticated. Somebody on the path can end an attempt, but not begin an IKE_SA with us.
final class Initiation {
    /// The connection that it is for.
    let connection: ConnectionConfiguration
    /// The CHILD_SA that it is for.
    let child: ChildConfiguration
    /// The packet that wants it, if one does.
    let packet: PacketSelectors?
    /// The number in our logs, which the IKE_SA will have too.
    let uniqueID: UInt64
    /// Our SPI.
    let spi: IKESPI
    /// What is offered for it; nil for what its configuration says.
    var selectors: SelectorNarrowing.Result?
    /// Where it begins: port 500 of both ends, or where an older IKE_SA is.
    let local: Endpoint
    let remote: Endpoint

    private let begunAt: Instant
    private let context: EngineContext
    private let nonce: [UInt8]
    private var exchange: any KeyExchange
    private var cookie: [UInt8]?
    private var octets: [UInt8] = []
    private var transmissions = 0
    private(set) var retryAt: Instant
    /// Answers that made us begin anew.
    private var detours = 0

    /// A peer that demands cookies or groups without end is not worth more.
    private static let detourLimit = 8

    /// What becomes of an answer.
    enum Outcome {
        /// It is none, or we begin anew: wait on.
        case waiting
        /// It ended in this.
        case failed(InitiationFault)
        /// Both sides have keys.
        case keyed(IKESA)
    }

    /// An attempt from port 500 of `local` to that of `remote`; nothing is sent yet.
    convenience init(
        _ connection: ConnectionConfiguration, _ child: ChildConfiguration,
        for packet: PacketSelectors? = nil,
        from local: IPAddress, to remote: IPAddress, _ context: EngineContext, now: Instant
    ) throws(CryptoFault) {
        try self.init(
            connection, child, for: packet, from: Endpoint(local, IKEPort.ike),
            to: Endpoint(remote, IKEPort.ike), context, now: now)
    }

    /// An attempt from `local` to `remote`; nothing is sent yet.
    init(
        _ connection: ConnectionConfiguration, _ child: ChildConfiguration,
        for packet: PacketSelectors? = nil,
        from local: Endpoint, to remote: Endpoint, _ context: EngineContext, now: Instant
    ) throws(CryptoFault) {
        self.connection = connection
        self.child = child
        self.packet = packet
        self.begunAt = now
        self.context = context
        self.uniqueID = context.makeUniqueID()
        self.spi = try context.makeIKESPI()
        self.local = local
        self.remote = remote
        self.nonce = try context.crypto.bytes(32)
        let methods = Self.methods(connection)
        guard let first = methods.first else { throw .unavailable("a key exchange method in proposals") }
        self.exchange = try context.crypto.keyExchange(first)
        self.retryAt = now
    }

    /// Its name in logs.
    var label: IKESALabel { IKESALabel(connection: self.connection.name, uniqueID: self.uniqueID) }

    private static func methods(_ connection: ConnectionConfiguration) -> [KeyExchangeMethod] {
        connection.proposals.flatMap { $0.transforms(.keyExchange) }.map {
            KeyExchangeMethod(rawValue: $0.id)
        }
    }

    // MARK: Sending

    /// Sends the request, with whatever was demanded.
    func begin(_ turn: inout Turn) throws(CryptoFault) {
        self.octets = try self.request()
        self.transmissions = 0
        self.transmit(&turn)
    }

    private func transmit(_ turn: inout Turn) {
        let schedule = self.context.limits.retransmission
        let span = schedule.indices.contains(self.transmissions) ? schedule[self.transmissions] : .seconds(4)
        self.transmissions += 1
        self.retryAt = turn.now.advanced(by: span * (1 - self.context.haste()))
        let needsMarker = self.local.port != IKEPort.ike
        turn.send(
            needsMarker ? NonESPMarker.add(to: self.octets) : self.octets, from: self.local, to: self.remote)
    }

    /// Sends it once more if it is time; false if there were tries enough.
    func retransmitIfDue(_ turn: inout Turn) -> Bool {
        guard turn.now >= self.retryAt else { return true }
        guard self.transmissions < self.context.limits.retransmission.count else { return false }
        self.transmit(&turn)
        turn.event(.retransmitted(self.label, .ikeSAInit, transmission: self.transmissions))
        return true
    }

    /// [N(COOKIE)], SAi1, KEi, Ni, and notifies.
    private func request() throws(CryptoFault) -> [UInt8] {
        let proposals = self.connection.proposals.enumerated().map { index, proposal in
            ProposalSubstructure(
                number: UInt8(clamping: index + 1), protocolID: .ike, spi: [], transforms: proposal.transforms
            )
        }
        var payloads: [Payload] = self.cookie.map { [.notify(NotifyPayload(.cookie, data: $0))] } ?? []
        payloads += [
            .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
            .keyExchange(KeyExchangePayload(method: self.exchange.method, data: self.exchange.publicValue)),
            .nonce(NoncePayload(nonce: self.nonce)),
        ]
        let detection = NATDetection(
            initiatorSPI: self.spi, responderSPI: .zero, crypto: self.context.crypto)
        payloads += try detection.notifies(
            source: self.local, destination: self.remote, hidesSource: self.connection.forcesEncapsulation
        ).map { .notify($0) }
        if self.connection.fragmentation { payloads.append(.notify(NotifyPayload(.fragmentationSupported))) }
        let header = IKEHeader(
            initiatorSPI: self.spi, responderSPI: .zero, exchange: .ikeSAInit, flags: [.initiator],
            messageID: 0)
        do throws(WireFault) {
            return try IKEMessageEncoder.clear(header, payloads)
        } catch {
            throw .library(operation: "IKE_SA_INIT request", text: error.description)
        }
    }

    // MARK: The answer

    /// What becomes of a message that has our SPI and comes in the exchange that we began.
    func receive(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) -> Outcome {
        // The peer answers from where it was asked. Anything else is somebody else's.
        guard arrival.source == self.remote, arrival.destination == self.local,
            message.header.messageID == 0, message.protection == .none
        else {
            self.context.counters.drop(.unexpectedResponse)
            return .waiting
        }
        guard message.unsupportedCriticalPayload == nil else {
            self.context.counters.drop(.malformed)
            return .waiting
        }
        do throws(CryptoFault) {
            return try self.examine(message, arrival, &turn)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            return .failed(.unusableAnswer("its public value, or a key from it"))
        }
    }

    private func examine(
        _ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn
    ) throws(CryptoFault) -> Outcome {
        let notifies = message.payloads.notifies
        if let cookie = notifies.first(where: { $0.type == .cookie }) {
            // RFC 7296 §2.6: 1 to 64 octets.
            guard (1...64).contains(cookie.data.count) else { return self.ignore() }
            return try self.detour(&turn) { $0.cookie = cookie.data }
        }
        if let wanted = notifies.first(where: { $0.type == .invalidKEPayload }) {
            return try self.changeGroup(wanted.data, &turn)
        }
        if let error = notifies.first(where: { $0.type.isError }) {
            return .failed(
                .refused(error.type, offered: self.connection.proposals.map(\.description)))
        }
        return try self.accept(message, arrival, now: turn.now)
    }

    private func ignore() -> Outcome {
        self.context.counters.drop(.malformed)
        return .waiting
    }

    private func detour(
        _ turn: inout Turn, _ change: (Initiation) throws(CryptoFault) -> Void
    ) throws(CryptoFault) -> Outcome {
        self.detours += 1
        guard self.detours <= Self.detourLimit else {
            return .failed(.unusableAnswer("one more demand for another request"))
        }
        try change(self)
        try self.begin(&turn)
        return .waiting
    }

    /// The peer wants another group of those that we offered (RFC 7296 §1.2).
    private func changeGroup(_ data: [UInt8], _ turn: inout Turn) throws(CryptoFault) -> Outcome {
        guard data.count == 2 else { return self.ignore() }
        let method = KeyExchangeMethod(rawValue: UInt16(data[0]) << 8 | UInt16(data[1]))
        guard Self.methods(self.connection).contains(method) else {
            return .failed(
                .refused(.invalidKEPayload, offered: self.connection.proposals.map(\.description)))
        }
        // The same group again would be asked for without end.
        guard method != self.exchange.method else { return self.ignore() }
        return try self.detour(&turn) { (initiation) throws(CryptoFault) in
            initiation.exchange = try self.context.crypto.keyExchange(method)
        }
    }

    /// SAr1, KEr, Nr: both sides can make keys.
    private func accept(
        _ message: DecodedMessage, _ arrival: Arrival, now: Instant
    ) throws(CryptoFault) -> Outcome {
        let payloads = message.payloads
        let responderSPI = message.header.responderSPI
        guard responderSPI != .zero, let answer = payloads.securityAssociation?.proposals,
            let keyExchange = payloads.keyExchange, let nonce = payloads.nonce, answer.count == 1
        else { return self.ignore() }
        // What the peer chose must be one of our proposals (RFC 7296 §2.7), each type once.
        let choice = ProposalChoice(ours: self.connection.proposals, keyExchange: .required)
        guard let chosen = choice.choose(from: answer), chosen.transforms.count == answer[0].transforms.count,
            let suite = chosen.ikeSuite
        else { return .failed(.unusableAnswer("a proposal that we did not offer")) }
        guard suite.keyExchange == self.exchange.method, keyExchange.method == suite.keyExchange else {
            return .failed(.unusableAnswer("a public value of another group"))
        }
        let finding = try NATDetection(
            initiatorSPI: self.spi, responderSPI: responderSPI, crypto: self.context.crypto
        ).examine(payloads.notifies, source: arrival.source, destination: arrival.destination)
        let keys = try KeySchedule(crypto: self.context.crypto).initialKeys(
            suite,
            KeySchedule.Ingredients(
                initiatorNonce: self.nonce, responderNonce: nonce, initiatorSPI: self.spi,
                responderSPI: responderSPI),
            sharedSecret: try self.exchange.sharedSecret(with: keyExchange.data[...]))
        let agreesToFragments =
            self.connection.fragmentation
            && payloads.notifies.contains { $0.type == .fragmentationSupported }
        let ikeSA = IKESA(
            context: self.context,
            birth: IKESA.Birth(
                uniqueID: self.uniqueID, initiatorSPI: self.spi, responderSPI: responderSPI,
                isOriginalInitiator: true, keys: keys, initialKey: nil,
                fragmentationAgreed: agreesToFragments, firstAnswerID: 0, firstRequestID: 1),
            connection: self.connection,
            phase: .initiating(
                IKESA.Initiating(
                    request: self.octets, response: message.octets, initiatorNonce: self.nonce,
                    responderNonce: nonce, begunAt: self.begunAt)),
            path: self.path(finding, now: now), now: now)
        ikeSA.mobility.detectsNATs = finding.isSupported
        return .keyed(ikeSA)
    }

    /// With a NAT on the way, everything goes on at port 4500 (RFC 7296 §2.23). With MOBIKE it does so without one as well: a
    /// later path may have one (RFC 4555 §3.3). What is not at port 500 stays.
    private func path(_ finding: NATDetection.Finding, now: Instant) -> Path {
        let isEncapsulated =
            finding.isNATPresent || (finding.isSupported && self.connection.forcesEncapsulation)
        let movesPort = isEncapsulated || (finding.isSupported && self.connection.mobike)
        let moves = movesPort && self.local.port == IKEPort.ike
        return Path(
            local: moves ? Endpoint(self.local.address, IKEPort.natTraversal) : self.local,
            remote: moves ? Endpoint(self.remote.address, IKEPort.natTraversal) : self.remote,
            isLocalBehindNAT: finding.isLocalBehindNAT, isRemoteBehindNAT: finding.isRemoteBehindNAT,
            usesUDPEncapsulation: isEncapsulated, confirmedAt: now)
    }
}
