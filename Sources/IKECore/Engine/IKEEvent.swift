package import IKEWire
package import IPsecModel

/// Names an IKE_SA in logs and commands, such as `site-a[3]`.
package struct IKESALabel: Hashable, Sendable, CustomStringConvertible {
    /// The connection, once it is known which one it is.
    package let connection: String?
    /// A number that no other IKE_SA of this process had.
    package let uniqueID: UInt64

    /// The label of one IKE_SA.
    package init(connection: String?, uniqueID: UInt64) {
        self.connection = connection
        self.uniqueID = uniqueID
    }

    package var description: String { "\(self.connection ?? "")[\(self.uniqueID)]" }
}

/// A negotiation that found nothing in common: both offers, side by side.
package struct Mismatch: Hashable, Sendable {
    /// What did not match.
    package enum Subject: String, Hashable, Sendable {
        case ikeProposal = "IKE proposal"
        case espProposal = "ESP proposal"
        case trafficSelectors = "traffic selectors"
        case identity = "identity"
        case secret = "pre-shared key"
        case address = "address"
        case authenticationMethod = "authentication method"
    }

    /// What did not match.
    package let subject: Subject
    /// What our configuration has.
    package let ours: [String]
    /// What the peer sent.
    package let theirs: [String]
    /// The line of configuration that would cure it, or what else would; may be empty.
    package let cure: String

    /// A mismatch of `subject`.
    package init(_ subject: Subject, ours: [String], theirs: [String], cure: String = "") {
        self.subject = subject
        self.ours = ours
        self.theirs = theirs
        self.cure = cure
    }
}

/// Why an SA ended.
package enum EndReason: Hashable, Sendable {
    /// The peer deleted it.
    case deletedByPeer
    /// An operator asked for it.
    case terminated
    /// It was replaced by rekeying.
    case rekeyed
    /// Its lifetime ended.
    case expired
    /// The peer did not answer.
    case peerDead
    /// The peer has crashed and started anew, as its token proves (RFC 6290).
    case lostByPeer
    /// The peer came back without knowing it (INITIAL_CONTACT), or a newer IKE_SA replaced it.
    case replaced
    /// The connection is no longer configured, or configured differently.
    case configurationChanged
    /// The peer could not be authenticated, or broke the protocol.
    case failed(NotifyType)
    /// The data plane does not have it any more.
    case lostByDataPlane
    /// It was begun for a CHILD_SA that is no more.
    case childless
    /// The peer does not have it any more.
    case unknownToPeer
    /// Our address is gone, and the peer does not follow us to another.
    case addressLost
    /// The peer's answer had another COOKIE2 than our request (RFC 4555 §3.7).
    case wrongCookie

    /// What `child` asks for after this end; nil if it is an operator's wish, or something else stands in its place.
    func action(for child: ChildConfiguration) -> ChildAction? {
        switch self {
        case .deletedByPeer: return child.closeAction ?? child.startAction
        case .peerDead, .lostByPeer: return child.livenessAction ?? child.startAction
        case .terminated, .rekeyed, .replaced, .configurationChanged: return nil
        case .expired, .failed, .lostByDataPlane, .childless, .unknownToPeer, .addressLost, .wrongCookie:
            return child.startAction
        }
    }

    /// A few words for a log line.
    package var text: String {
        switch self {
        case .deletedByPeer: return "deleted by the peer"
        case .terminated: return "terminated"
        case .rekeyed: return "replaced by rekeying"
        case .expired: return "lifetime over"
        case .peerDead: return "the peer does not answer"
        case .lostByPeer: return "the peer has started anew and lost it"
        case .replaced: return "replaced by a newer IKE_SA of the same peer"
        case .configurationChanged: return "its configuration changed"
        case .failed(let notify): return notify.name
        case .lostByDataPlane: return "lost by the data plane"
        case .childless: return "the CHILD_SA that it was begun for has ended"
        case .unknownToPeer: return "the peer does not have it any more"
        case .addressLost: return "our address is gone, and the peer does not speak MOBIKE"
        case .wrongCookie: return "the peer's answer has another COOKIE2 than our request"
        }
    }
}

/// What happened, for logs and listeners. None of it holds key material.
package enum IKEEvent: Sendable {
    /// An IKE_SA stands.
    case ikeSAEstablished(IKESALabel, peer: Identity, path: Path, suite: IKESuite)
    /// We begin an IKE_SA.
    case initiating(IKESALabel, local: Endpoint, remote: Endpoint)
    /// We begin an IKE_SA in place of another, to authenticate the peer anew.
    case reauthenticating(IKESALabel, by: IKESALabel, peer: Endpoint)
    /// An IKE_SA that we began does not stand, or there was nothing to begin with.
    case initiationFailed(IKESALabel, peer: Endpoint?, InitiationFault)
    /// An IKE_SA goes on under new keys and a new label.
    case ikeSARekeyed(IKESALabel, successor: IKESALabel, suite: IKESuite)
    /// An IKE_SA is gone.
    case ikeSAEnded(IKESALabel, EndReason)
    /// A CHILD_SA carries traffic; `replacing` is the inbound SPI of the one that it succeeds.
    case childSAInstalled(IKESALabel, child: String, ChildSASpec, replacing: ESPSPI?)
    /// A CHILD_SA is gone.
    case childSAEnded(IKESALabel, child: String, inboundSPI: ESPSPI, EndReason)
    /// IKE and all CHILD_SAs use another path now.
    case pathChanged(IKESALabel, from: Path, to: Path)
    /// A negotiation ended with a notify of ours, because nothing matched.
    case mismatch(IKESALabel?, peer: Endpoint, exchange: ExchangeType, NotifyType, Mismatch)
    /// The peer's AUTH was wrong.
    case authenticationFailed(IKESALabel, peer: Endpoint, identity: Identity)
    /// The peer and we differ about perfect forward secrecy, but the tunnel stays.
    case pfsDiffers(IKESALabel, child: String, ours: [KeyExchangeMethod], theirs: KeyExchangeMethod?)
    /// A first rekeying showed that both sides can do it.
    case rekeyingVerified(IKESALabel, child: String)
    /// The peer refused to rekey a CHILD_SA, or the IKE_SA, or to make another CHILD_SA; what there is stays. True if it
    /// was only on trial.
    case rekeyingRefused(IKESALabel, child: String?, NotifyType, isVerification: Bool, Mismatch)
    /// The peer cannot do at the moment what we ask for in CREATE_CHILD_SA; we ask again soon.
    case rekeyingPostponed(IKESALabel, child: String?)
    /// The peer's answer to such a request is of no use.
    case requestFailed(IKESALabel, child: String?, InitiationFault)
    /// The peer sent an error notify that says why it is not content.
    case peerReported(IKESALabel, NotifyType)
    /// The data plane could not do something.
    case dataPlaneFailed(IKESALabel, KernelFault)
    /// The crypto library could not do something.
    case cryptoFailed(IKESALabel?, CryptoFault)
    /// A request of ours was sent again.
    case retransmitted(IKESALabel, ExchangeType, transmission: Int)
    /// We are at a limit of `IKELimits`.
    case limitReached(String, peer: Endpoint)
    /// A state that cannot be, yet is: the IKE_SA is dropped.
    case defect(IKESALabel?, String)
}
