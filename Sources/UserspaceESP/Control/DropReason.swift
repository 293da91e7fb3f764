internal import ESPCore
internal import Synchronization

/// Why a packet went no further. What belongs to one SA is counted there as well.
package enum DropReason: Int, Hashable, Sendable, CaseIterable {
    /// From inside: no policy is for it.
    case noPolicy
    /// From inside: its policy has no SA that sends. It never leaves in clear.
    case noSA
    /// From inside: its SA has no sequence numbers left, or has carried all that it may.
    case spentSA
    /// From inside: it is no IP packet, or its offload header does not fit it.
    case badInnerPacket
    /// From inside: too big for the tunnel, and its sender was told.
    case tooBig
    /// From inside: the cipher failed.
    case cipherFailed
    /// To the peer: the kernel did not send it.
    case notSent
    /// From outside: a datagram that is neither IKE nor ESP.
    case runt
    /// From outside: longer than there was room for.
    case truncated
    /// From outside: an IKE message that the control thread has no room for.
    case ikeQueueFull
    /// From outside: no SA has this SPI.
    case unknownSPI
    /// From outside: too short for its SA, or its text makes no sense.
    case malformedESP
    /// From outside: too old for the replay window.
    case late
    /// From outside: seen before.
    case replayed
    /// From outside: nobody who has the SA's keys has sealed it.
    case wrongICV
    /// From outside: its traffic selectors do not admit it (RFC 4301 §5.2).
    case outsideSelectors
    /// From outside: congestion that its sender could not be told of (RFC 6040 §4.2).
    case congested
    /// To the inside: the TUN device did not take it.
    case notDelivered

    /// The word in `culvert status --json`.
    package var name: String {
        switch self {
        case .noPolicy: return "no_policy"
        case .noSA: return "no_sa"
        case .spentSA: return "spent_sa"
        case .badInnerPacket: return "bad_inner_packet"
        case .tooBig: return "too_big"
        case .cipherFailed: return "cipher_failed"
        case .notSent: return "not_sent"
        case .runt: return "runt"
        case .truncated: return "truncated"
        case .ikeQueueFull: return "ike_queue_full"
        case .unknownSPI: return "unknown_spi"
        case .malformedESP: return "malformed_esp"
        case .late: return "late"
        case .replayed: return "replayed"
        case .wrongICV: return "wrong_icv"
        case .outsideSelectors: return "outside_selectors"
        case .congested: return "congested"
        case .notDelivered: return "not_delivered"
        }
    }

    /// The reason of a refusal.
    init(_ refusal: InboundSA.Refusal) {
        switch refusal {
        case .tooShort, .malformed: self = .malformedESP
        case .late: self = .late
        case .replayed: self = .replayed
        case .wrongICV: self = .wrongICV
        case .outsideSelectors: self = .outsideSelectors
        case .congested: self = .congested
        case .spent: self = .spentSA
        }
    }
}

/// How many packets each reason has stopped; any thread counts, any thread reads.
package final class DropCounters: Sendable {
    private final class Cell: Sendable {
        let count = Atomic<UInt64>(0)
    }

    /// By the reason's number.
    private let cells = DropReason.allCases.map { _ in Cell() }

    /// All counters at zero.
    package init() {}

    func count(_ reason: DropReason) {
        self.cells[reason.rawValue].count.add(1, ordering: .relaxed)
    }

    /// All that are not zero.
    package var snapshot: [DropReason: UInt64] {
        var counts: [DropReason: UInt64] = [:]
        for reason in DropReason.allCases {
            let count = self.cells[reason.rawValue].count.load(ordering: .relaxed)
            if count > 0 { counts[reason] = count }
        }
        return counts
    }
}
