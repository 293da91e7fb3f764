import ESPCore
import IPsecModel
import Testing

/// All that is done to a packet inside the tunnel, done to bytes that a hostile peer might send.
@Suite struct HostilePacketTests {
    @Test func `nothing traps, leaves the packet's bounds or changes its length`() throws {
        var numbers = Numbers(seed: 8)
        var table = SelectorTable()
        table.insert(reqid: 1, local: [try selector("0.0.0.0/1", 17)], remote: [try selector("0.0.0.0/0")])
        table.insert(reqid: 2, local: [try selector("::/0")], remote: [try selector("::/1", 6, .opaque)])
        var found = 0
        for _ in 0..<100_000 {
            let padding = Int(numbers.next() % 9)
            let bytes = [UInt8](repeating: 0xee, count: padding) + numbers.packet(upTo: 160)
            guard let packet = parsed(bytes, padding..<bytes.count) else { continue }
            found += table.find(packet) == nil ? 0 : 1
            var changed = bytes
            var memory = changed.mutableSpan
            _ = ECN.apply(&memory, packet, outerTrafficClass: UInt8(numbers.next() % 4))
            TCPMSS.clamp(&memory, packet, to: 100)
            let isOutsideUntouched = outside(packet.range, bytes) == outside(packet.range, changed)
            #expect(isOutsideUntouched)
            let again = try #require(parsed(changed, padding..<bytes.count))
            #expect(again.range == packet.range)
            self.answer(bytes, packet, &numbers)
        }
        #expect(found > 1_000)
    }

    private func answer(_ bytes: [UInt8], _ packet: InnerPacket, _ numbers: inout Numbers) {
        let room = Int(numbers.next() % 256)
        var buffer = [UInt8](repeating: 0, count: room)
        var memory = buffer.mutableSpan
        let offset = Int(numbers.next() % 8)
        let source = packet.destination
        let error = ICMPError.packetTooBig(
            bytes.span, packet, mtu: 1_300, source: source, into: &memory, at: offset)
        #expect(error.map { $0.upperBound <= room } ?? true)
        let mtu = Int(numbers.next() % 128)
        guard var fragmentation = InnerFragmentation(bytes.span, packet, mtu: mtu) else { return }
        var total = 0
        while let fragment = fragmentation.next(bytes.span, into: &memory, at: offset) {
            #expect(fragment.count <= mtu)
            #expect(fragment.upperBound <= room)
            total += 1
            guard total <= 20 else { break }
        }
        #expect(total <= 20)
    }

    private func outside(_ range: Range<Int>, _ bytes: [UInt8]) -> [UInt8] {
        Array(bytes[..<range.lowerBound] + bytes[range.upperBound...])
    }
}
