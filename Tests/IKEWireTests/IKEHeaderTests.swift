import IKEWire
import IPsecModel
import Testing

/// RFC 7296 §3.1, figure 4.
@Suite struct IKEHeaderTests {
    private let example = octets(
        """
        0102030405060708 1112131415161718
        2e 20 24 28 00000005
        00000100
        """)

    @Test func `each field of the figure is read from its place`() throws {
        let (header, next, length) = try IKEHeader.decode(self.example[...])
        #expect(header.initiatorSPI == IKESPI(0x0102_0304_0506_0708))
        #expect(header.responderSPI == IKESPI(0x1112_1314_1516_1718))
        #expect(next == .encrypted)
        #expect(header.majorVersion == 2)
        #expect(header.minorVersion == 0)
        #expect(header.exchange == .createChildSA)
        #expect(header.flags == [.initiator, .response])
        #expect(header.messageID == 5)
        #expect(length == 256)
    }

    @Test func `an empty message is the header alone`() throws {
        let header = IKEHeader(
            initiatorSPI: IKESPI(0x0102_0304_0506_0708), responderSPI: IKESPI(0x1112_1314_1516_1718),
            exchange: .informational, flags: .response, messageID: 0xdead_beef)
        let message = try IKEMessageEncoder.clear(header, [])
        #expect(message == octets("0102030405060708 1112131415161718 00 20 25 20 deadbeef 0000001c"))
        let decoded = try DecodedMessage.decode(message)
        #expect(decoded.header == header)
        #expect(decoded.payloads.isEmpty)
        #expect(decoded.protection == .none)
        #expect(decoded.octets == message)
    }

    @Test(arguments: 0..<28)
    func `fewer octets than a header has are refused`(count: Int) {
        #expect(throws: WireFault.self) { _ = try IKEHeader.decode(self.example.prefix(count)) }
        #expect(throws: WireFault.self) { _ = try DecodedMessage.decode(Array(self.example.prefix(count))) }
    }

    @Test(arguments: [0, 1, 3, 15] as [UInt8])
    func `another major version still gives a header, but no message`(major: UInt8) throws {
        var header = requestHeader
        header.majorVersion = major
        let message = try IKEMessageEncoder.clear(header, [])
        #expect(try IKEHeader.decode(message[...]).header.majorVersion == major)
        #expect(throws: WireFault.badValue(field: "major version", value: UInt64(major))) {
            _ = try DecodedMessage.decode(message)
        }
    }

    @Test(arguments: [1, 15] as [UInt8])
    func `a higher minor version is accepted`(minor: UInt8) throws {
        var header = requestHeader
        header.minorVersion = minor
        let message = try DecodedMessage.decode(try IKEMessageEncoder.clear(header, []))
        #expect(message.header.minorVersion == minor)
    }

    @Test func `a version of more than four bits is not written`() {
        var header = requestHeader
        header.majorVersion = 16
        #expect(throws: WireFault.badValue(field: "major version", value: 16)) {
            _ = try IKEMessageEncoder.clear(header, [])
        }
        header.majorVersion = 2
        header.minorVersion = 16
        #expect(throws: WireFault.badValue(field: "minor version", value: 16)) {
            _ = try IKEMessageEncoder.clear(header, [])
        }
    }

    @Test func `flag bits without a meaning are ignored on receipt and zero on sending`() throws {
        var message = try IKEMessageEncoder.clear(requestHeader, [])
        message[19] = 0xff
        let decoded = try DecodedMessage.decode(message)
        #expect(decoded.header.flags == [.initiator, .version, .response])
        #expect(decoded.header.flags.rawValue == 0x38)
        var header = requestHeader
        header.flags = IKEFlags(rawValue: 0xc7)
        #expect(try IKEMessageEncoder.clear(header, [])[19] == 0)
    }

    @Test func `octets after the length of the header are refused`() throws {
        let message = try IKEMessageEncoder.clear(requestHeader, [.vendorID(.init(vendorID: [1]))])
        #expect(throws: WireFault.trailing(field: "message", count: 1)) {
            _ = try DecodedMessage.decode(message + [0])
        }
    }

    @Test(arguments: [0, 27, 34, 0xffff_ffff] as [UInt32])
    func `a length that is not that of the datagram is refused`(length: UInt32) throws {
        var message = try IKEMessageEncoder.clear(requestHeader, [.vendorID(.init(vendorID: [1]))])
        #expect(message.count == 33)
        message.replaceSubrange(
            24..<28, with: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) })
        #expect(throws: WireFault.self) { _ = try DecodedMessage.decode(message) }
    }

    @Test func `a message of more than 65535 octets is refused both ways`() throws {
        let large = [UInt8](repeating: 0, count: 40_000)
        #expect(throws: WireFault.tooLong(field: "message", limit: 65_535, have: 65_536)) {
            _ = try DecodedMessage.decode([UInt8](repeating: 0, count: 65_536))
        }
        #expect(throws: WireFault.self) {
            _ = try IKEMessageEncoder.clear(
                requestHeader, [.vendorID(.init(vendorID: large)), .vendorID(.init(vendorID: large))])
        }
    }
}
