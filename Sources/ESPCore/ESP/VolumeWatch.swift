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
    /// The last sequence number that there is.
    let lastSequenceNumber: UInt64
    private let rekeyAt: UInt64
    private var reported: Due?

    /// A watch over these limits and over the sequence numbers (RFC 4303 §3.3.3), of which a move may have skipped some.
    package init(bytes: VolumeLimit, packets: VolumeLimit, isExtended: Bool) {
        let numbers = isExtended ? SequenceNumbers.extended : .short
        self.lastSequenceNumber = numbers.last
        self.rekeyAt = numbers.rekeyAt
        self.soft = Threshold(bytes: bytes.rekey, packets: packets.rekey)
        self.hard = Threshold(bytes: bytes.hard, packets: packets.hard)
    }

    /// What is due and was not said before.
    package mutating func check(_ counters: SACounters) -> Due? {
        let isSpent = self.isSpent(counters)
        guard isSpent || self.soft.isReached(counters, self.rekeyAt) else { return nil }
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
