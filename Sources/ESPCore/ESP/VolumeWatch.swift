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

    /// Three numbers from which on something is due; `.max` means never.
    private struct Threshold {
        let bytes: UInt64
        let packets: UInt64
        let sequenceNumber: UInt64

        @inline(__always) func isReached(_ counters: SACounters) -> Bool {
            counters.bytes >= self.bytes || counters.packets >= self.packets
                || counters.sequenceNumber >= self.sequenceNumber
        }
    }

    private let soft: Threshold
    private let hard: Threshold
    private var reported: Due?

    /// A watch over these limits and over the sequence numbers (RFC 4303 §3.3.3): the last eighth of them is left for
    /// the rekeying.
    package init(bytes: VolumeLimit, packets: VolumeLimit, isExtended: Bool) {
        let last: UInt64 = isExtended ? .max : 0xffff_ffff
        self.soft = Threshold(
            bytes: bytes.rekey ?? .max, packets: packets.rekey ?? .max, sequenceNumber: last - last / 8)
        self.hard = Threshold(
            bytes: bytes.hard ?? .max, packets: packets.hard ?? .max, sequenceNumber: last)
    }

    /// What is due and was not said before.
    package mutating func check(_ counters: SACounters) -> Due? {
        guard self.soft.isReached(counters) || self.hard.isReached(counters) else { return nil }
        let due: Due = self.hard.isReached(counters) ? .hard : .soft
        guard due != self.reported, self.reported != .hard else { return nil }
        self.reported = due
        return due
    }

    /// True if an SA with these counters may carry nothing more, whether that was reported already or not.
    @inline(__always) package func isSpent(_ counters: SACounters) -> Bool { self.hard.isReached(counters) }
}
