internal import IPsecModel
internal import Synchronization
internal import Testing

@testable internal import LinuxIO

/// Bare ESP on the loopback interface of a network of its own.
@Suite struct RawESPTests {
    private static let addresses: [(IPAddress, IPAddress)] = [
        (.v4(IPv4Address(127, 0, 0, 1)), .v4(IPv4Address(127, 9, 8, 7))),
        (.v6(IPv6Address(bits: 1)), .v6(IPv6Address(bits: 0xfd00 << 112 | 7))),
    ]

    @Test(arguments: addresses)
    func `bare ESP arrives without its IP header, with addresses and traffic class`(
        here: IPAddress, other: IPAddress
    ) throws {
        let (sent, received) = try PrivateNetwork.run {
            if here.family == .v6 { try PrivateNetwork.ip("address add fd00::7/128 dev lo nodad") }
            let socket = try PacketSocket(rawESP: here.family)
            // The port plays no part.
            let sent = socket.send(
                pattern(25), segmentSize: 10, from: Endpoint(other, 0), to: Endpoint(here, 4500),
                trafficClass: 0xba)
            return (sent, socket.receiveAll().slots)
        }
        #expect(sent == SendResult(datagrams: 3, errno: 0))
        #expect(received.map(\.bytes.count) == [10, 10, 5])
        #expect(received.flatMap(\.bytes) == pattern(25))
        for slot in received {
            #expect(slot.source == Endpoint(other, 0) && slot.destination == Endpoint(here, 0))
            #expect(slot.trafficClass == 0xba && slot.segmentSize == slot.bytes.count && !slot.isTruncated)
        }
    }

    @Test(arguments: addresses)
    func `a packet beyond the MTU is fragmented on the way`(here: IPAddress, other: IPAddress) throws {
        let received = try PrivateNetwork.run {
            try PrivateNetwork.ip("link set lo mtu 1500")
            let socket = try PacketSocket(rawESP: here.family)
            _ = socket.send(pattern(4000), to: Endpoint(here, 0))
            return socket.receiveAll().slots.map(\.bytes)
        }
        #expect(received == [pattern(4000)])
    }

    @Test func `a slot that is smaller than an IP header holds nothing`() throws {
        let received = try PrivateNetwork.run {
            let socket = try PacketSocket(rawESP: .v4)
            for _ in 0..<3 { _ = socket.send(pattern(40), to: Endpoint(.v4(IPv4Address(127, 0, 0, 1)), 0)) }
            return [1, 19, 25].map { socket.receiveAll(slotSize: $0, slots: 1).slots }
        }
        #expect(received.map { $0.map(\.bytes) } == [[[]], [[]], [Array(pattern(40).prefix(5))]])
        #expect(received.allSatisfy { $0.allSatisfy(\.isTruncated) })
    }

    @Test func `without the capability it is an error with a sentence`() throws {
        let fault = try PrivateNetwork.run {
            try Privileges.keepOnly([.networkAdministration])
            do throws(IOFault) {
                _ = try PacketSocket(rawESP: .v4)
                return nil as IOFault?
            } catch { return error }
        }
        #expect(fault?.errno == Errno.notPermitted)
        #expect(fault?.text.contains("CAP_NET_RAW") == true)
    }
}
