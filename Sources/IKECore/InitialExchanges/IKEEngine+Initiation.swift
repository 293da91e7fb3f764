internal import IKEWire
internal import IPsecModel

// IKE_SAs that we begin: from the search for addresses to keys on both sides.
extension IKEEngine {
    /// Lets the driver look for addresses of a connection.
    func search(_ connection: ConnectionConfiguration, _ searchID: UInt64, _ turn: inout Turn) {
        turn.outbox.append(
            .findAddresses(
                searchID: searchID, local: connection.localAddresses, remote: connection.remoteAddresses))
    }

    /// The driver has looked for addresses: sends the first request from and to the next of them.
    func begin(searchID: UInt64, _ pairs: [AddressPair], _ turn: inout Turn) {
        guard let name = self.keeper.name(ofSearch: searchID), let entry = self.keeper.entries[name],
            let connection = self.connection(name)
        else { return }
        guard !self.isShuttingDown,
            let child = entry.children.lazy.compactMap({ connection.child($0) }).first
        else {
            self.keeper.forget(name)
            return
        }
        // It may have come up by the peer's doing meanwhile.
        if let standing = self.context.directory.established(of: name).first(where: { $0.serves(entry) }) {
            self.keeper.stand(name, standing.localSPI, now: turn.now)
            self.context.touch(standing)
            return
        }
        // One that was to take the place of what has ended meanwhile may stand soon.
        if entry.persistence != .once, self.isReauthenticating(name) { return self.rest(name, &turn) }
        guard !pairs.isEmpty else {
            let label = IKESALabel(connection: name, uniqueID: self.context.makeUniqueID())
            let names = connection.remoteAddresses.map(\.description).joined(separator: " ")
            turn.event(
                .initiationFailed(
                    label, peer: nil, .noAddress("this host knows no way to \(names)")))
            self.rest(name, &turn)
            return
        }
        let pair = pairs[entry.nextAddress % pairs.count]
        self.moveTraps(of: name, to: pair.remote, &turn)
        do throws(CryptoFault) {
            let initiation = try Initiation(
                connection, child, for: entry.packets[child.name], from: pair.local, to: pair.remote,
                self.context, now: turn.now)
            try initiation.begin(&turn)
            self.initiations[initiation.spi] = initiation
            self.keeper.attempt(name, initiation.spi)
            self.schedule(initiation.spi, at: initiation.retryAt)
            turn.event(
                .initiating(initiation.label, local: initiation.local, remote: initiation.remote))
        } catch {
            turn.event(.cryptoFailed(nil, error))
            self.rest(name, &turn)
        }
    }

    // MARK: The peer's answer

    /// An answer to IKE_SA_INIT: unprotected, and only for an attempt of ours.
    func receiveInitialAnswer(_ message: DecodedMessage, _ arrival: Arrival, _ turn: inout Turn) {
        guard !message.header.flags.contains(.initiator),
            let initiation = self.initiations[message.header.initiatorSPI]
        else {
            self.context.counters.drop(.unexpectedResponse)
            return
        }
        switch initiation.receive(message, arrival, &turn) {
        case .waiting: self.schedule(initiation.spi, at: initiation.retryAt)
        case .failed(let fault): self.end(initiation, fault, &turn)
        case .keyed(let ikeSA): self.goOn(with: ikeSA, initiation, &turn)
        }
    }

    private func goOn(with ikeSA: IKESA, _ initiation: Initiation, _ turn: inout Turn) {
        self.initiations[initiation.spi] = nil
        self.schedule(initiation.spi, at: nil)
        self.context.directory.add(ikeSA, initial: nil)
        self.context.touch(ikeSA)
        ikeSA.beginAuthentication(
            for: initiation.child, initiation.packet, initiation.selectors, &turn)
    }

    /// Time has passed for an attempt.
    func tend(_ initiation: Initiation, _ turn: inout Turn) {
        guard initiation.retransmitIfDue(&turn) else {
            self.end(initiation, .noAnswer, &turn)
            return
        }
        self.schedule(initiation.spi, at: initiation.retryAt)
    }

    /// An attempt is over.
    func end(_ initiation: Initiation, _ fault: InitiationFault, _ turn: inout Turn) {
        self.initiations[initiation.spi] = nil
        self.schedule(initiation.spi, at: nil)
        turn.event(.initiationFailed(initiation.label, peer: initiation.remote, fault))
        self.reauthenticationEnded(initiation.spi, &turn)
        if let name = self.keeper.name(of: initiation.spi) { self.rest(name, &turn) }
    }

    /// Nothing more for a while.
    func rest(_ name: String, _ turn: inout Turn) {
        self.keeper.rest(name, chance: self.context.chance(), now: turn.now)
    }

    /// The connection of this name, as it is configured now.
    func connection(_ name: String) -> ConnectionConfiguration? { self.context.connections[name] }

    /// True if this is how the connection of its name is configured now.
    func isConfigured(_ connection: ConnectionConfiguration) -> Bool {
        self.connection(connection.name) == connection
    }
}

extension ConnectionConfiguration {
    /// The child of this name.
    func child(_ name: String) -> ChildConfiguration? { self.children.first { $0.name == name } }

    /// True if it names an address that can be called.
    var canBeCalled: Bool { self.remoteAddresses.contains(where: \.canBeCalled) }

    /// The children that start by themselves.
    var startingChildren: [String] { self.children.filter { $0.startAction == .start }.map(\.name) }
}
