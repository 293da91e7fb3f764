internal import IKEWire
internal import IPsecModel

/// What a peer asked for that cannot be, and the notify that says so (RFC 7296 §2.21, §3.10.1).
///
/// This is the only table from faults to notifies.
enum PeerFault: Error, Hashable {
    /// A payload is missing, malformed, or does not belong there.
    case invalidSyntax
    /// An unknown payload has its critical bit set.
    case unsupportedCriticalPayload(PayloadType)
    /// No proposal has a counterpart in our configuration.
    case noProposalChosen
    /// The KE payload is not of the group that we choose.
    case invalidKEPayload(wanted: KeyExchangeMethod)
    /// No traffic selectors are in common.
    case tsUnacceptable
    /// No further CHILD_SA fits.
    case noAdditionalSAs
    /// Not now: something else is going on (RFC 7296 §2.25).
    case temporaryFailure
    /// The CHILD_SA to be rekeyed does not exist.
    case childSANotFound(ESPSPI)
    /// Not the peer that it says it is, or not one that may connect.
    case authenticationFailed
    /// A NAT has changed addresses, which the peer does not want (RFC 4555 §3.9).
    case unexpectedNATDetected

    /// The notify to answer with.
    var notify: NotifyPayload {
        switch self {
        case .invalidSyntax: return NotifyPayload(.invalidSyntax)
        case .unsupportedCriticalPayload(let type):
            return NotifyPayload(.unsupportedCriticalPayload, data: [type.rawValue])
        case .noProposalChosen: return NotifyPayload(.noProposalChosen)
        case .invalidKEPayload(let wanted):
            let number = wanted.rawValue
            return NotifyPayload(
                .invalidKEPayload, data: [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)])
        case .tsUnacceptable: return NotifyPayload(.tsUnacceptable)
        case .noAdditionalSAs: return NotifyPayload(.noAdditionalSAs)
        case .temporaryFailure: return NotifyPayload(.temporaryFailure)
        case .childSANotFound(let spi):
            return NotifyPayload(protocolID: .esp, spi: spi.bytes, type: .childSANotFound)
        case .authenticationFailed: return NotifyPayload(.authenticationFailed)
        case .unexpectedNATDetected: return NotifyPayload(.unexpectedNATDetected)
        }
    }

    /// True if the IKE_SA ends with the answer (RFC 7296 §2.21.2, §2.21.3).
    var isFatal: Bool {
        switch self {
        case .invalidSyntax, .authenticationFailed, .unexpectedNATDetected: return true
        case .unsupportedCriticalPayload, .noProposalChosen, .invalidKEPayload, .tsUnacceptable,
            .noAdditionalSAs, .temporaryFailure, .childSANotFound:
            return false
        }
    }
}
