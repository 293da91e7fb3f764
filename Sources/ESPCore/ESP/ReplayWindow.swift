/// The anti-replay window of one inbound SA (RFC 4303 §3.4.3), as a ring of words (RFC 6479).
///
/// It is asked twice for each packet: `judge` before the ICV is checked, `mark` after it was found good. So a packet
/// that nobody sealed never moves the window.
package struct ReplayWindow: ~Copyable {
    /// What is known of a sequence number.
    package enum Verdict: Hashable, Sendable {
        /// It was not seen yet.
        case fresh
        /// It was seen.
        case replayed
        /// It lies before the window: nobody can tell any more.
        case late
    }

    /// The highest sequence number that was marked; 0 before the first.
    package private(set) var highest: UInt64 = 0
    /// Packets that the window spans; 0 means that nothing is refused.
    private var size: UInt64 { UInt64(self.width) }
    private let width: UInt32
    private let isExtended: Bool
    /// One bit for each number, in a ring that is at least one word longer than the window, so that the words which
    /// the window enters can be cleared as a whole.
    private var words: [UInt64]
    private var mask: Int { self.words.count - 1 }

    /// The window that finds the high half of extended numbers when nothing is to be refused.
    private static let assumedSize: UInt64 = 1_024
    /// Wider windows cost memory and clearing, and help nobody.
    package static let largestSize: UInt32 = 1 << 16

    /// A window of `size` packets; `isExtended` for sequence numbers of 64 bits (RFC 4304).
    package init(size: UInt32, isExtended: Bool) {
        self.width = min(size, Self.largestSize)
        self.isExtended = isExtended
        var count = 1
        while UInt64(count) * 64 < UInt64(self.width) + 64 { count *= 2 }
        self.words = [UInt64](repeating: 0, count: size == 0 ? 1 : count)
    }

    /// The whole sequence number of a packet that carries the low half of it (RFC 4303 Appendix A2.2), nil if there
    /// is none: before the first number, or beyond the last.
    package func sequenceNumber(low: UInt32) -> UInt64? {
        guard self.isExtended else { return low == 0 ? nil : UInt64(low) }
        let width = self.size == 0 ? Self.assumedSize : self.size
        let top = self.highest
        let (topHigh, topLow) = (top >> 32, top & 0xffff_ffff)
        let bottomLow = UInt32(truncatingIfNeeded: topLow &- (width &- 1))
        let high: UInt64
        if topLow >= width &- 1 {
            high = low >= bottomLow ? topHigh : topHigh &+ 1
        } else {
            // The window reaches back into the numbers with the high half before this one.
            guard low < bottomLow || topHigh > 0 else { return nil }
            high = low >= bottomLow ? topHigh &- 1 : topHigh
        }
        guard high <= 0xffff_ffff else { return nil }
        let number = high << 32 | UInt64(low)
        return number == 0 ? nil : number
    }

    /// What is known of `number`, which `sequenceNumber` gave.
    package func judge(_ number: UInt64) -> Verdict {
        guard self.size > 0, number <= self.highest else { return .fresh }
        guard self.highest &- number < self.size else { return .late }
        let bit = UInt64(1) << (number & 63)
        return self.words[self.index(number)] & bit == 0 ? .fresh : .replayed
    }

    /// The packet with `number` has a good ICV.
    package mutating func mark(_ number: UInt64) {
        if number > self.highest { self.advance(to: number) }
        guard self.size > 0 else { return }
        self.words[self.index(number)] |= UInt64(1) << (number & 63)
    }

    private mutating func advance(to number: UInt64) {
        if self.size > 0 {
            // Words between the old top and the new one belong to numbers that were not seen.
            let entered = min((number >> 6) &- (self.highest >> 6), UInt64(self.words.count))
            var word = self.highest >> 6
            for _ in 0..<Int(entered) {
                word &+= 1
                self.words[Int(truncatingIfNeeded: word) & self.mask] = 0
            }
        }
        self.highest = number
    }

    private func index(_ number: UInt64) -> Int { Int(truncatingIfNeeded: number >> 6) & self.mask }
}
