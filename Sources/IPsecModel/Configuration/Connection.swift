/// An address that a connection's `local_addrs` or `remote_addrs` takes.
package enum AddressPattern: Hashable, Sendable, CustomStringConvertible {
    /// `%any`.
    case any
    /// One address, a block, or a range.
    case range(AddressRange)
    /// A DNS name, resolved by whoever starts the connection.
    case name(String)

    /// True if packets of `address` are meant. A name matches nothing until somebody resolves it.
    package func matches(_ address: IPAddress) -> Bool {
        switch self {
        case .any: return true
        case .range(let range):
            return address.family == range.first.family && range.first <= address && address <= range.last
        case .name: return false
        }
    }

    /// True if it names one host, which can then be called.
    package var canBeCalled: Bool {
        switch self {
        case .any: return false
        case .name: return true
        case .range(let range): return range.first == range.last
        }
    }

    package var description: String {
        switch self {
        case .any: return "%any"
        case .name(let name): return name
        case .range(let range):
            if range.first == range.last { return range.first.description }
            return range.prefix.map(\.description) ?? "\(range.first)-\(range.last)"
        }
    }
}

/// What happens when a second peer with the identities of an established IKE_SA comes (swanctl's `unique`).
package enum UniquenessPolicy: String, Hashable, Sendable, CaseIterable {
    /// Keep both, even if the peer says INITIAL_CONTACT.
    case never
    /// Keep both, unless the peer says INITIAL_CONTACT.
    case no
    /// The new one replaces the old.
    case replace
    /// The old one stays, and the new one is refused.
    case keep
}

/// A time after which something happens, with the margin that chance takes off it.
package struct Lifetime: Hashable, Sendable {
    /// When rekeying begins; nil means never.
    package var rekey: Duration?
    /// When the SA ends if nothing replaced it; nil means never.
    package var hard: Duration?
    /// At most this is taken off `rekey`, by chance.
    package var jitter: Duration

    /// A lifetime of these three.
    package init(rekey: Duration?, hard: Duration?, jitter: Duration) {
        self.rekey = rekey
        self.hard = hard
        self.jitter = jitter
    }
}

/// A number of bytes or packets after which something happens, with the margin that chance takes off it.
package struct VolumeLimit: Hashable, Sendable {
    /// When rekeying begins; nil means never.
    package var rekey: UInt64?
    /// When the SA ends; nil means never.
    package var hard: UInt64?
    /// At most this is taken off `rekey`, by chance.
    package var jitter: UInt64

    /// A limit of these three.
    package init(rekey: UInt64? = nil, hard: UInt64? = nil, jitter: UInt64 = 0) {
        self.rekey = rekey
        self.hard = hard
        self.jitter = jitter
    }

    /// No limit.
    package static let none = VolumeLimit()
}

/// One side of a configured traffic selector.
package enum ConfiguredSelector: Hashable, Sendable, CustomStringConvertible {
    /// These packets.
    case fixed(TrafficSelector)
    /// `dynamic`: the address of that end of the IKE_SA, with this protocol and these ports.
    case dynamic(ipProtocol: UInt8, ports: PortSelector)

    package var description: String {
        switch self {
        case .fixed(let selector): return selector.description
        case .dynamic: return "dynamic"
        }
    }
}

/// Tunnel or transport mode (RFC 4301 §4.1).
package enum IPsecMode: String, Hashable, Sendable {
    /// The whole inner packet is carried.
    case tunnel
}

/// What is done for a CHILD_SA without a request of the peer (swanctl's `start_action` and others).
package enum ChildAction: String, Hashable, Sendable {
    /// Nothing: wait for the peer.
    case none
    /// Set it up when a packet wants to go through it; until then packets wait or are dropped.
    case trap
    /// Set it up at once, and again whenever it does not stand.
    case start
}

