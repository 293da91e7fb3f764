internal import IKEWire
internal import IPsecModel

/// One IKE_SA (RFC 7296 §1): several small machines, composed.
///
/// - `phase`: half-open or initiating, established, closing, gone;
/// - `answers`: the peer's request window with the kept answer;
/// - `requests`: our own request window;
/// - `children`: the CHILD_SAs, each with a state of its own;
/// - `liveness`, `keepalive`, `path`.
///
/// The machines decide; this class turns their actions into outputs. Each exchange has an extension in the
/// folder that its chapter of the RFC names.
final class IKESA {
    /// What is common to all IKE_SAs of the engine.
    let context: EngineContext
    /// The number in our logs.
    let uniqueID: UInt64
    /// The SPI of the original initiator.
    let initiatorSPI: IKESPI
    /// The SPI of the original responder.
    let responderSPI: IKESPI
    /// True if we began this IKE_SA, so that our SPI is `initiatorSPI` (RFC 7296 §3.1, flag I).
    let isOriginalInitiator: Bool
    /// Keys and ciphers.
    let keys: IKEKeys
    /// How an IKE_SA_INIT request is recognised as this one's again; nil after a rekey.
    let initialKey: IKESADirectory.InitialKey?

    /// Which connection it belongs to: a candidate while half-open, certain afterwards.
    var connection: ConnectionConfiguration
    /// Where it is in its life.
    var phase: Phase {
        didSet {
            if case .established = self.phase { self.wasEstablished = true }
            self.context.directory.phaseChanged(self, from: oldValue)
        }
    }
    /// True once the peer has been authenticated.
    private(set) var wasEstablished = false
    /// Where its packets go, and its CHILD_SAs' packets too.
    var path: Path
    /// When and why the path last changed; nil if it never did.
    @Boxed var lastPathChange: PathChange?
    /// How often the path changed.
    var pathChanges: UInt64 = 0
    /// A move that the data plane works on.
    @Boxed var pendingMove: PendingMove?
    /// What both sides may do about addresses, and what is under way.
    var mobility = Mobility()
    /// What it was rekeyed to, once that has taken over.
    weak var heir: IKESA?

    /// Seals and opens the Encrypted payload.
    var protection: MessageProtection
    /// Fragments of a message that is not complete.
    var fragments = FragmentBuffer()
    /// True if both sides can take fragments (RFC 7383 §2.3).
    var fragmentationAgreed: Bool

    /// The peer's requests.
    var answers: AnswerWindow
    /// Our requests.
    var requests: RequestWindow<OwnRequest>
    /// A request of the peer that waits for the data plane.
    @Boxed var pendingAnswer: PendingAnswer?
    /// A CHILD_SA that we ask for.
    @Boxed var requestedChild: RequestedChild?
    /// New keys that we ask for.
    @Boxed var requestedSuccessor: RequestedSuccessor? {
        didSet {
            self.context.directory.successorChanged(
                from: oldValue?.spi, to: self.requestedSuccessor?.spi)
        }
    }
    /// What we are to begin.
    var agenda = ExchangeAgenda()
    /// Until then nothing of it is begun.
    var agendaRestsUntil = Instant.origin
    /// CHILD_SAs that the peer does not want at the moment, and until when it is not asked again.
    var refusedChildren: [String: Instant] = [:]
    /// CHILD_SAs that ended, and why: the engine looks whether something is to be done about it.
    var endedChildren: [(name: String, reason: EndReason)] = []
    /// When the keys are to be renewed; nil means never, or that it has begun.
    var rekeyAt: Instant?
    /// When the peer is to be authenticated anew; nil means never, or that it has begun.
    var reauthenticateAt: Instant?
    /// Older IKE_SAs of the same peer, which end when this one's IKE_AUTH is answered: their policies must
    /// not go before ours stand, or packets would leave in clear.
    var replaced: [Replaced] = []
    /// True if it ends as soon as the peer answers our IKE_AUTH: nobody wants it any more.
    var isUnwanted = false
    /// Installations of an outbound half that the data plane works on, by request ID.
    var pendingActivations: [UInt64: ESPSPI] = [:]
    /// Checks whether the data plane still has a CHILD_SA, by request ID.
    var pendingChecks: [UInt64: ESPSPI] = [:]

