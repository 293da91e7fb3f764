import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Which IKE_SA is due next.
struct DeadlineQueueTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func `what is due comes out, the earliest first`() {
        var queue = DeadlineQueue<IKESPI>()
        for second in [5, 1, 4, 2, 3] as [Int64] {
            queue.schedule(IKESPI(UInt64(second)), at: self.at(second))
        }
        #expect(queue.earliest == self.at(1))
        var out: [UInt64] = []
        while let spi = queue.popDue(now: self.at(3)) { out.append(spi.number) }
        #expect(out == [1, 2, 3])
        #expect(queue.earliest == self.at(4))
    }

    @Test func `an earlier deadline counts, a later one leaves the earlier`() {
        var queue = DeadlineQueue<IKESPI>()
        queue.schedule(IKESPI(1), at: self.at(10))
        queue.schedule(IKESPI(1), at: self.at(5))
        queue.schedule(IKESPI(1), at: self.at(20))
        let early = queue.popDue(now: self.at(4))
        let due = queue.popDue(now: self.at(5))
        let again = queue.popDue(now: self.at(30))
        #expect(early == nil)
        #expect(due == IKESPI(1))
        #expect(again == nil)
    }

    @Test func `what is taken off does not come out`() {
        var queue = DeadlineQueue<IKESPI>()
        queue.schedule(IKESPI(1), at: self.at(1))
        queue.schedule(IKESPI(2), at: self.at(2))
        queue.schedule(IKESPI(1), at: nil)
        let due = queue.popDue(now: self.at(9))
        let more = queue.popDue(now: self.at(9))
        #expect(due == IKESPI(2))
        #expect(more == nil)
        #expect(queue.earliest == nil)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `after any sequence of calls each IKE_SA comes out no later than its deadline`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = DeadlineQueue<IKESPI>()
        var model: [IKESPI: Instant] = [:]
        for _ in 0..<2_000 {
            let spi = IKESPI(UInt64.random(in: 1...40, using: &random))
            if random.chance(0.2) {
                queue.schedule(spi, at: nil)
                model[spi] = nil
            } else {
                let instant = self.at(Int64.random(in: 1...1_000, using: &random))
                queue.schedule(spi, at: instant)
                // An entry that is earlier already stays: it only makes the owner look again.
                model[spi] = min(model[spi] ?? instant, instant)
            }
        }
        for second in stride(from: 0, through: 1_000, by: 10) as StrideThrough<Int64> {
            while let spi = queue.popDue(now: self.at(second)) { model[spi] = nil }
            #expect(model.values.allSatisfy { $0 > self.at(second) })
        }
        #expect(model.isEmpty)
    }

    @Test func `coming and going for ever does not make it grow`() {
        var queue = DeadlineQueue<IKESPI>()
        for index in 0..<10_000 as Range<Int64> {
            let spi = IKESPI(UInt64(index))
            queue.schedule(spi, at: self.at(1_000_000 - index))
            queue.schedule(spi, at: nil)
        }
        queue.schedule(IKESPI(1), at: self.at(7))
        let mirror = Mirror(reflecting: queue).children.first { $0.label == "heap" }
        let count = mirror.map { Mirror(reflecting: $0.value).children.count } ?? .max
        #expect(count <= 66)
        #expect(queue.earliest.map { $0 <= self.at(7) } == true)
    }
}
