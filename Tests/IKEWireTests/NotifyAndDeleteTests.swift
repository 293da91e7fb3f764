import IKEWire
import IPsecModel
import Testing

/// RFC 7296 §3.10, figure 16, and §3.11, figure 17.
@Suite struct NotifyAndDeleteTests {
    @Test func `a notify without an SPI is type and data`() throws {
        let payload = Payload.notify(NotifyPayload(.invalidKEPayload, data: [0, 19]))
        #expect(try decodeOne(.notify, body: "00 00 0011 0013") == payload)
        try expectBody(of: payload, is: "00 00 0011 0013")
    }

    @Test func `REKEY_SA names the SA that goes`() throws {
        let notify = NotifyPayload(protocolID: .esp, spi: [0xc0, 1, 2, 3], type: .rekeySA)
        #expect(try decodeOne(.notify, body: "03 04 4009 c0010203") == .notify(notify))
        #expect(notify.espSPI == ESPSPI(0xc001_0203))
        try expectBody(of: .notify(notify), is: "03 04 4009 c0010203")
    }

    @Test func `the protocol of a notify without an SPI is ignored on receipt and zero on sending`() throws {
        let decoded = try decodeOne(.notify, body: "01 00 4004 aa")
        #expect(decoded == .notify(NotifyPayload(.natDetectionSourceIP, data: [0xaa])))
        let own = NotifyPayload(protocolID: .ike, spi: [], type: .natDetectionSourceIP, data: [0xaa])
        try expectBody(of: .notify(own), is: "00 00 4004 aa")
    }

    @Test(arguments: [1, 2, 3, 5, 6, 7, 9, 16, 255])
    func `an SPI size other than 0, 4 or 8 is refused`(size: Int) {
        let spi = [UInt8](repeating: 7, count: size)
        let expected = WireFault.badValue(field: "SPI size of a notify", value: UInt64(size))
        #expect(throws: expected) {
            _ = try decodeOne(.notify, body: hexadecimal([3, UInt8(size), 0x40, 9] + spi))
        }
        #expect(throws: expected) {
            _ = try PayloadChain.encode([.notify(.init(protocolID: .esp, spi: spi, type: .rekeySA))])
        }
    }

    @Test(arguments: ["", "03", "03 04", "03 04 40", "03 04 4009", "03 04 4009 c00102"])
    func `a notify that ends early is refused`(hex: String) {
        #expect(throws: WireFault.self) { _ = try decodeOne(.notify, body: hex) }
    }

    @Test func `an SPI of IKE is none of ESP`() {
        #expect(NotifyPayload(protocolID: .ike, spi: [1, 2, 3, 4], type: .rekeySA).espSPI == nil)
        #expect(
            NotifyPayload(protocolID: .ah, spi: [1, 2, 3, 4], type: .rekeySA).espSPI == ESPSPI(0x0102_0304))
    }

    @Test func `a delete of CHILD_SAs lists their SPIs`() throws {
        let delete = DeletePayload(esp: [ESPSPI(0xc000_0001), ESPSPI(0xc000_0002)])
        #expect(try decodeOne(.delete, body: "03 04 0002 c0000001 c0000002") == .delete(delete))
        #expect(delete.espSPIs == [ESPSPI(0xc000_0001), ESPSPI(0xc000_0002)])
        try expectBody(of: .delete(delete), is: "03 04 0002 c0000001 c0000002")
    }

    @Test func `a delete of the IKE_SA has no SPIs`() throws {
        #expect(try decodeOne(.delete, body: "01 00 0000") == .delete(.ikeSA))
        #expect(DeletePayload.ikeSA.espSPIs.isEmpty)
        try expectBody(of: .delete(.ikeSA), is: "01 00 0000")
    }

    @Test func `SPIs of AH are none of ESP`() throws {
        guard case .delete(let delete) = try decodeOne(.delete, body: "02 04 0001 c0000001") else {
            Issue.record("no delete")
            return
        }
        #expect(delete.espSPIs.isEmpty)
        #expect(delete.spis == [[0xc0, 0, 0, 1]])
    }

    @Test(arguments: [
        ("IKE with SPIs of eight octets", "01 08 0001 0102030405060708"), ("IKE with a count", "01 00 0001"),
        ("ESP without octets", "03 00 0001"),
        ("ESP with SPIs of eight octets", "03 08 0001 0102030405060708"),
        ("a protocol that we do not know, without octets", "63 00 ffff"),
        ("fewer SPIs than counted", "03 04 0002 c0000001"),
        ("more SPIs than counted", "03 04 0001 c0000001 c0000002"), ("half an SPI", "03 04 0001 c000"),
        ("no count", "03 04"),
    ])
    func `a delete whose sizes do not fit is refused`(what: String, hex: String) {
        #expect(throws: WireFault.self, "\(what)") { _ = try decodeOne(.delete, body: hex) }
    }

    @Test func `SPIs of different lengths are not written`() {
        let delete = DeletePayload(protocolID: .init(rawValue: 99), spis: [[1, 2], [1, 2, 3]])
        #expect(throws: WireFault.badValue(field: "SPI size of a delete", value: 3)) {
            _ = try PayloadChain.encode([.delete(delete)])
        }
    }

    @Test func `errors are below 16384, status types from there on`() {
        #expect(NotifyType.noProposalChosen.isError)
        #expect(NotifyType(rawValue: 16_383).isError)
        #expect(!NotifyType.initialContact.isError)
        #expect(!NotifyType(rawValue: 65_535).isError)
    }
}
