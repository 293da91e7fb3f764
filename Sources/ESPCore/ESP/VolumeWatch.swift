package import IPsecModel

/// Notices that an SA has carried as much as it may (RFC 7296 §2.8): once that it is time to rekey, once that it ends.
package struct VolumeWatch: Sendable {
    /// What is due.
    package enum Due: Hashable, Sendable {
        /// Time for a successor.
        case soft
        /// It may carry nothing more.
        case hard
    }

    /// Numbers from which on something is due; `.max` means never.
    private struct Threshold {
        let bytes: UInt64
        let packets: UInt64

        init(bytes: UInt64?, packets: UInt64?) {
            self.bytes = bytes ?? .max
            self.packets = packets ?? .max
        }

        @inline(__always) func isReached(_ counters: SACounters, _ sequenceNumber: UInt64) -> Bool {
            counters.bytes >= self.bytes || counters.packets >= self.packets
                || counters.sequenceNumber >= sequenceNumber
        }
    }

    private let soft: Threshold
    private let hard: Threshold
    private let isExtended: Bool
    private var reported: Due?

    /// The last sequence number that there is.
    var lastSequenceNumber: UInt64 { self.isExtended ? .max : 0xffff_ffff }

    /// A watch over these limits and over the sequence numbers (RFC 4303 §3.3.3): the last eighth of them is left for
    /// the rekeying.
    package init(bytes: VolumeLimit, packets: VolumeLimit, isExtended: Bool) {
        self.isExtended = isExtended
        self.soft = Threshold(bytes: bytes.rekey, packets: packets.rekey)
        self.hard = Threshold(bytes: bytes.hard, packets: packets.hard)
    }

    /// What is due and was not said before.
    package mutating func check(_ counters: SACounters) -> Due? {
        let last = self.lastSequenceNumber
        let isSpent = self.hard.isReached(counters, last)
        guard isSpent || self.soft.isReached(counters, last - last / 8) else { return nil }
        let due: Due = isSpent ? .hard : .soft
        guard due != self.reported, self.reported != .hard else { return nil }
        self.reported = due
        return due
    }

    /// True if an SA with these counters may carry nothing more, whether that was reported already or not.
    @inline(__always) package func isSpent(_ counters: SACounters) -> Bool {
        self.hard.isReached(counters, self.lastSequenceNumber)
    }
}
