import ESPCore
import IPsecModel
import Testing

@Suite struct VolumeWatchTests {
    private func counters(bytes: UInt64 = 0, packets: UInt64 = 0, number: UInt64 = 0) -> SACounters {
        var counters = SACounters()
        counters.bytes = bytes
        counters.packets = packets
        counters.sequenceNumber = number
        return counters
    }

    @Test func `without limits nothing is due, however much it carries`() {
        var watch = VolumeWatch(bytes: .none, packets: .none, isExtended: true)
        #expect(watch.check(self.counters(bytes: .max - 1, packets: .max - 1, number: 1 << 63)) == nil)
        #expect(!watch.isSpent(self.counters(bytes: .max - 1, packets: .max - 1, number: 1 << 63)))
    }

    @Test func `bytes and packets are each enough, and each is said once`() {
        var bytes = VolumeWatch(
            bytes: VolumeLimit(rekey: 1_000, hard: 2_000), packets: VolumeLimit(rekey: 10, hard: 20),
            isExtended: false)
        var packets = bytes
        #expect(bytes.check(self.counters(bytes: 999, packets: 9)) == nil)
        #expect(bytes.check(self.counters(bytes: 1_000, packets: 9)) == .soft)
        #expect(bytes.check(self.counters(bytes: 1_999, packets: 19)) == nil)
        #expect(!bytes.isSpent(self.counters(bytes: 1_999, packets: 19)))
        #expect(bytes.check(self.counters(bytes: 2_000, packets: 19)) == .hard)
        #expect(bytes.isSpent(self.counters(bytes: 2_000, packets: 19)))
        #expect(bytes.check(self.counters(bytes: 9_000, packets: 99)) == nil)
        #expect(packets.check(self.counters(bytes: 999, packets: 10)) == .soft)
        #expect(packets.check(self.counters(bytes: 1_000, packets: 10)) == nil)
        #expect(packets.check(self.counters(bytes: 1_000, packets: 20)) == .hard)
    }

    @Test func `what passes both limits at once is over, and rekeying is not said afterwards`() {
        var watch = VolumeWatch(bytes: VolumeLimit(rekey: 10, hard: 20), packets: .none, isExtended: false)
        #expect(watch.check(self.counters(bytes: 25)) == .hard)
        #expect(watch.check(self.counters(bytes: 25)) == nil)
    }

    @Test func `a hard limit alone is kept, and so is a soft one`() {
        var hard = VolumeWatch(bytes: .none, packets: VolumeLimit(hard: 5), isExtended: false)
        #expect(hard.check(self.counters(packets: 4)) == nil)
        #expect(hard.check(self.counters(packets: 5)) == .hard)
        var soft = VolumeWatch(bytes: .none, packets: VolumeLimit(rekey: 5), isExtended: false)
        #expect(soft.check(self.counters(packets: 5)) == .soft)
        #expect(soft.check(self.counters(packets: .max - 1)) == nil)
    }

    /// RFC 4303 §3.3.3: the sender must not let the number cycle.
    @Test(
        arguments: [
            (false, 0xe000_0000, 0xffff_ffff), (true, 0xe000_0000_0000_0000, 0xffff_ffff_ffff_ffff),
        ] as [(Bool, UInt64, UInt64)])
    func `an eighth of the numbers is left when it is time to rekey`(
        isExtended: Bool, soft: UInt64, last: UInt64
    ) {
        var watch = VolumeWatch(bytes: .none, packets: .none, isExtended: isExtended)
        #expect(watch.check(self.counters(number: soft - 1)) == nil)
        #expect(watch.check(self.counters(number: soft)) == .soft)
        #expect(watch.check(self.counters(number: last - 1)) == nil)
        #expect(watch.check(self.counters(number: last)) == .hard)
        #expect(watch.isSpent(self.counters(number: last)))
    }
}
