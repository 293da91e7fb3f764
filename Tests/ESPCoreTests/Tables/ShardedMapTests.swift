import ESPCore
import Testing

@Suite struct ShardedMapTests {
    @Test(arguments: [1, 2, 3] as [UInt64]) func `it does what a dictionary does`(seed: UInt64) {
        var numbers = Numbers(seed: seed)
        var map = ShardedMap<UInt32, UInt64>()
        var model: [UInt32: UInt64] = [:]
        var failures = 0
        for _ in 0..<20_000 {
            let key = UInt32(truncatingIfNeeded: numbers.next() % 3_000)
            let value = numbers.next() % 3 == 0 ? nil : numbers.next()
            map[key] = value
            model[key] = value
            let other = UInt32(truncatingIfNeeded: numbers.next() % 3_000)
            if map[key] != value || map[other] != model[other] || map.count != model.count { failures += 1 }
        }
        #expect(failures == 0)
        #expect(map.values.sorted() == model.values.sorted())
    }

    @Test func `a copy does not change with the original, nor the original with it`() {
        var map = ShardedMap<UInt32, Int>()
        for key in 0..<1_000 as Range<UInt32> { map[key] = Int(key) }
        let before = map
        var after = map
        for key in 0..<500 as Range<UInt32> { map[key] = nil }
        for key in 500..<600 as Range<UInt32> { map[key] = -1 }
        after[5_000] = 1
        #expect(before.count == 1_000)
        #expect((0..<1_000 as Range<UInt32>).allSatisfy { before[$0] == Int($0) })
        #expect(before[5_000] == nil)
        #expect(map.count == 500)
        #expect(map[5_000] == nil)
        #expect(after.count == 1_001)
        #expect(after[0] == 0)
    }

    @Test func `what is not there is nil, and can be removed`() {
        var map = ShardedMap<String, Int>()
        #expect(map["a"] == nil)
        map["a"] = nil
        #expect(map.count == 0)
        #expect(map.values.isEmpty)
        map["a"] = 1
        map["a"] = 2
        #expect(map.count == 1)
        #expect(map["a"] == 2)
        map["a"] = nil
        map["a"] = nil
        #expect(map.count == 0)
    }
}
