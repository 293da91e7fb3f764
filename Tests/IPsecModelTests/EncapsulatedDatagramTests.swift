import IPsecModel
import Testing

/// RFC 3948 §2.
@Suite struct EncapsulatedDatagramTests {
    private func kind(_ bytes: [UInt8]) -> EncapsulatedDatagram {
        EncapsulatedDatagram(bytes.span, 0..<bytes.count)
    }

    @Test func `one octet of ones is a keepalive, and no other single octet is`() {
        for octet in 0...254 as ClosedRange<UInt8> { #expect(self.kind([octet]) == .runt) }
        #expect(self.kind([0xff]) == .keepalive)
    }

    @Test func `four octets of zero begin an IKE message, however long`() {
        for count in 4...64 { #expect(self.kind([UInt8](repeating: 0, count: count)) == .ike) }
        #expect(self.kind([0, 0, 0, 0, 0xff, 0xff]) == .ike)
    }

    @Test func `anything else in them is an SPI`() {
        #expect(self.kind([0xc1, 0x23, 0x45, 0x67, 0, 0, 0, 1]) == .esp(ESPSPI(0xc123_4567)))
        #expect(self.kind([0, 0, 0, 1]) == .esp(ESPSPI(1)))
        #expect(self.kind([0x80, 0, 0, 0]) == .esp(ESPSPI(0x8000_0000)))
        #expect(self.kind([0xff, 0xff, 0xff, 0xff]) == .esp(ESPSPI(0xffff_ffff)))
        for bit in 0..<32 {
            var octets: [UInt8] = [0, 0, 0, 0]
            octets[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(self.kind(octets) != .ike)
        }
    }

    @Test(arguments: [0x00, 0x01, 0xff] as [UInt8])
    func `none, two or three octets are nothing at all`(octet: UInt8) {
        for count in [0, 2, 3] {
            #expect(self.kind([UInt8](repeating: octet, count: count)) == .runt)
        }
    }

    @Test func `only the bytes of the datagram count`() {
        let memory: [UInt8] = [0xff, 0, 0, 0, 0, 0xc1, 0x23, 0x45, 0x67, 0xff]
        #expect(EncapsulatedDatagram(memory.span, 0..<1) == .keepalive)
        #expect(EncapsulatedDatagram(memory.span, 1..<5) == .ike)
        #expect(EncapsulatedDatagram(memory.span, 5..<9) == .esp(ESPSPI(0xc123_4567)))
        #expect(EncapsulatedDatagram(memory.span, 9..<10) == .keepalive)
        #expect(EncapsulatedDatagram(memory.span, 1..<4) == .runt)
    }

    @Test(arguments: [-1..<3, 8..<12, 0..<11, Int.min..<Int.max, Int.max..<Int.max])
    func `a datagram outside of the memory is nothing, and traps nothing`(range: Range<Int>) {
        let memory = [UInt8](repeating: 1, count: 10)
        #expect(EncapsulatedDatagram(memory.span, range) == .runt)
    }
}
