package import IKEWire
package import IPsecModel

/// Why an IKE_SA that we began does not stand.
package enum InitiationFault: Error, Hashable, Sendable {
    /// There is no address to begin with; the sentence says why.
    case noAddress(String)
    /// The peer did not answer.
    case noAnswer
    /// The peer refused, with this notify; what we offered.
    case refused(NotifyType, offered: [String])
    /// The peer's answer makes no sense to us: these words say what it has.
    case unusableAnswer(String)
    /// The peer is somebody else than `expected`.
    case wrongIdentity(Identity, expected: String)
    /// There is no pre-shared key for this peer.
    case noSecret(Identity)
    /// The peer's AUTH was made with another key than ours.
    case wrongSecret(Identity)
    /// Something of ours failed; another event says what.
    case ownFault
    /// It was ended before it stood.
    case ended(EndReason)

    /// True if the peer must be told, since it believes that the IKE_SA stands.
    var isOurRefusal: Bool {
        switch self {
        case .unusableAnswer, .wrongIdentity, .noSecret, .wrongSecret, .ownFault: return true
        case .noAddress, .noAnswer, .refused, .ended: return false
        }
    }
}
