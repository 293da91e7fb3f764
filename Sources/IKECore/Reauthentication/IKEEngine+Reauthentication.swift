internal import IKEWire
internal import IPsecModel

// Authenticating a peer anew: a new IKE_SA takes the place of the old one, and that goes only when the new one has all its
// CHILD_SAs (RFC 7296 §2.8.3).
extension IKEEngine {
    /// Something happened to an IKE_SA, or its time has come: goes on with what that means for reauthentication.
    func tendReauthentication(of ikeSA: IKESA, _ turn: inout Turn) {
        let spi = ikeSA.localSPI
        if let due = ikeSA.reauthenticateAt, due <= turn.now, ikeSA.established != nil {
            self.reauthenticateIfFree(ikeSA, &turn)
        }
        if self.context.reauthentications[spi] != nil {
            self.goOnReauthenticating(by: ikeSA, &turn)
        } else if let new = self.context.reauthentications.successor(of: spi) {
            self.noteFate(ofOld: ikeSA, for: new, &turn)
        }
        guard !self.context.reauthentications.isEmpty, ikeSA.established != nil, !ikeSA.isOriginalInitiator
        else { return }
        for new in self.context.reauthentications.all(of: ikeSA.connection.name) where new != spi {
            self.yield(new, &turn)
        }
    }

    // MARK: Beginning

    private func reauthenticateIfFree(_ old: IKESA, _ turn: inout Turn) {
        let spi = old.localSPI
        let isUnderWay = self.context.reauthentications[spi].map { $0.doneUntil == nil } ?? false
        guard !isUnderWay, self.context.reauthentications.successor(of: spi) == nil else {
            return old.reauthenticateLater(&turn)
        }
        self.context.reauthentications.remove(spi)
        self.reauthenticate(old, &turn)
    }

    private func reauthenticate(_ old: IKESA, _ turn: inout Turn) {
        old.reauthenticateAt = nil
        guard !self.isShuttingDown, let established = old.established else { return }
        let newer = old.othersAtSamePlace.first { old.isOlder(than: $0) }
        let wanted = old.wantedElsewhere
        if let newer {
            // The peer has done it, and will delete the old one.
            guard wanted.allSatisfy({ newer.covers($0) }) else { return old.reauthenticateLater(&turn) }
            return old.retire(.replaced, isSucceeded: false, &turn)
        }
        guard let first = wanted.first, let child = old.connection.child(first.name),
            self.context.directory.count < self.context.limits.ikeSAs
        else { return old.reauthenticateLater(&turn) }
        do throws(CryptoFault) {
            let initiation = try Initiation(
                old.connection, child, from: old.path.local, to: old.path.remote, self.context, now: turn.now)
            initiation.selectors = first.isAlone ? nil : first.selectors
            try initiation.begin(&turn)
            self.initiations[initiation.spi] = initiation
            self.context.reauthentications.begin(
                initiation.spi, inPlaceOf: old.localSPI,
                ReauthenticationBook.Attempt(
                    connection: old.connection.name, local: established.localIdentity,
                    peer: established.peerIdentity, remote: old.path.remote,
                    begunAt: turn.now, wanted: wanted, asked: [first]))
            self.schedule(initiation.spi, at: initiation.retryAt)
            turn.event(.reauthenticating(old.label, by: initiation.label, peer: old.path.remote))
        } catch {
            turn.event(.cryptoFailed(old.label, error))
            old.reauthenticateLater(&turn)
        }
    }

    /// An attempt has ended before there were keys.
    func reauthenticationEnded(_ new: IKESPI, _ turn: inout Turn) {
        guard let attempt = self.context.reauthentications[new] else { return }
        self.context.reauthentications.remove(new)
        guard attempt.doneUntil == nil, let old = attempt.old.flatMap({ self.context.directory[$0] }) else {
            return
        }
        old.reauthenticateLater(&turn)
    }

    /// True if an IKE_SA of this connection is being made in place of another.
    func isReauthenticating(_ name: String) -> Bool {
        self.context.reauthentications.all(of: name).contains { new in
            self.context.reauthentications[new]?.doneUntil == nil
        }
    }

    // MARK: The new one

    private func goOnReauthenticating(by new: IKESA, _ turn: inout Turn) {
        switch new.phase {
        case .halfOpen, .initiating, .standby: return
        case .closing, .gone: self.reauthenticationEnded(new.localSPI, &turn)
        case .established: self.complete(new, &turn)
        }
    }

    private func complete(_ new: IKESA, _ turn: inout Turn) {
        let spi = new.localSPI
        self.yield(spi, &turn)
        guard let attempt = self.context.reauthentications[spi], new.established != nil else { return }
        if attempt.isUnwanted {
            self.context.reauthentications.remove(spi)
            new.close(.terminated, &turn)
            return
        }
        guard attempt.doneUntil == nil else {
            let deadline = self.context.reauthentications.deadline(of: spi)
            if let deadline, deadline <= turn.now { self.context.reauthentications.remove(spi) }
            return
        }
        let missing = attempt.wanted.filter { !new.covers($0) }
        guard !missing.isEmpty else { return self.takePlace(new, attempt, &turn) }
        // One exchange after the other, the first being that of IKE_AUTH.
        guard new.requestedChild == nil, new.agenda.items.isEmpty, new.pendingAnswer == nil else { return }
        guard let next = missing.first(where: { !attempt.asked.contains($0) }) else {
            return self.giveUp(new, attempt, &turn)
        }
        self.context.reauthentications.update(spi) { $0.asked.insert(next) }
        new.agenda.add(
            next.isAlone ? .createChild(next.name, nil) : .recreateChild(next.name, next.selectors))
        self.context.touch(new)
    }