/// A CHILD_SA that a connection allows (swanctl's `children` section).
package struct ChildConfiguration: Hashable, Sendable {
    /// Its name within the connection.
    package var name: String
    /// What we accept, the preferred first.
    package var proposals: [Proposal]
    /// Our side's packets.
    package var localSelectors: [ConfiguredSelector]
    /// The peer's side's packets.
    package var remoteSelectors: [ConfiguredSelector]
    /// Tunnel mode.
    package var mode: IPsecMode = .tunnel
    /// Time until rekeying and end.
    package var lifetime: Lifetime
    /// Bytes until rekeying and end.
    package var bytes: VolumeLimit = .none
    /// Packets until rekeying and end.
    package var packets: VolumeLimit = .none
    /// Packets that the replay window spans; 0 switches it off.
    package var replayWindow: UInt32 = 1_024
    /// What is done for it without a request of the peer, and after an end that is nobody's wish.
    package var startAction = ChildAction.none
    /// What is done when the peer has deleted it; nil means the same as `startAction`.
    package var closeAction: ChildAction?
    /// What is done when the peer was found dead; nil means the same as `startAction`.
    package var livenessAction: ChildAction?
    /// The request ID of kernel policies; nil lets the engine choose one that stays for the CHILD_SA's life.
    package var reqid: UInt32?

    /// A child with strongSwan's default times: rekeying after an hour, end ten per cent later.
    package init(
        name: String, proposals: [Proposal], localSelectors: [ConfiguredSelector],
        remoteSelectors: [ConfiguredSelector],
        lifetime: Lifetime = Lifetime(rekey: .seconds(3_600), hard: .seconds(3_960), jitter: .seconds(360))
    ) {
        self.name = name
        self.proposals = proposals
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.lifetime = lifetime
    }

    /// True if packets wait while it does not stand: one of the actions begins it, or lets packets call for it.
    package var isHeldBack: Bool {
        [self.startAction, self.closeAction, self.livenessAction].contains { action in
            switch action {
            case nil, ChildAction.none?: false
            case .trap?, .start?: true
            }
        }
    }
}

/// A peer, or a group of peers, that may set up IKE_SAs with us (swanctl's `connections` section).
package struct ConnectionConfiguration: Hashable, Sendable {
    /// Its name.
    package var name: String
    /// Our addresses that it is for.
    package var localAddresses: [AddressPattern] = [.any]
    /// Addresses that the peer may come from.
    package var remoteAddresses: [AddressPattern] = [.any]
    /// What we accept for the IKE_SA, the preferred first.
    package var proposals: [Proposal]
    /// Who we say we are; nil means our address.
    package var localIdentity: Identity?
    /// Who the peer may be.
    package var remoteIdentity: IdentityPattern = .any
    /// Always encapsulate ESP in UDP (swanctl's `encap`).
    package var forcesEncapsulation = false
    /// Follow changes of addresses by MOBIKE (RFC 4555), if the peer does too.
    package var mobike = true
    /// Silence of the peer after which we ask whether it lives (RFC 7296 §2.4); nil means never.
    package var livenessDelay: Duration?
    /// What happens to an older IKE_SA of the same peer.
    package var uniqueness: UniquenessPolicy = .no
    /// Time until rekeying and end of the IKE_SA.
    package var lifetime = Lifetime(rekey: .seconds(14_400), hard: .seconds(15_840), jitter: .seconds(1_440))
    /// Time until the peer is authenticated anew, and until the IKE_SA ends if that fails, both from IKE_AUTH on.
    package var reauthentication = Lifetime(rekey: nil, hard: nil, jitter: .zero)
    /// Try a rekeying soon after a first CHILD_SA stands, to learn whether both sides can do it.
    package var verifiesRekeying = false
    /// Accept and send fragmented messages (RFC 7383).
    package var fragmentation = true
    /// The largest IP packet that carries a fragment of an IKE message.
    package var fragmentSize = 1_280
    /// The CHILD_SAs that it allows.
    package var children: [ChildConfiguration]

    /// A connection for any peer at any address.
    package init(name: String, proposals: [Proposal], children: [ChildConfiguration]) {
        self.name = name
        self.proposals = proposals
        self.children = children
    }
}

/// A pre-shared key and those who share it (swanctl's `secrets.ike` section).
package struct SharedSecret: Sendable {
    /// The name of its section.
    package let name: String
    /// The identities that share it; none means anybody.
    package let owners: [IdentityPattern]
    /// The key.
    package let key: SecretBytes

    /// The key of `owners`.
    package init(name: String, owners: [IdentityPattern], key: SecretBytes) {
        self.name = name
        self.owners = owners
        self.key = key
    }
}

/// Which engine carries ESP.
package enum DataPlaneChoice: String, Hashable, Sendable, CaseIterable {
    /// The kernel if it has ESP, else user space.
    case auto
    /// XFRM states in the kernel.
    case kernel
    /// Culvert's own engine over TUN.
    case userspace
}

/// All that a configuration file says, checked.
package struct GatewayConfiguration: Sendable {
    /// Which engine carries ESP.
    package var dataPlane: DataPlaneChoice = .auto
    /// What peers can make us hold.
    package var limits = IKELimits()
    /// The peers, in the file's order.
    package var connections: [ConnectionConfiguration] = []
    /// The pre-shared keys, in the file's order.
    package var secrets: [SharedSecret] = []
    /// Silence after which a keepalive is due when we are behind a NAT (RFC 3948 §4); nil means never.
    package var keepaliveInterval: Duration? = .seconds(20)
    /// Make and take tokens that prove a crash (RFC 6290).
    package var detectsCrashes = true

    /// An empty configuration: nobody may connect.
    package init() {}
}
