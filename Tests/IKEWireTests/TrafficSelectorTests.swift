import IKEWire
import IPsecModel
import Testing

/// RFC 7296 §3.13, figures 19 and 20, and §3.15, figure 23.
@Suite struct TrafficSelectorTests {
    private func selectors(_ hex: String) throws -> TrafficSelectorPayload {
        guard case .tsInitiator(let payload) = try decodeOne(.tsInitiator, body: hex) else {
            throw WireFault.badValue(field: "test", value: 0)
        }
        return payload
    }

    @Test func `IPv4 and IPv6 ranges read and write as in the figure`() throws {
        let hex = """
            02 000000
            07 06 0010 0050 01bb 0a010000 0a0100ff
            08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db800000000ffffffffffffffff
            """
        let v4 = try #require(IPPrefix("10.1.0.0/24"))
        let v6 = try #require(IPPrefix("2001:db8::/64"))
        let selectors = [
            TrafficSelector(ipProtocol: 6, ports: .range(80...443), addresses: AddressRange(v4)),
            TrafficSelector(v6),
        ]
        #expect(try self.selectors(hex) == TrafficSelectorPayload(selectors: selectors))
        try expectBody(of: .tsResponder(.init(selectors: selectors)), is: hex)
    }

    @Test func `OPAQUE ports are 65535 to 0`() throws {
        let hex = "01 000000 07 11 0010 ffff 0000 0a010001 0a010001"
        let payload = try self.selectors(hex)
        #expect(payload.selectors.map(\.ports) == [.opaque])
        try expectBody(of: .tsInitiator(payload), is: hex)
    }

    @Test func `a selector of an unknown type is kept beside the others`() throws {
        let hex = """
            03 000000
            07 00 0010 0000 ffff 0a010000 0a0100ff
            0a 33 0007 a1a2a3
            07 00 0010 0000 ffff 0a020000 0a0200ff
            """
        let payload = try self.selectors(hex)
        #expect(payload.selectors.map(\.description) == ["10.1.0.0/24", "10.2.0.0/24"])
        #expect(payload.unknownSelectors == [.init(type: 10, ipProtocol: 0x33, body: [0xa1, 0xa2, 0xa3])])
    }

    @Test func `reserved octets of TS are ignored`() throws {
        let hex = " 07 00 0010 0000 ffff 0a010000 0a0100ff"
        #expect(try self.selectors("01 ffffff" + hex) == self.selectors("01 000000" + hex))
    }

    @Test(arguments: [
        ("a range from high to low", "01 000000 07 00 0010 0000 ffff 0a010002 0a010001"),
        ("ports from high to low", "01 000000 07 00 0010 0002 0001 0a010001 0a010001"),
        ("ports from 65535 to 1", "01 000000 07 00 0010 ffff 0001 0a010001 0a010001"),
        ("an IPv4 selector of 17 octets", "01 000000 07 00 0011 0000 ffff 0a010000 0a0100ff 00"),
        ("an IPv4 selector of 15 octets", "01 000000 07 00 000f 0000 ffff 0a010000 0a0100"),
        ("an IPv6 selector of 16 octets", "01 000000 08 00 0010 0000 ffff 0a010000 0a0100ff"),
        ("a selector of no length", "01 000000 0a 00 0000"),
        ("a length below the header", "01 000000 0a 00 0003"),
        ("fewer selectors than counted", "02 000000 07 00 0010 0000 ffff 0a010000 0a0100ff"),
        ("more selectors than counted", "00 000000 07 00 0010 0000 ffff 0a010000 0a0100ff"),
        ("no reserved octets", "01 00"), ("nothing", ""),
    ])
    func `a selector whose shape is wrong is refused`(what: String, hex: String) {
        #expect(throws: WireFault.self, "\(what)") { _ = try decodeOne(.tsInitiator, body: hex) }
    }

    @Test(arguments: [7, 8] as [UInt8])
    func `a raw selector of a known type is not written`(type: UInt8) {
        let payload = TrafficSelectorPayload(
            selectors: [], unknownSelectors: [.init(type: type, ipProtocol: 0, body: [])])
        #expect(throws: WireFault.badValue(field: "type of a raw traffic selector", value: UInt64(type))) {
            _ = try PayloadChain.encode([.tsInitiator(payload)])
        }
    }

    @Test func `configuration attributes read and write as in the figure`() throws {
        let hex = "01 000000 0001 0000 0003 0004 0a000001"
        let payload = ConfigurationPayload(
            type: .request,
            attributes: [
                .init(type: ConfigurationAttribute.internalIP4Address),
                .init(type: ConfigurationAttribute.internalIP4DNS, value: [10, 0, 0, 1]),
            ])
        #expect(try decodeOne(.configuration, body: hex) == .configuration(payload))
        try expectBody(of: .configuration(payload), is: hex)
    }

    @Test func `the reserved bit of a configuration attribute is ignored`() throws {
        #expect(
            try decodeOne(.configuration, body: "01 ffffff 8001 0000")
                == decodeOne(.configuration, body: "01 000000 0001 0000"))
    }

    @Test(arguments: ["", "01 0000", "01 000000 0001", "01 000000 0001 0001", "01 000000 0001 0000 00"])
    func `a configuration payload that ends early is refused`(hex: String) {
        #expect(throws: WireFault.self) { _ = try decodeOne(.configuration, body: hex) }
    }

    @Test func `a configuration attribute of more than fifteen bits is not written`() {
        let payload = ConfigurationPayload(type: .request, attributes: [.init(type: 0x8000)])
        #expect(throws: WireFault.badValue(field: "configuration attribute", value: 0x8000)) {
            _ = try PayloadChain.encode([.configuration(payload)])
        }
    }
}
