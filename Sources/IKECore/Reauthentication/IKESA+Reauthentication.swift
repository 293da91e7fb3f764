internal import IPsecModel

// What an IKE_SA knows of older and newer ones of the same peer at the same place (RFC 7296 §2.8.3).
extension IKESA {
    /// How long a CHILD_SA of a new IKE_SA leaves the sending to the one before until we ask whether the peer has it.
    static let inheritancePatience: Duration = .seconds(2)
    /// How long an IKE_SA may stay which the peer has authenticated anew, and not deleted, where it is to be replaced.
    static let gracePeriod: Duration = .seconds(30)

    /// True if `other` stands between the same two at the same place: the peer authenticates anew, or has. Where only the
    /// identities are the same, there may be two hosts that share one.
    func isAtSamePlace(as other: IKESA) -> Bool {
        guard other !== self, let mine = self.established, let theirs = other.established else {
            return false
        }
        return self.connection.name == other.connection.name && mine.localIdentity == theirs.localIdentity
            && IdentityPattern.exact(mine.peerIdentity).matches(theirs.peerIdentity)
            && self.path.remote == other.path.remote && self.path.local == other.path.local
    }

    /// Those of which that is true.
    var othersAtSamePlace: [IKESA] {
        guard let established = self.established else { return [] }
        return self.context.directory.established(
            between: established.localIdentity, and: established.peerIdentity
        ).filter { self.isAtSamePlace(as: $0) }
    }

    /// Authenticated before the other one was.
    func isOlder(than other: IKESA) -> Bool {
        guard let mine = self.established, let theirs = other.established else { return false }
        return mine.establishedAt < theirs.establishedAt
    }

    /// What must stand elsewhere before this IKE_SA may go.
    var wantedElsewhere: [ReauthenticationBook.Wanted] {
        let names = Set(self.connection.children.map(\.name))
        let current = self.children.filter { child in
            guard names.contains(child.name) else { return false }
            switch child.state {
            case .installed, .rekeyed: return true
            case .redundant, .retiring, .deleting: return false
            }
        }
        var wanted: [ReauthenticationBook.Wanted] = []
        for child in current {
            let others = current.filter { $0.name == child.name && $0.reqidKey != child.reqidKey }
            let one = ReauthenticationBook.Wanted(
                name: child.name,
                selectors: SelectorNarrowing.Result(
                    local: child.spec.localSelectors, remote: child.spec.remoteSelectors),
                isAlone: others.isEmpty)
            // One that is just being rekeyed is there twice.
            if !wanted.contains(one) { wanted.append(one) }
        }
        return wanted
    }

    /// True if it has a CHILD_SA for `wanted`.
    func covers(_ wanted: ReauthenticationBook.Wanted) -> Bool {
        let isWithin = { (inner: [TrafficSelector], outer: [TrafficSelector]) in
            inner.allSatisfy { one in outer.contains { $0.contains(one) } }
        }
        return self.children.contains { child in
            child.name == wanted.name && child.isCurrent
                && (wanted.isAlone
                    || isWithin(wanted.selectors.local, child.spec.localSelectors)
                        && isWithin(wanted.selectors.remote, child.spec.remoteSelectors))
        }
    }

    // MARK: What the peer authenticates anew

    /// True if another IKE_SA at the same place sends with the policies of `reqid`. Then a CHILD_SA of this one sends only when
    /// that has ended, since the peer may not know it yet.
    func hasForerunner(sendingFor reqid: UInt32, _ key: ReqIDRegistry.Key) -> Bool {
        guard self.context.reqids.isShared(key) else { return false }
        return self.othersAtSamePlace.contains { other in
            other.children.contains {
                $0.spec.reqid == reqid && $0.isOutboundActive && $0.state == .installed
            }
        }
    }

    /// True if the peer has said something by this IKE_SA since its CHILD_SAs were made, as far as that matters.
    var isProven: Bool {
        self.children.allSatisfy { self.context.heirs[$0.spec.reqid] != $0.spec.inboundSPI }
    }

    /// A CHILD_SA of ours waits with sending until the one before has ended; or that has ended already.
    func awaitInheritance(of child: ChildSA, _ turn: inout Turn) {
        guard !child.isOutboundActive, child.activatesAt != nil else { return }
        guard self.context.reqids.isShared(child.reqidKey) else {
            self.activateOutbound(child.spec.inboundSPI, &turn)
            return
        }
        self.context.heirs[child.spec.reqid] = child.spec.inboundSPI
    }

    /// The old one should have ended by now. Any answer shows that the peer has the new one; without any this IKE_SA ends.
    func askAboutInheritance(_ turn: inout Turn) {
        guard self.requests.isIdle else { return }
        self.enqueue(.liveness, &turn)
    }

    /// The peer has said something by this IKE_SA, so it has got what we answered before: what waits sends from now on.
    func claimInheritance(_ turn: inout Turn) {
        guard !self.context.heirs.isEmpty else { return }
        for child in self.children where self.context.heirs[child.spec.reqid] == child.spec.inboundSPI {
            self.activateOutbound(child.spec.inboundSPI, &turn)
        }
    }

    /// A CHILD_SA ends: whichever waits for that sends from now on.
    func bequeathTraffic(of child: ChildSA, _ turn: inout Turn) {
        guard let heir = self.context.heirs[child.spec.reqid] else { return }
        guard heir != child.spec.inboundSPI else {
            self.context.heirs[child.spec.reqid] = nil
            return
        }
        // One that was rekeyed has a successor which sends.
        guard child.state == .installed, let owner = self.context.directory.owner(ofChild: heir),
            let waiting = owner.child(heir)
        else { return }
        switch waiting.state {
        case .installed, .rekeyed: break
        case .redundant, .retiring, .deleting: return
        }
        owner.activateOutbound(heir, &turn)
        self.context.touch(owner)
    }

    /// A newer one stands in its place, and the peer should delete this one: it goes after a while if it does not.
    func endSoon(_ turn: inout Turn) {
        guard case .established(var established) = self.phase else { return }
        let until = turn.now.advanced(by: Self.gracePeriod)
        established.expiresAt = min(established.expiresAt ?? until, until)
        self.phase = .established(established)
        self.context.touch(self)
    }

    /// Why it ends when its time is over.
    var reasonOfExpiry: EndReason {
        self.othersAtSamePlace.contains { self.isOlder(than: $0) } ? .replaced : .expired
    }

    // MARK: Timing

    /// The peer is authenticated anew as soon as that can be.
    func reauthenticate(_ turn: inout Turn) {
        guard self.established != nil else { return }
        self.reauthenticateAt = turn.now
        self.context.touch(self)
    }

    /// An attempt has failed: again after a while, several times before the time of this IKE_SA is over.
    func reauthenticateLater(_ turn: inout Turn) {
        guard let established = self.established else { return }
        let left = established.expiresAt.map { $0.since(turn.now) / 8 } ?? .seconds(300)
        let pause = min(max(left, .seconds(5)), .seconds(300))
        self.reauthenticateAt = turn.now.advanced(by: self.context.chosen((pause * 3 / 4, pause)))
        self.context.touch(self)
    }
}
