import ESPCore
import IPsecModel
import Testing

/// RFC 4303 §3.4.3 and Appendix A, RFC 6479.
@Suite struct ReplayWindowTests {
    /// Numbers that come in this order, and what is to be said of each; all that is fresh is marked.
    struct Sequence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let size: UInt32
        let steps: [(number: UInt64, verdict: ReplayWindow.Verdict)]
    }

    @Test(arguments: [
        Sequence(
            testDescription: "in order", size: 32,
            steps: [(1, .fresh), (2, .fresh), (3, .fresh), (2, .replayed)]),
        Sequence(
            testDescription: "the edge of 32", size: 32,
            steps: [
                (40, .fresh), (9, .fresh), (8, .late), (9, .replayed), (41, .fresh), (9, .late),
                (10, .fresh),
            ]),
        Sequence(
            testDescription: "the edge of 64", size: 64,
            steps: [(64, .fresh), (1, .fresh), (65, .fresh), (1, .late), (2, .fresh), (2, .replayed)]),
        Sequence(
            testDescription: "a window of one", size: 1,
            steps: [(5, .fresh), (5, .replayed), (4, .late), (6, .fresh), (5, .late), (6, .replayed)]),
        Sequence(
            testDescription: "no window", size: 0,
            steps: [(5, .fresh), (5, .fresh), (1, .fresh), (1 << 31, .fresh), (1, .fresh)]),
        Sequence(
            testDescription: "a jump that empties the ring", size: 64,
            steps: [
                (1, .fresh), (2, .fresh), (64, .fresh), (1_000_000, .fresh), (64, .late),
                (999_937, .fresh), (999_936, .late), (999_999, .fresh), (1_000_000, .replayed),
            ]),
        Sequence(
            testDescription: "a jump of exactly the ring, whose words come again", size: 64,
            steps: [(10, .fresh), (138, .fresh), (137, .fresh), (75, .fresh), (74, .late), (138, .replayed)]),
        Sequence(
            testDescription: "the last short number", size: 32,
            steps: [
                (0xffff_fffe, .fresh), (0xffff_ffff, .fresh), (0xffff_fffe, .replayed), (0xffff_ffe0, .fresh),
                (0xffff_ffdf, .late),
            ]),
    ])
    func `what is said of each number`(_ sequence: Sequence) {
        var window = ReplayWindow(size: sequence.size, isExtended: false)
        for (number, verdict) in sequence.steps {
            let said = window.judge(number)
            #expect(said == verdict, "\(number)")
            if said == .fresh { window.mark(number) }
        }
    }

    /// All that the window must do, without any cleverness.
    private struct Model {
        let size: UInt64
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0

        func judge(_ number: UInt64) -> ReplayWindow.Verdict {
            if self.size == 0 || number > self.highest { return .fresh }
            if number + self.size <= self.highest { return .late }
            return self.seen.contains(number) ? .replayed : .fresh
        }

        mutating func mark(_ number: UInt64) {
            self.seen.insert(number)
            self.highest = max(self.highest, number)
        }
    }

    @Test(
        arguments: [0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 1_024, 4_096, 65_536] as [UInt32],
        [1, 2, 3] as [UInt64])
    func `it says what a set of all numbers says, whatever comes`(size: UInt32, seed: UInt64) {
        var numbers = Numbers(seed: seed &* 977 &+ UInt64(size))
        var model = Model(size: UInt64(size))
        var window = ReplayWindow(size: size, isExtended: true)
        var verdicts: [ReplayWindow.Verdict: Int] = [:]
        var failures: [UInt64] = []
        for _ in 0..<20_000 {
            let number = Self.next(&numbers, model.highest, UInt64(max(size, 8)))
            let verdict = model.judge(number)
            if window.judge(number) != verdict { failures.append(number) }
            verdicts[verdict, default: 0] += 1
            // Some are not sealed by anybody, and must leave no trace.
            guard verdict == .fresh, numbers.next() % 4 > 0 else { continue }
            window.mark(number)
            model.mark(number)
            if window.highest != model.highest { failures.append(number) }
        }
        #expect(failures.isEmpty)
        #expect(verdicts.count == (size == 0 ? 1 : 3))
        #expect(verdicts.values.allSatisfy { $0 > 100 })
    }

    /// A number that is next, a little or far ahead, within the window or before it.
    private static func next(_ numbers: inout Numbers, _ highest: UInt64, _ size: UInt64) -> UInt64 {
        switch numbers.next() % 64 {
        case 0: return highest + 1 + numbers.next() % (4 * size)
        case 1: return highest + size + numbers.next() % 130 - min(65, size)
        case 2..<20: return highest + 1
        case 20..<25: return highest + 1 + numbers.next() % 8
        case 25..<35: return max(1, highest - min(highest, size - 4 + numbers.next() % 8))
        default: return max(1, highest - min(highest, numbers.next() % (size + size / 4)))
        }
    }

    @Test func `what was only judged does not move the window`() {
        var window = ReplayWindow(size: 64, isExtended: false)
        window.mark(10)
        for number in [11, 500, 0xffff_ffff] as [UInt64] {
            let verdict = window.judge(number)
            #expect(verdict == .fresh)
        }
        let (highest, nine, ten) = (window.highest, window.judge(9), window.judge(10))
        #expect(highest == 10)
        #expect(nine == .fresh)
        #expect(ten == .replayed)
    }

    @Test func `windows that are too large are as large as they may be`() {
        var window = ReplayWindow(size: .max, isExtended: false)
        window.mark(100_000)
        let (inside, outside) = (window.judge(100_000 - 65_535), window.judge(100_000 - 65_536))
        #expect(inside == .fresh)
        #expect(outside == .late)
    }

    @Test func `a short number is what the packet says, but for zero`() {
        let window = ReplayWindow(size: 32, isExtended: false)
        let (none, one, last) = (
            window.sequenceNumber(low: 0), window.sequenceNumber(low: 1), window.sequenceNumber(low: .max)
        )
        #expect(none == nil)
        #expect(one == 1)
        #expect(last == 0xffff_ffff)
    }

    struct Extension: Sendable {
        let highest: UInt64
        let low: UInt32
        let number: UInt64?
    }

    /// RFC 4303 Appendix A2.2, figures 1 and 2; the window is 64.
    @Test(arguments: [
        // Nothing was received yet: the high half is 0, and nothing comes before.
        Extension(highest: 0, low: 0, number: nil), Extension(highest: 0, low: 1, number: 1),
        Extension(highest: 0, low: 0xffff_ffc0, number: 0xffff_ffc0),
        Extension(highest: 0, low: 0xffff_ffff, number: nil),
        Extension(highest: 63, low: 0, number: nil),
        Extension(highest: 63, low: 0xffff_ffff, number: 0xffff_ffff),
        // Within one subspace: below the window begins the next.
        Extension(highest: 1_000, low: 937, number: 937),
        Extension(highest: 1_000, low: 936, number: 0x1_0000_03a8),
        Extension(highest: 0xffff_ffff, low: 0xffff_ffc0, number: 0xffff_ffc0),
        Extension(highest: 0xffff_ffff, low: 0, number: 0x1_0000_0000),
        Extension(highest: 0xffff_ffff, low: 5, number: 0x1_0000_0005),
        // The window reaches back over the boundary.
        Extension(highest: 0x1_0000_0000, low: 0xffff_ffff, number: 0xffff_ffff),
        Extension(highest: 0x1_0000_0005, low: 0xffff_ffc6, number: 0xffff_ffc6),
        Extension(highest: 0x1_0000_0005, low: 0xffff_ffc5, number: 0x1_ffff_ffc5),
        Extension(highest: 0x1_0000_003e, low: 0xffff_ffff, number: 0xffff_ffff),
        Extension(highest: 0x1_0000_003f, low: 0xffff_ffff, number: 0x1_ffff_ffff),
        Extension(highest: 0x1_0000_0005, low: 6, number: 0x1_0000_0006),
        // The last numbers of all.
        Extension(highest: 0xffff_fffe_ffff_ffff, low: 0, number: 0xffff_ffff_0000_0000),
        Extension(highest: .max, low: 0xffff_ffff, number: .max),
        Extension(highest: .max, low: 0xffff_ffc0, number: 0xffff_ffff_ffff_ffc0),
        Extension(highest: .max, low: 0xffff_ffbf, number: nil),
        Extension(highest: .max, low: 0, number: nil),
    ])
    func `an extended number is found from its low half`(_ vector: Extension) {
        var window = ReplayWindow(size: 64, isExtended: true)
        if vector.highest > 0 { window.mark(vector.highest) }
        let number = window.sequenceNumber(low: vector.low)
        #expect(number == vector.number)
    }

    /// The same rule in other words: of all numbers with this low half, the one that is in the window or ahead of it by
    /// less than 2^32.
    @Test(arguments: [0, 1, 2, 64, 1_024, 4_096, 65_536] as [UInt32])
    func `an extended number is the first one not below the window`(size: UInt32) {
        var numbers = Numbers(seed: UInt64(size) + 5)
        var failures: [(UInt64, UInt32)] = []
        for _ in 0..<20_000 {
            let top = Self.nearBoundary(&numbers)
            let low = UInt32(truncatingIfNeeded: Self.nearBoundary(&numbers))
            var window = ReplayWindow(size: size, isExtended: true)
            if top > 0 { window.mark(top) }
            let bottom = Int128(top) - Int128(size == 0 ? 1_024 : size) + 1
            let distance = (Int128(low) - bottom) & 0xffff_ffff
            let number = bottom + distance
            let expected = number > 0 ? UInt64(exactly: number) : nil
            if window.sequenceNumber(low: low) != expected { failures.append((top, low)) }
        }
        #expect(failures.isEmpty, "\(failures.prefix(3))")
    }

    /// Numbers around the ends of the subspaces, and some from anywhere.
    private static func nearBoundary(_ numbers: inout Numbers) -> UInt64 {
        let high: UInt64 = [0, 0, 1, 2, 0xffff_fffe, 0xffff_ffff][Int(numbers.next() % 6)] << 32
        switch numbers.next() % 3 {
        case 0: return high | numbers.next() % 5_000
        case 1: return high | 0xffff_ffff - numbers.next() % 5_000
        default: return high | numbers.next() & 0xffff_ffff
        }
    }

    @Test(arguments: [1, 64, 1_024] as [UInt32])
    func `numbers that cross 2^32 out of order are each taken once`(size: UInt32) {
        var numbers = Numbers(seed: 11)
        var window = ReplayWindow(size: size, isExtended: true)
        window.mark(0xffff_f000)
        var taken: [UInt64] = []
        var sent: [UInt64] = []
        for start in stride(from: UInt64(0xffff_f001), to: 0x1_0000_1000, by: 16) {
            let group = (start..<(start + 16)).shuffled(using: &numbers)
            sent += group
            for number in group + group {
                guard let found = window.sequenceNumber(low: UInt32(truncatingIfNeeded: number)),
                    window.judge(found) == .fresh
                else { continue }
                if found == number { window.mark(found) }
                taken.append(found)
            }
        }
        // A small window calls some late, and takes them for numbers far ahead, which the ICV would refuse.
        let right = taken.filter { $0 < 0x2_0000_0000 && sent.contains($0) }
        #expect(Set(right).count == right.count)
        if size >= 64 { #expect(right.sorted() == sent.sorted()) }
    }
}
