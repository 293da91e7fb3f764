import ESPCore
import IPsecModel
import Testing

/// What is joined, cut again, is what went in: the same packets, in the order of their flow.
@Suite struct CoalescerLawTests {
    /// A flow that goes on, with all that networks do to it.
    private struct Flow {
        var next: TransportPacket
        let size: Int

        init(_ index: Int, _ numbers: inout Numbers) {
            let family: AddressFamily = index % 2 == 0 ? .v4 : .v6
            self.next = index % 4 < 2 ? .tcp(family, []) : .udp(family, [])
            self.next.sourcePort = UInt16(2_000 + index)
            self.next.sequence = UInt32(truncatingIfNeeded: numbers.next())
            self.next.identification = UInt16(truncatingIfNeeded: numbers.next())
            if index % 8 >= 4 { self.next.ipFlags = 0 }
            self.size = 1 + Int(numbers.next() % 1_400)
        }

        /// What arrives next: mostly one packet; none if it is lost, two if the second overtakes it.
        mutating func arrivals(_ numbers: inout Numbers) -> [[UInt8]] {
            self.next.payload = payload(self.size, from: Int(numbers.next() % 256))
            let sent = self.step(&numbers)
            switch numbers.next() % 40 {
            case 0: return []
            case 1: return [self.step(&numbers), sent]
            default: return [sent]
            }
        }

        private mutating func step(_ numbers: inout Numbers) -> [UInt8] {
            var packet = self.next
            self.vary(&packet, &numbers)
            self.next.sequence &+= UInt32(packet.payload.count)
            self.next.identification &+= 1
            var bytes = packet.bytes
            switch numbers.next() % 50 {
            case 0:
                bytes = bytes.flipping(Int(numbers.next() % UInt64(8 * packet.payload.count + 8)) + 8 * 20)
            case 1 where packet.family == .v4: bytes[10] ^= 1
            case 2 where packet.family == .v4:
                bytes[6] |= 0x20
                bytes.storeIPv4Checksum()
            case 3 where !packet.isTCP: bytes.set16(0, at: packet.ipHeaderLength + 6)
            default: break
            }
            return bytes
        }

        private func vary(_ packet: inout TransportPacket, _ numbers: inout Numbers) {
            let short = Int(numbers.next() % UInt64(self.size))
            switch numbers.next() % 60 {
            case 0...2: packet.flags |= TransportPacket.Flag.psh
            case 3: packet.payload = []
            case 4: packet.payload.removeLast(short)
            case 5: packet.trafficClass ^= 3
            case 6: packet.timeToLive -= 1
            case 7: packet.flags |= [1, 2, 4, 32, 64, 128][short % 6]
            case 8: packet.window &+= 1
            case 9: packet.acknowledgment &+= 1
            case 10 where packet.isTCP: packet.options = [1, 1, 1, 1]
            case 11: packet.reserved = 1
            case 12: packet.identification &+= 5
            case 13 where packet.family == .v4: packet.ipOptions = [1, 1, 1, 1]
            default: break
            }
        }
    }

    @Test(arguments: Array(1...40) as [UInt64])
    func `the packets that went in come out, each flow in its order`(seed: UInt64) throws {
        var numbers = Numbers(seed: seed &* 7_919)
        var flows = (0..<(1 + Int(seed % 12))).map { Flow($0, &numbers) }
        var packets: [[UInt8]] = []
        while packets.count < 400 {
            let flow = Int(numbers.next() % UInt64(flows.count))
            for _ in 0...(numbers.next() % 8) { packets += flows[flow].arrivals(&numbers) }
        }
        let joining = Joining(packets)
        for index in packets.indices {
            _ = joining.add(index)
            if numbers.next() % 100 == 0 { joining.flush() }
        }
        joining.flush()
        #expect(joining.written.count < packets.count * 3 / 4)
        var output: [[UInt8]] = []
        for write in joining.written {
            let found = OffloadHeader(write.span, at: 0)
            let header = try #require(found)
            output += try #require(cut(Array(write.dropFirst(10)), header))
        }
        let (before, after) = (Self.byFlow(packets), Self.byFlow(output))
        #expect(before.count == after.count)
        for (flow, sent) in before { #expect(after[flow] == sent) }
    }

    /// The packets of each flow, told by addresses, protocol and ports.
    private static func byFlow(_ packets: [[UInt8]]) -> [[UInt8]: [[UInt8]]] {
        var flows: [[UInt8]: [[UInt8]]] = [:]
        for packet in packets {
            let isIPv6 = packet[0] >> 4 == 6
            let (addresses, ports) = isIPv6 ? (8..<40, 40) : (12..<20, Int(packet[0] & 15) * 4)
            let key = [packet[isIPv6 ? 6 : 9]] + packet[addresses] + packet[ports..<(ports + 4)]
            flows[key, default: []].append(self.comparable(packet))
        }
        return flows
    }

    /// RFC 6864 §4.1: with DF, the identification means nothing. A packet with a wrong header checksum stays as it is.
    private static func comparable(_ packet: [UInt8]) -> [UInt8] {
        guard packet[0] >> 4 == 4, packet[6] & 0x40 != 0,
            onesComplementSum(packet.prefix(Int(packet[0] & 15) * 4)) == 0xffff
        else { return packet }
        var copy = packet
        copy.set16(0, at: 4)
        copy.storeIPv4Checksum()
        return copy
    }
}
