import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// A state of an IKE_SA, on one of two gateways that reached it by themselves. What may be said of it is written down here, and
/// not asked of the engine.
enum Situation: String, CaseIterable, Sendable {
    // Before the peer is authenticated.
    case halfOpen
    case authenticatingWhileKernelWorks
    case refused
    case waitingForFirstSPI
    case awaitingAuthentication
    /// An operator has ended the attempt.
    case unwanted
    /// The peer has been told that it is not the right one.
    case refusing
    case installingFirstChild
    // Nothing is under way.
    case idle
    // A request of ours is under way.
    case probing
    case askingForChild
    case rekeyingChild
    case rekeyingIKESA
    case deletingChild
    case closing
    /// Our token, on new keys (RFC 6290 §4.3).
    case presentingToken
    /// UPDATE_SA_ADDRESSES, which only who began the IKE_SA sends (RFC 4555 §3.5).
    case updatingAddresses
    /// COOKIE2, to see whether the peer is where it says (RFC 4555 §3.7).
    case checkingAddress
    /// Our addresses, of which the peer is to choose (RFC 4555 §3.6).
    case announcingAddresses
    // States of CHILD_SAs.
    case retiring
    case rekeyed
    case redundant
    // The data plane works.
    case answeringWhileKernelLooksForSPI
    case answeringWhileKernelInstalls
    case waitingForSPI
    case installing
    case moving
    // Several IKE_SAs of one peer.
    case standby
    case superseded
    /// The peer has deleted it, and may not have our answer.
    case deletedByPeer
    // A authenticates B anew (RFC 7296 §2.8.3).
    /// The old one, while the new one is being made; for B, that stands already and leaves the sending to the old one.
    case reauthenticating
    /// The new one, which waits for the answer to IKE_AUTH.
    case authenticatingAnew
    /// The new one, whose CHILD_SA waits with sending until the old one goes.
    case inheriting
    /// The old one, which only receives until its DELETE is answered.
    case replaced

    /// What may be expected of situations alike.
    enum Family {
        case unauthenticated
        /// Whatever comes is too early, or another request is being worked on.
        case deaf
        case refused
        case firstChild
        case standing
        case rekeyingIKESA
        case standby
        case over
    }

    var family: Family {
        switch self {
        case .halfOpen: .unauthenticated
        case .authenticatingWhileKernelWorks, .waitingForFirstSPI, .awaitingAuthentication, .unwanted,
            .answeringWhileKernelLooksForSPI, .answeringWhileKernelInstalls, .authenticatingAnew:
            .deaf
        case .refused, .refusing: .refused
        case .installingFirstChild: .firstChild
        case .idle, .probing, .askingForChild, .rekeyingChild, .deletingChild, .retiring, .rekeyed,
            .redundant,
            .waitingForSPI, .installing, .moving, .presentingToken, .updatingAddresses, .checkingAddress,
            .announcingAddresses, .reauthenticating, .inheriting:
            .standing
        case .rekeyingIKESA: .rekeyingIKESA
        case .standby: .standby
        case .closing, .superseded, .deletedByPeer, .replaced: .over
        }
    }

    /// The exchange of our request that waits for an answer.
    var asks: ExchangeType? {
        switch self {
        case .awaitingAuthentication, .unwanted, .authenticatingAnew: .ikeAuth
        case .askingForChild, .rekeyingChild, .rekeyingIKESA: .createChildSA
        case .probing, .deletingChild, .closing, .retiring, .redundant, .refusing, .presentingToken,
            .updatingAddresses, .checkingAddress, .announcingAddresses, .replaced:
            .informational
        case .halfOpen, .authenticatingWhileKernelWorks, .refused, .waitingForFirstSPI, .installingFirstChild,
            .idle, .rekeyed, .answeringWhileKernelLooksForSPI, .answeringWhileKernelInstalls,
            .waitingForSPI, .installing, .moving, .standby, .superseded, .deletedByPeer, .reauthenticating,
            .inheriting:
            nil
        }
    }

    /// True if a request of the peer is being worked on.
    var isWorking: Bool {
        [
            .authenticatingWhileKernelWorks, .answeringWhileKernelLooksForSPI, .answeringWhileKernelInstalls,
        ].contains(self)
    }

    /// True if the other side waits for the answer to a request of its own.
    var isAsked: Bool {
        self.isWorking
            || [.rekeyed, .redundant, .superseded, .standby, .deletedByPeer, .inheriting].contains(self)
    }

    /// The sides that can be in it: A is who begins.
    var sides: [Side] {
        let isOfResponder = [
            .halfOpen, .authenticatingWhileKernelWorks, .refused, .moving, .checkingAddress,
            .announcingAddresses, .inheriting,
        ].contains(self)
        if isOfResponder { return [.b] }
        let isOfInitiator = [
            .waitingForFirstSPI, .awaitingAuthentication, .unwanted, .refusing, .installingFirstChild,
            .updatingAddresses, .authenticatingAnew, .replaced,
        ].contains(self)
        return isOfInitiator ? [.a] : [.a, .b]
    }

    /// True if an answer of ours may be wanted again.
    func keepsAnswer(_ side: Side) -> Bool {
        if [.rekeyed, .redundant, .superseded, .refused, .deletedByPeer].contains(self) { return true }
        // New keys begin with new message IDs; else B has answered IKE_AUTH.
        let isNew = [.halfOpen, .authenticatingWhileKernelWorks, .standby, .presentingToken].contains(self)
        return side == .b && !isNew
    }

    /// CHILD_SAs that stand when it is over.
    var childrenInTheEnd: Int {
        if self == .askingForChild { return 2 }
        let endsIt = [.refused, .refusing, .unwanted, .deletingChild, .closing, .deletedByPeer].contains(self)
        return endsIt ? 0 : 1
    }

    enum Side: String, Sendable { case a, b }

    /// All situations with each side that can be in them.
    static let all: [Place] = Situation.allCases.flatMap { situation in
        situation.sides.map { Place(situation: situation, side: $0) }
    }
}

/// A situation on one side.
struct Place: Sendable, CustomTestStringConvertible {
    let situation: Situation
    let side: Situation.Side

    var testDescription: String { "\(self.situation.rawValue) on \(self.side.rawValue)" }
}
