internal import IKEWire
internal import IPsecModel

// IKE_SAs that we begin: because the configuration says so, or an operator.
extension IKEEngine {
    // MARK: Beginning

    /// Begins all connections that start by themselves.
    func startConnections(_ turn: inout Turn) {
        for connection in self.context.configuration.connections { self.startByItself(connection, &turn) }
    }

    private func startByItself(_ connection: ConnectionConfiguration, _ turn: inout Turn) {
        guard !self.isShuttingDown else { return }
        guard let child = connection.children.first(where: { $0.startAction == .start }) else { return }
        let searchID = self.keeper.keep(connection.name, child: child.name, isPermanent: true)
        self.search(connection, searchID, &turn)
    }

    /// An operator wants a connection to stand.
    func initiate(_ name: String, _ child: String?, _ turn: inout Turn) -> CommandAnswer {
        guard let connection = self.context.configuration.connections.first(where: { $0.name == name }) else {
            return .refused("there is no connection '\(name)'")
        }
        guard let chosen = child ?? connection.children.first?.name,
            connection.children.contains(where: { $0.name == chosen })
        else {
            return .refused("connection '\(name)' has no child" + (child.map { " '\($0)'" } ?? ""))
        }
        guard connection.remoteAddresses.contains(where: \.canBeCalled) else {
            return .refused(
                "connection '\(name)' has no address to call: name one in remote_addrs")
        }
        let own = connection.children.first { $0.startAction == .start }
        if let own, own.name != chosen {
            return .refused(
                "connection '\(name)' starts by itself with the child '\(own.name)', and with no other"
            )
        }
        if let refusal = self.reasonNotToInitiate(name, child: chosen) { return .refused(refusal) }
        let searchID = self.keeper.keep(name, child: chosen, isPermanent: own != nil)
        self.search(connection, searchID, &turn)
        return .begun(count: 1)
    }

    private func reasonNotToInitiate(_ name: String, child: String) -> String? {
        if self.isShuttingDown { return "culvertd is stopping" }
        if self.standing(name, child: child) != nil { return "connection '\(name)' stands already" }
        switch self.keeper.entries[name]?.state {
        case .searching?, .attempting?: return "connection '\(name)' is being begun already"
        case .standing?, .resting?, nil: return nil
        }
    }

    private func search(_ connection: ConnectionConfiguration, _ searchID: UInt64, _ turn: inout Turn) {
        turn.outbox.append(
            .findAddresses(
                searchID: searchID, local: connection.localAddresses, remote: connection.remoteAddresses))
    }

    /// The driver has looked for addresses: sends the first request from and to the next of them.
    func begin(searchID: UInt64, _ pairs: [AddressPair], _ turn: inout Turn) {
        guard let name = self.keeper.name(ofSearch: searchID), let entry = self.keeper.entries[name],
            let connection = self.context.configuration.connections.first(where: { $0.name == name })
        else { return }
        guard !self.isShuttingDown,
            let child = connection.children.first(where: { $0.name == entry.child })
                ?? connection.children.first
        else {
            self.keeper.forget(name)
            return
        }
        // It may have come up by the peer's doing meanwhile.
        if let standing = self.standing(name, child: child.name) {
            self.keeper.stand(name, standing.localSPI, now: turn.now)
            return
        }
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
        do throws(CryptoFault) {
            let initiation = try Initiation(
                connection, child, from: pair.local, to: pair.remote, self.context, now: turn.now)
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
        ikeSA.beginAuthentication(for: initiation.child, &turn)
    }

    /// Time has passed for an attempt.
    func tend(_ initiation: Initiation, _ turn: inout Turn) {
        guard initiation.retransmitIfDue(&turn) else {
            self.end(initiation, .noAnswer, &turn)
            return
        }
        self.schedule(initiation.spi, at: initiation.retryAt)
    }

    private func end(_ initiation: Initiation, _ fault: InitiationFault, _ turn: inout Turn) {
        self.initiations[initiation.spi] = nil
        self.schedule(initiation.spi, at: nil)
        turn.event(.initiationFailed(initiation.label, peer: initiation.remote, fault))
        if let name = self.keeper.name(of: initiation.spi) { self.rest(name, &turn) }
    }

    // MARK: Keeping

    /// Something happened to an IKE_SA: perhaps a connection stands now, or does no more.
    func noteFate(of ikeSA: IKESA, _ turn: inout Turn) {
        guard let name = self.keeper.name(of: ikeSA.localSPI), let child = self.keeper.entries[name]?.child
        else { return }
        if let standing = ikeSA.has(child: child) ? ikeSA : self.standing(name, child: child) {
            self.keeper.stand(name, standing.localSPI, now: turn.now)
            return
        }
        switch ikeSA.phase {
        case .halfOpen, .initiating, .standby: return
        case .established:
            // Its CHILD_SA is on its way, or has ended: then it is of no use.
            guard ikeSA.requestedChild == nil else { return }
            self.rest(name, &turn)
            ikeSA.close(.childless, &turn)
        case .closing, .gone: self.rest(name, &turn)
        }
    }

    /// The IKE_SA of a connection that has the CHILD_SA.
    private func standing(_ name: String, child: String) -> IKESA? {
        self.context.directory.all.first { $0.connection.name == name && $0.has(child: child) }
    }

    /// Nothing more for a while.
    private func rest(_ name: String, _ turn: inout Turn) {
        _ = self.keeper.rest(name, chance: self.context.chance(), now: turn.now)
    }

    /// Begins again what has rested long enough.
    func retryConnections(_ turn: inout Turn) {
        while let (name, searchID) = self.keeper.due(now: turn.now) {
            guard let connection = self.context.configuration.connections.first(where: { $0.name == name })
            else {
                self.keeper.forget(name)
                continue
            }
            self.search(connection, searchID, &turn)
        }
    }

    /// A new configuration: attempts of connections that are gone or different end, and what starts by itself does.
    func reconsiderConnections(before old: GatewayConfiguration, _ turn: inout Turn) {
        for initiation in Array(self.initiations.values)
        where !self.context.configuration.connections.contains(initiation.connection) {
            self.end(initiation, .ended(.configurationChanged), &turn)
        }
        for name in Array(self.keeper.entries.keys)
        where !self.context.configuration.connections.contains(where: { $0.name == name }) {
            self.keeper.forget(name)
        }
        for connection in self.context.configuration.connections where !old.connections.contains(connection) {
            self.keeper.forget(connection.name)
            self.startByItself(connection, &turn)
        }
    }

    /// An operator wants a connection to stand no more: attempts end as well; how many there were.
    func abandon(_ name: String, _ turn: inout Turn) -> Int {
        self.keeper.forget(name)
        var count = 0
        for initiation in Array(self.initiations.values) where initiation.connection.name == name {
            self.end(initiation, .ended(.terminated), &turn)
            count += 1
        }
        for ikeSA in self.context.directory.all where ikeSA.connection.name == name {
            guard case .initiating = ikeSA.phase else { continue }
            ikeSA.fail(.ended(.terminated), &turn)
            count += 1
        }
        return count
    }

    /// The gateway stops.
    func abandonInitiations(_ turn: inout Turn) {
        for name in Array(self.keeper.entries.keys) { self.keeper.forget(name) }
        for initiation in Array(self.initiations.values) { self.end(initiation, .ended(.terminated), &turn) }
    }
}

extension IKESA {
    /// True if it stands with a CHILD_SA of this name.
    fileprivate func has(child name: String) -> Bool {
        self.established != nil && self.children.contains { $0.name == name && $0.isCurrent }
    }
}