    /// The CHILD_SAs, the oldest first.
    var children: [ChildSA] = []
    /// The peer's silence.
    var liveness: LivenessMachine
    /// The peer's ESP, as the data plane tells of it.
    var espWatch = ESPWatch()
    /// A question to the data plane when ESP last came.
    var pendingLook: UInt64?
    /// By what the peer proves that it has lost this IKE_SA (RFC 6290); nil if it cannot.
    var peerToken: QCDFingerprint?
    /// Our own silence.
    var keepalive: KeepaliveTimer

    /// An IKE_SA whose keys were just made.
    init(
        context: EngineContext, birth: Birth, connection: ConnectionConfiguration, phase: Phase, path: Path,
        now: Instant
    ) {
        self.context = context
        self.uniqueID = birth.uniqueID ?? context.makeUniqueID()
        self.initiatorSPI = birth.initiatorSPI
        self.responderSPI = birth.responderSPI
        self.isOriginalInitiator = birth.isOriginalInitiator
        self.keys = birth.keys
        self.initialKey = birth.initialKey
        self.fragmentationAgreed = birth.fragmentationAgreed
        self.connection = connection
        self.phase = phase
        self.path = path
        self.protection = MessageProtection(keys: birth.keys, isOriginalInitiator: birth.isOriginalInitiator)
        self.answers = AnswerWindow(expecting: birth.firstAnswerID)
        self.requests = RequestWindow(first: birth.firstRequestID, schedule: context.limits.retransmission)
        self.liveness = LivenessMachine(delay: connection.livenessDelay, now: now)
        self.keepalive = KeepaliveTimer(interval: context.configuration.keepaliveInterval, now: now)
    }

    /// Our SPI, by which packets find this IKE_SA.
    var localSPI: IKESPI { self.isOriginalInitiator ? self.initiatorSPI : self.responderSPI }

    /// Its name in logs.
    var label: IKESALabel {
        switch self.phase {
        case .halfOpen: return IKESALabel(connection: nil, uniqueID: self.uniqueID)
        case .initiating, .standby, .established, .closing, .gone:
            // A refused stranger is of no connection, whatever it said. Whom we call is of the one that we meant.
            let name = self.wasEstablished || self.isOriginalInitiator ? self.connection.name : nil
            return IKESALabel(connection: name, uniqueID: self.uniqueID)
        }
    }

    /// What an IKE_SA is made from.
    struct Birth {
        /// The number that it has in our logs already; nil for a new one.
        var uniqueID: UInt64?
        let initiatorSPI: IKESPI
        let responderSPI: IKESPI
        let isOriginalInitiator: Bool
        let keys: IKEKeys
        let initialKey: IKESADirectory.InitialKey?
        let fragmentationAgreed: Bool
        /// The message ID of the peer's first request on these keys.
        let firstAnswerID: UInt32
        /// The message ID of our first request.
        let firstRequestID: UInt32
    }

    /// Where an IKE_SA is in its life.
    ///
    ///     halfOpen --IKE_AUTH verified--> established --DELETE, rekeyed--> closing --> gone
    ///         \--IKE_AUTH refused--> closing        \--peer dead, DELETE answered--> gone
    ///          \--too late--> gone
    ///     initiating --IKE_AUTH verified--> established
    ///         \--refused, wanted no more, no answer--> gone (or closing, if the peer must be told)
    ///     standby --takes over from the old one--> established
    ///         \--redundant--> closing
    enum Phase {
        /// Keys exist, but nobody is authenticated.
        case halfOpen(HalfOpen)
        /// The same, and we began it.
        case initiating(Initiating)
        /// Its keys come from a rekeying, and it is not decided yet whether it takes over (RFC 7296 §2.8.2); it does not
        /// if nothing is heard until then.
        case standby(until: Instant)
        /// Both are authenticated.
        case established(Established)
        /// Over, but its last answer, or our DELETE, may have to be sent again until this moment.
        case closing(until: Instant)
        /// Nothing is left; the engine drops it.
        case gone
    }

