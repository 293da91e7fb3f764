internal import IPsecModel

/// What a long run is made of, and what must be true in it.
package struct MonthPlan: Sendable {
    /// The seed of everything that chance does.
    package let seed: UInt64
    /// How many days it takes.
    package let days: Int
    /// True for a responder behind a NAT of its own, which forwards ports 500 and 4500 to it.
    package var hidesResponder: Bool
    /// True for a NAT that has another outer address after each reboot.
    package var changesAddress: Bool
    /// True to ask for an answer from inside the responder's network: what it sends is lost at a NAT that forgot.
    package var asksFromResponder: Bool
    /// How long the initiator's NAT keeps a mapping: less than RFC 4787 §4.3 (REQ-5) asks for, what it asks for, or
    /// what it recommends. The gateways are configured for it.
    package var mappingTimeout: Duration
    /// A gateway restarts on every day whose number this divides: the initiator, and the next time the responder.
    package var restartInterval = 7
    /// The part of packets that is lost.
    package var loss = 0.05

    /// The month of `seed`; its lowest bits choose between the kinds of NAT and of traffic.
    package init(seed: UInt64, days: Int = 30) {
        self.seed = seed
        self.days = days
        self.hidesResponder = seed & 1 != 0
        self.changesAddress = seed & 2 != 0
        self.asksFromResponder = seed & 4 != 0
        let timeouts: [Duration] = [.seconds(30), .seconds(120), .seconds(300), .seconds(300)]
        self.mappingTimeout = timeouts[Int(seed >> 3 & 3)]
    }

    /// Silence after which a peer is asked whether it lives.
    package var livenessDelay: Duration { max(.seconds(30), self.mappingTimeout / 2) }
    /// Silence after which a keepalive goes out.
    package var keepaliveInterval: Duration { self.mappingTimeout * 2 / 3 }
    /// Lifetimes as they are by default: new keys after an hour at most, and after four for the IKE_SA.
    static let childLifetime = Lifetime(rekey: .seconds(3_600), hard: .seconds(3_960), jitter: .seconds(360))
    static let ikeLifetime = Lifetime(
        rekey: .seconds(14_400), hard: .seconds(15_840), jitter: .seconds(1_440))
    /// How often somebody asks through the tunnel while all is well, and while it is not.
    static let calmInterval: Duration = .seconds(300)
    static let eagerInterval: Duration = .seconds(5)
    /// When an answer is not expected any more: four times what the way takes.
    static let answerPatience: Duration = .seconds(1)
    /// How long a gateway that restarts is away, at most.
    static let longestRestart: Duration = .seconds(90)
}

/// Why traffic stood still.
package enum Disturbance: String, Hashable, Sendable, CaseIterable {
    /// The first connection is only coming up.
    case start
    /// The initiator's NAT has forgotten its mappings.
    case natReboot
    /// The initiator came back without memory.
    case initiatorRestart
    /// The responder came back without memory.
    case responderRestart
    /// Nothing but the loss of packets: one side gave the other up.
    case line
}

extension MonthPlan {
    /// The longest time until traffic flows again, as the configuration implies it. A request is either answered before
    /// its retransmissions are spent, or its sender gives up: `patience`.
    ///
    /// - `natReboot`: at worst a request was under way, whose answer was lost at the NAT: up to `patience` until it is
    ///   answered, by a kept answer that moves nothing. Then the initiator hears nothing for the liveness delay, and asks
    ///   whether the peer lives; that request is new, so it moves the path, and takes up to `patience` to get through.
    /// - `initiatorRestart`: it begins at once: IKE_SA_INIT and IKE_AUTH.
    /// - `responderRestart`, `line`: silence for the liveness delay, `patience` until the peer is given up, the first
    ///   rest, then IKE_SA_INIT and IKE_AUTH.
    ///
    /// And then somebody has to ask again.
    package func bound(after disturbance: Disturbance) -> Duration {
        let ask = Self.eagerInterval + Self.answerPatience
        switch disturbance {
        case .start, .initiatorRestart: return Self.patience * 2 + ask
        case .natReboot: return self.livenessDelay + Self.patience * 2 + ask
        case .responderRestart, .line:
            return self.livenessDelay + Self.patience * 3 + Self.firstRest + ask
        }
    }

    /// The same on a line where each message gets through, or its first retransmission does. Nine outages of ten must
    /// end within it.
    package func usualBound(after disturbance: Disturbance) -> Duration {
        let exchange = IKELimits().retransmission.first ?? .zero
        let ask = Self.eagerInterval * 2 + Self.answerPatience
        switch disturbance {
        case .start, .initiatorRestart: return exchange * 2 + ask
        case .natReboot: return self.livenessDelay + exchange + ask
        case .responderRestart:
            return self.livenessDelay + Self.patience + Self.firstRest + exchange * 2 + ask
        // A packet or two, not the tunnel.
        case .line: return ask
        }
    }

    /// After a disturbance nothing of it is left when DELETEs are answered or given up, and the patience with what the
    /// peer should delete has ended.
    var settling: Duration { Self.patience + .seconds(60) + self.livenessDelay }

    private static let patience = IKELimits().retransmission.reduce(.zero, +)
    /// `ConnectionKeeper`'s first rest.
    private static let firstRest: Duration = .seconds(5)
}

extension MonthPlan {
    static let initiatorAddress = IPAddress.v4(IPv4Address(192, 168, 1, 10))
    static let responderAddress = IPAddress.v4(IPv4Address(10, 77, 0, 2))
    static let publicAddress = IPAddress.v4(IPv4Address(203, 0, 113, 2))

    private static func selector(_ text: String) -> [ConfiguredSelector] {
        [IPPrefix(text)].compactMap { $0 }.map { .fixed(TrafficSelector($0)) }
    }

    /// The configuration of either side.
    func configuration(isInitiator: Bool) -> GatewayConfiguration {
        let (own, other) = isInitiator ? ("a", "b") : ("b", "a")
        let networks = ["a": "10.1.0.0/24", "b": "10.2.0.0/24"]
        var child = ChildConfiguration(
            name: "net", proposals: [PeerSettings.espProposal],
            localSelectors: Self.selector(networks[own] ?? ""),
            remoteSelectors: Self.selector(networks[other] ?? ""), lifetime: Self.childLifetime)
        child.startAction = isInitiator ? .start : .none
        var connection = ConnectionConfiguration(
            name: "site-\(other)", proposals: [PeerSettings.ikeProposal(.x25519)], children: [child])
        connection.localIdentity = .fqdn("\(own).example.org")
        connection.remoteIdentity = .exact(.fqdn("\(other).example.org"))
        connection.livenessDelay = self.livenessDelay
        connection.lifetime = Self.ikeLifetime
        connection.verifiesRekeying = true
        if isInitiator, let range = AddressRange(Self.publicAddress, Self.publicAddress) {
            connection.remoteAddresses = [.range(range)]
        }
        var configuration = GatewayConfiguration()
        configuration.keepaliveInterval = self.keepaliveInterval
        configuration.connections = [connection]
        configuration.secrets = [
            SharedSecret(
                name: "ike-a", owners: [], key: SecretBytes(copying: Array("what A and B know".utf8)))
        ]
        return configuration
    }
}
