import IKEWire
import Testing

/// RFC 3948 §2.
@Suite struct NATTraversalDatagramTests {
    @Test func `one octet FF is a keepalive`() {
        #expect(NATTraversalDatagram.classify([0xff]) == .keepalive)
    }

    @Test(arguments: [[], [0], [0xfe], [0xff, 0xff], [0, 0, 0], [0xff, 0xff, 0xff]] as [[UInt8]])
    func `fewer than four octets are neither IKE nor ESP`(bytes: [UInt8]) {
        #expect(NATTraversalDatagram.classify(bytes[...]) == .tooShort)
    }

    @Test(arguments: [[0, 0, 0, 1], [0xc0, 0, 0, 1, 0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff]] as [[UInt8]])
    func `four octets that are not all zero are an SPI of ESP`(bytes: [UInt8]) {
        #expect(NATTraversalDatagram.classify(bytes[...]) == .esp)
    }

    @Test func `four zero octets stand before an IKE message`() {
        #expect(NATTraversalDatagram.classify([0, 0, 0, 0, 1, 2]) == .ike([1, 2]))
        #expect(NATTraversalDatagram.classify([0, 0, 0, 0]) == .ike([]))
        #expect(NATTraversalDatagram.classify([9, 9, 0, 0, 0, 0, 7][2...]) == .ike([7]))
    }

    @Test func `a marker that is added can be stripped`() {
        let datagram = NonESPMarker.add(to: [1, 2, 3])
        #expect(datagram == [0, 0, 0, 0, 1, 2, 3])
        #expect(NonESPMarker.strip(datagram[...]) == [1, 2, 3])
        #expect(NonESPMarker.strip([0, 0, 0, 1, 2, 3]) == nil)
        #expect(NonESPMarker.strip([0, 0, 0]) == nil)
    }
}