    /// What an IKE_SA remembers until its IKE_AUTH.
    struct HalfOpen {
        /// The IKE_SA_INIT request in octets: AUTH covers it.
        let request: [UInt8]
        /// Our IKE_SA_INIT response in octets: AUTH covers it.
        let response: [UInt8]
        /// Ni.
        let initiatorNonce: [UInt8]
        /// Nr.
        let responderNonce: [UInt8]
        /// The proposals that the peer offered, to check another connection's against.
        let offered: [ProposalSubstructure]
        /// What the NAT detection found.
        let natFinding: NATDetection.Finding
        /// When the request came, which may be some time before the keys were made.
        let begunAt: Instant
        /// When it expires.
        let deadline: Instant
    }

    /// What an IKE_SA that we began remembers until its IKE_AUTH.
    struct Initiating {
        /// Our IKE_SA_INIT request in octets: our AUTH covers it.
        let request: [UInt8]
        /// The IKE_SA_INIT response in octets: the peer's AUTH covers it.
        let response: [UInt8]
        /// Ni.
        let initiatorNonce: [UInt8]
        /// Nr.
        let responderNonce: [UInt8]
        /// When the attempt began.
        let begunAt: Instant
    }

    /// What an IKE_SA knows after its IKE_AUTH.
    struct Established {
        /// Who the peer proved to be.
        let peerIdentity: Identity
        /// Who we said we are.
        let localIdentity: Identity
        /// When IKE_AUTH was done; rekeying does not change it.
        let establishedAt: Instant
        /// When these keys were made.
        let since: Instant
        /// When it ends if nobody rekeys it, or authenticates anew; nil means never.
        var expiresAt: Instant?
        /// How often the keys were renewed since IKE_AUTH.
        let rekeyCount: UInt64
    }

    /// A change of the path, for `culvert sa show`: of the peer's end, or else of ours.
    struct PathChange: Hashable {
        let at: Instant
        let from: Endpoint
        let to: Endpoint
        let evidence: PathEvidence
    }

    /// An older IKE_SA of the same peer.
    struct Replaced {
        let ikeSA: IKESA
        /// False if the peer has forgotten it: a DELETE would only confuse it.
        let tellsPeer: Bool
    }

    /// A request of our own.
    enum OwnRequest: Hashable {
        /// An empty INFORMATIONAL (RFC 7296 §2.4).
        case liveness
        /// DELETE of the IKE_SA.
        case deleteIKESA
        /// DELETE of CHILD_SAs, by their inbound SPIs.
        case deleteChildren([ESPSPI])
        /// IKE_AUTH.
        case authenticate
        /// CREATE_CHILD_SA for a CHILD_SA.
        case createChild
        /// CREATE_CHILD_SA for new keys of the IKE_SA.
        case rekeyIKESA
        /// Our token of this IKE_SA (RFC 6290 §4.3).
        case presentToken
        /// An error notify and DELETE of the IKE_SA: the peer believes that it stands (RFC 7296 §2.21.2).
        case refuse(NotifyType)
        /// UPDATE_SA_ADDRESSES (RFC 4555 §3.5).
        case updateAddresses
        /// COOKIE2, to see whether the peer is at its new address (RFC 4555 §3.7).
        case checkAddress
        /// The list of our further addresses, from where we are now (RFC 4555 §3.6).
        case announceAddresses

        /// The exchange that it begins.
        var exchange: ExchangeType {
            switch self {
            case .authenticate: return .ikeAuth
            case .createChild, .rekeyIKESA: return .createChildSA
            case .liveness, .deleteIKESA, .deleteChildren, .presentToken, .refuse, .updateAddresses,
                .checkAddress,
                .announceAddresses:
                return .informational
            }
        }
    }
}

extension IKESA {
    /// What is known since IKE_AUTH, if that has been.
    var established: Established? {
        guard case .established(let established) = self.phase else { return nil }
        return established
    }

    /// True if nothing is left of it.
    var isGone: Bool {
        guard case .gone = self.phase else { return false }
        return true
    }
}
