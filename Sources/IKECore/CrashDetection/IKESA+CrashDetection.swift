internal import IKEWire
internal import IPsecModel

// Quick Crash Detection (RFC 6290): how a peer proves that it has lost an IKE_SA.
extension IKESA {
    /// Most tokens of one message that are looked at: the least that a taker must look at (RFC 6290 §4.5).
    private static let tokensOfMessage = 4

    // MARK: The maker

    /// N(QCD_TOKEN) with the token of this IKE_SA; none if we make none.
    func ownToken(_ turn: inout Turn) -> [Payload] {
        guard let maker = self.context.tokenMaker else { return [] }
        do throws(CryptoFault) {
            let token = try maker.token(
                initiatorSPI: self.initiatorSPI, responderSPI: self.responderSPI, crypto: self.context.crypto)
            return [.notify(NotifyPayload(.quickCrashDetection, data: token))]
        } catch {
            // The IKE_SA is as good without.
            turn.event(.cryptoFailed(self.label, error))
            return []
        }
    }

    /// Tells the peer the token of new keys that we asked for, as our request for them could not (RFC 6290 §4.3).
    func presentToken(afterRekeying old: IKESA, _ turn: inout Turn) {
        // Who has no tokens itself will hardly take ours, and is spared the exchange.
        guard self.isOriginalInitiator, self.context.tokenMaker != nil,
            old.peerToken != nil || self.peerToken != nil
        else { return }
        self.enqueue(.presentToken, &turn)
    }

    // MARK: The taker

    /// Keeps the peer's token, if an authenticated message of its has one (RFC 6290 §4.2, §4.4). The newest counts.
    func takeToken(_ payloads: [Payload], _ turn: inout Turn) {
        guard self.context.configuration.detectsCrashes, let notify = payloads.notify(.quickCrashDetection)
        else { return }
        self.fingerprint(of: notify.data, &turn).map { self.peerToken = $0 }
    }

    private func fingerprint(of token: [UInt8], _ turn: inout Turn) -> QCDFingerprint? {
        do throws(CryptoFault) {
            return try QCDFingerprint(of: token, crypto: self.context.crypto)
        } catch {
            turn.event(.cryptoFailed(self.label, error))
            return nil
        }
    }

    /// An unprotected message with this IKE_SA's SPIs says that its sender knows no such IKE_SA. With the peer's token that
    /// is true, and the IKE_SA ends (RFC 6290 §4.5); without, or with another, anybody may have said so (RFC 7296 §2.4).
    func receiveUnprotected(_ message: DecodedMessage, _ turn: inout Turn) {
        self.context.counters.drop(.unprotected)
        guard message.header.flags.contains(.response), message.payloads.notify(.invalidIKESPI) != nil
        else { return }
        guard self.isProof(message.payloads, &turn) else {
            self.peerMayBeGone(&turn)
            return
        }
        self.end(.lostByPeer, &turn)
        // Our DELETE may have been under way: nobody will answer it.
        self.phase = .gone
    }

    private func isProof(_ payloads: [Payload], _ turn: inout Turn) -> Bool {
        guard let expected = self.peerToken else { return false }
        let tokens = payloads.notifies.filter { $0.type == .quickCrashDetection }
        return tokens.prefix(Self.tokensOfMessage).contains { token in
            self.fingerprint(of: token.data, &turn)?.isEqual(to: expected) ?? false
        }
    }

    /// Something that nobody vouches for says that the peer does not have the IKE_SA any more: it is asked, not too often.
    func peerMayBeGone(_ turn: inout Turn) {
        guard self.established != nil, self.liveness.hinted(now: turn.now) else { return }
        self.context.touch(self)
        self.sendProbe(&turn)
    }
}
