internal import IPsecModel

// What an IKE_SA begins by itself, one CREATE_CHILD_SA exchange after the other.
extension IKESA {
    /// How long we wait at least, and at most, before we ask again what the peer could not do at the moment
    /// (RFC 7296 §2.25).
    static let shortPause: (least: Duration, most: Duration) = (.seconds(5), .seconds(15))
    /// The same after a refusal that will not change by itself.
    static let longPause: (least: Duration, most: Duration) = (.seconds(60), .seconds(90))

    /// Begins what is next, if nothing else of this kind is under way.
    func continueAgenda(_ turn: inout Turn) {
        guard self.established != nil, turn.now >= self.agendaRestsUntil else { return }
        while self.requestedChild == nil, self.requestedSuccessor == nil, self.pendingAnswer == nil,
            let item = self.agenda.first
        {
            // New keys come when nothing else is under way: the peer would refuse them otherwise (RFC 7296 §2.25.2).
            if item == .rekeyIKESA, !self.requests.isIdle { return }
            self.agenda.remove(item)
            self.begin(item, &turn)
        }
    }

    private func begin(_ item: ExchangeAgenda.Item, _ turn: inout Turn) {
        switch item {
        case .rekeyIKESA: self.beginRekeyingIKESA(&turn)
        case .createChild(let name, let packet):
            guard let configuration = self.configuration(ofChild: name) else { return }
            self.beginFurtherChild(item, configuration, .further, packet, nil, &turn)
        case .recreateChild(let name, let selectors):
            guard let configuration = self.configuration(ofChild: name) else { return }
            self.beginFurtherChild(item, configuration, .further, nil, selectors, &turn)
        case .supersedeChild(let spi):
            guard let old = self.child(spi), old.state == .installed,
                let configuration = self.configuration(ofChild: old.name)
            else { return }
            self.beginFurtherChild(item, configuration, .superseding(spi), nil, nil, &turn)
        case .rekeyChild(let spi):
            guard let old = self.child(spi), old.state == .installed,
                let configuration = self.configuration(ofChild: old.name)
            else { return }
            self.beginRekeying(of: old, configuration, &turn)
        }
    }

    private func configuration(ofChild name: String) -> ChildConfiguration? {
        self.connection.children.first { $0.name == name }
    }

    /// The CHILD_SA with this inbound SPI.
    func child(_ spi: ESPSPI) -> ChildSA? { self.children.first { $0.spec.inboundSPI == spi } }

    /// An operator wants new keys, of the IKE_SA or of its CHILD_SAs `child`; for how many.
    func rekeyNow(child name: String?, _ turn: inout Turn) -> Int {
        self.agendaRestsUntil = turn.now
        guard let name else {
            self.rekeyAt = nil
            self.agenda.add(.rekeyIKESA)
            return 1
        }
        let meant = self.children.filter { $0.name == name && $0.state == .installed }
        for child in meant { self.rekeyChild(child.spec.inboundSPI, &turn) }
        return meant.count
    }

    /// When the agenda goes on, if that is all it waits for.
    var agendaDeadline: Instant? {
        guard self.agenda.first != nil, self.requestedChild == nil, self.requestedSuccessor == nil,
            self.pendingAnswer == nil, self.requests.isIdle
        else { return nil }
        return self.agendaRestsUntil
    }

    /// Nothing new is begun for a short while.
    func restAgenda(_ turn: inout Turn) {
        self.agendaRestsUntil = turn.now.advanced(by: self.context.chosen(Self.shortPause))
    }

    /// Asks once more for the same, a little later.
    func postpone(_ requested: RequestedChild, _ turn: inout Turn) {
        guard !requested.isUnwanted else { return }
        self.restAgenda(&turn)
        if let item = requested.item { self.agenda.add(item) }
    }

    /// Asks once more when the peer's configuration may have changed. A trial is not repeated.
    func postponeForLong(_ requested: RequestedChild, _ turn: inout Turn) {
        let later = turn.now.advanced(by: self.context.chosen(Self.longPause))
        guard let old = requested.replaces else {
            self.refusedChildren[requested.configuration.name] = later
            return
        }
        self.updateChild(old) { child in
            if child.verification == .begun {
                child.verification = .none
                return
            }
            child.rekeyAt = later
        }
    }
}