    /// The new one has all that the old one had.
    private func takePlace(
        _ new: IKESA, _ attempt: ReauthenticationBook.Attempt, _ turn: inout Turn
    ) {
        let patience = self.context.limits.retransmission.reduce(.zero, +)
        self.context.reauthentications.update(new.localSPI) {
            $0.doneUntil = turn.now.advanced(by: patience)
        }
        attempt.old.flatMap { self.context.directory[$0] }?.retire(.replaced, isSucceeded: true, &turn)
    }

    /// The peer refuses a CHILD_SA that the old one has.
    private func giveUp(_ new: IKESA, _ attempt: ReauthenticationBook.Attempt, _ turn: inout Turn) {
        guard let old = attempt.old.flatMap({ self.context.directory[$0] }), old.established != nil else {
            // Better than nothing.
            self.context.reauthentications.remove(new.localSPI)
            return
        }
        new.retire(.childless, isSucceeded: true, &turn)
        self.reauthenticationEnded(new.localSPI, &turn)
    }

    // MARK: The old one

    private func noteFate(ofOld old: IKESA, for new: IKESPI, _ turn: inout Turn) {
        guard let attempt = self.context.reauthentications[new] else { return }
        if old.established != nil {
            for end in old.endedChildren where end.reason == .terminated {
                self.disown(child: end.name, by: new, &turn)
            }
            let wanted = old.wantedElsewhere
            guard wanted != attempt.wanted else { return }
            self.context.reauthentications.update(new) { $0.wanted = wanted }
            if let ikeSA = self.context.directory[new] { self.context.touch(ikeSA) }
            return
        }
        if attempt.doneUntil != nil {
            // The peer has answered our DELETE. Only now one of two that took its place may go.
            guard old.isGone else { return }
            self.context.reauthentications.forgetOld(of: new)
            self.yield(new, &turn)
            // Nothing but time is waited for now.
            if let ikeSA = self.context.directory[new] { self.context.touch(ikeSA) }
            return
        }
        self.context.reauthentications.forgetOld(of: new)
        if let initiation = self.initiations[new] {
            // What is to stand is the keeper's to begin now.
            self.end(initiation, .ended(old.endedChildren.last?.reason ?? .replaced), &turn)
            return
        }
        // A peer may delete the old one as soon as the new one stands; an operator of ours wants neither, and without their path
        // neither is of use.
        let isOver = old.endedChildren.contains { end in
            switch end.reason {
            case .terminated, .configurationChanged, .addressLost, .wrongCookie: return true
            case .deletedByPeer, .rekeyed, .expired, .peerDead, .lostByPeer, .replaced, .failed,
                .lostByDataPlane, .childless, .unknownToPeer:
                return false
            }
        }
        if isOver { self.context.reauthentications.update(new) { $0.isUnwanted = true } }
        if let ikeSA = self.context.directory[new] { self.context.touch(ikeSA) }
    }

    /// An operator has ended this child on the old IKE_SA: the new one was begun with it, and must not bring it back.
    private func disown(child name: String, by new: IKESPI, _ turn: inout Turn) {
        if let initiation = self.initiations[new] {
            // Begun again with another child, if the old one has any.
            if initiation.child.name == name { self.end(initiation, .ended(.terminated), &turn) }
        } else if let ikeSA = self.context.directory[new] {
            _ = ikeSA.disownRequest(child: name)
        }
    }

    // MARK: Both at once

    /// The peer has done the same at the same time. Both sides see both new IKE_SAs sooner or later, and the one with the lower
    /// SPI of its initiator goes: whoever began it deletes it.
    private func yield(_ new: IKESPI, _ turn: inout Turn) {
        guard let attempt = self.context.reauthentications[new], !attempt.isUnwanted,
            attempt.doneUntil == nil || attempt.old == nil,
            let rival = self.rival(of: attempt), let initiator = self.initiatorSPI(new),
            initiator.number < rival.initiatorSPI.number,
            rival.isProven, attempt.wanted.allSatisfy({ rival.covers($0) })
        else { return }
        if let initiation = self.initiations[new] {
            self.end(initiation, .ended(.replaced), &turn)
        } else if let ikeSA = self.context.directory[new] {
            self.context.reauthentications.update(new) { $0.isRedundant = true }
            // Only with its CHILD_SA: the peer may send with that until it has our DELETE.
            guard ikeSA.established != nil, ikeSA.requestedChild == nil else { return }
            ikeSA.retire(.replaced, isSucceeded: false, &turn)
            self.reauthenticationEnded(new, &turn)
        }
    }

    private func rival(of attempt: ReauthenticationBook.Attempt) -> IKESA? {
        let standing = self.context.directory.established(between: attempt.local, and: attempt.peer)
        return standing.first { other in
            guard !other.isOriginalInitiator, other.connection.name == attempt.connection,
                other.path.remote == attempt.remote, let established = other.established,
                other.localSPI != attempt.old
            else { return false }
            return established.establishedAt >= attempt.begunAt
        }
    }

    private func initiatorSPI(_ new: IKESPI) -> IKESPI? {
        self.initiations[new].map(\.spi) ?? self.context.directory[new].map(\.initiatorSPI)
    }
}
