internal import IKEWire
internal import IPsecModel

// Everything that time does to an IKE_SA.
extension IKESA {
    /// The earliest moment at which `deadlineReached` has something to do.
    var nextDeadline: Instant? {
        var deadlines = [self.requests.deadline, self.fragments.deadline]
        switch self.phase {
        case .gone: return nil
        case .halfOpen(let halfOpen): deadlines.append(halfOpen.deadline)
        case .initiating: break
        case .closing(let until), .standby(let until): deadlines.append(until)
        case .established(let established):
            deadlines += [
                established.expiresAt, self.rekeyAt, self.reauthenticateAt,
                self.context.reauthentications.deadline(of: self.localSPI), self.agendaDeadline,
                self.liveness.deadline,
                self.keepalive.deadline(on: self.path), self.refusedChildren.values.min(),
            ]
            for child in self.children { deadlines.append(child.deadline) }
        }
        return deadlines.compactMap(\.self).min()
    }

    /// Does what is due. Called too early it does nothing.
    func deadlineReached(_ turn: inout Turn) {
        self.fragments.expire(now: turn.now)
        switch self.phase {
        case .gone: return
        case .halfOpen(let halfOpen):
            guard turn.now >= halfOpen.deadline else { return }
            self.abandonPendingAnswer(&turn)
            self.phase = .gone
        case .initiating: self.retransmitIfDue(&turn)
        case .closing(let until):
            self.retransmitIfDue(&turn)
            if turn.now >= until { self.phase = .gone }
        case .standby(let until):
            // Nobody took it: the peer gave up what it belonged to.
            if turn.now >= until { self.phase = .gone }
        case .established(let established):
            self.retransmitIfDue(&turn)
            self.expireIfDue(established, &turn)
            self.rekeyIfDue(&turn)
            self.refusedChildren = self.refusedChildren.filter { $0.value > turn.now }
            self.probeIfDue(&turn)
            self.tendChildren(&turn)
            self.keepAliveIfDue(&turn)
        }
    }

    private func retransmitIfDue(_ turn: inout Turn) {
        switch self.requests.deadlineReached(now: turn.now, haste: self.context.haste) {
        case .none: return
        case .retransmit(let datagrams):
            let transmissions = self.requests.outstanding?.transmissions ?? 0
            let exchange = self.requests.outstanding?.request.exchange ?? .informational
            turn.event(.retransmitted(self.label, exchange, transmission: transmissions))
            self.transmit(datagrams, from: self.path.local, to: self.path.remote, &turn)
            if transmissions >= Mobility.patience { self.tryOtherAddress(&turn) }
        case .giveUp(.deleteIKESA), .giveUp(.refuse): self.phase = .gone
        case .giveUp(.authenticate): self.fail(.noAnswer, &turn)
        case .giveUp: self.end(.peerDead, &turn)
        }
    }

    private func expireIfDue(_ established: Established, _ turn: inout Turn) {
        guard let expiresAt = established.expiresAt, turn.now >= expiresAt else { return }
        self.close(self.reasonOfExpiry, &turn)
    }

    private func rekeyIfDue(_ turn: inout Turn) {
        guard self.established != nil, let rekeyAt = self.rekeyAt, turn.now >= rekeyAt else { return }
        self.rekeyAt = nil
        self.agenda.add(.rekeyIKESA)
    }

    private func keepAliveIfDue(_ turn: inout Turn) {
        guard self.established != nil, self.keepalive.deadlineReached(on: self.path, now: turn.now) else {
            return
        }
        turn.send(KeepaliveTimer.packet, from: self.path.local, to: self.path.remote)
    }
}
