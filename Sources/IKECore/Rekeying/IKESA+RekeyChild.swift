internal import IPsecModel

// When a CHILD_SA is rekeyed by us, and what becomes of the old one (RFC 7296 §2.8).
extension IKESA {
    /// When a first rekeying shows whether both sides can do it: the original initiator tries, and the responder if
    /// the initiator has not.
    private static let verificationDelay: (initiator: Duration, responder: Duration) = (
        .seconds(30), .seconds(45)
    )

    /// When a CHILD_SA that is new, and not a rekeyed one, is to be rekeyed on trial (`verify_rekey`).
    func verification(now: Instant) -> ChildSA.Verification {
        guard self.connection.verifiesRekeying else { return .none }
        let delays = Self.verificationDelay
        let delay = self.isOriginalInitiator ? delays.initiator : delays.responder
        return .due(at: now.advanced(by: delay + self.context.chosen((least: .zero, most: .seconds(5)))))
    }

    /// True if a request to rekey it makes sense: it stands, and nothing has taken its place.
    func isRekeyable(_ spi: ESPSPI) -> Bool { self.child(spi)?.state == .installed }

    /// Time or volume of a CHILD_SA is used up: it is to be rekeyed as soon as that can be.
    func rekeyChild(_ spi: ESPSPI, _ turn: inout Turn) {
        guard self.established != nil, self.isRekeyable(spi) else { return }
        self.updateChild(spi) { $0.rekeyAt = nil }
        guard self.requestedChild?.replaces != spi else { return }
        self.agenda.add(.rekeyChild(spi))
    }

    /// Rekeys what is due, or on trial.
    func rekeyDueChildren(_ turn: inout Turn) {
        for child in self.children where child.state == .installed {
            if let rekeyAt = child.rekeyAt, turn.now >= rekeyAt {
                self.rekeyChild(child.spec.inboundSPI, &turn)
            }
            if case .due(let at) = child.verification, turn.now >= at {
                self.updateChild(child.spec.inboundSPI) { $0.verification = .begun }
                self.agenda.add(.rekeyChild(child.spec.inboundSPI))
            }
        }
    }

    /// Ends a CHILD_SA that has a successor which sends already. It goes on receiving until the peer has answered, since
    /// the peer sends with its half until it has our DELETE.
    func retireChild(_ spi: ESPSPI, _ turn: inout Turn) {
        guard let old = self.child(spi), old.state != .deleting, old.state != .retiring else { return }
        if old.verification == .begun {
            turn.event(.rekeyingVerified(self.label, child: old.name))
        }
        self.updateChild(spi) { $0.retire() }
        self.enqueue(.deleteChildren([spi]), &turn)
    }

    /// The successor of a CHILD_SA does not stand after all.
    func reinstate(_ old: ESPSPI, insteadOf successor: ESPSPI) {
        self.updateChild(old) { child in
            if child.state == .rekeyed(successor: successor) { child.state = .installed }
        }
    }
}
