import IPsecModel
import Testing

@Suite struct AddressTextTests {
    // RFC 4291 §2.2, and RFC 5952 §1 to §5: many spellings, one recommended.
    @Test(arguments: [
        ("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
        ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        ("2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        ("FF01:0:0:0:0:0:0:101", "ff01::101"), ("FF01::101", "ff01::101"),
        ("0:0:0:0:0:0:0:1", "::1"), ("0:0:0:0:0:0:0:0", "::"), ("::", "::"),
        ("0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"),
        ("::FFFF:129.144.52.38", "::ffff:129.144.52.38"), ("::13.1.68.3", "::d01:4403"),
        ("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
        ("2001:db8:0:0:0::1", "2001:db8::1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:0:0:4:5:6:0:0", "1::4:5:6:0:0"),
    ])
    func `an IPv6 address is printed as RFC 5952 recommends`(text: String, recommended: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == recommended)
        #expect(IPv6Address(recommended) == address)
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
        "1::2::3", "1:::2", ":1::2", "1::2:", "12345::", "g::", "+1::", "-1::", "0x1::", " ::1", "::1 ",
        "fe80::1%eth0", "[::1]", "::1/128", "1.2.3.4::", "1.2.3.4::5", "::1.2.3.4:5", "1::1.2.3.4::",
        "::1.2.3", "::1.2.3.256", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.04", "١::",
        "0000:0000:0000:0000:0000:0000:0000:00000",
    ])
    func `what is not an IPv6 address is refused`(text: String) {
        #expect(IPv6Address(text) == nil)
    }

    @Test(arguments: ["0.0.0.0", "192.0.2.1", "255.255.255.255", "10.0.0.9", "1.20.100.0"])
    func `an IPv4 address reads and prints alike`(text: String) throws {
        #expect(try #require(IPv4Address(text)).description == text)
        #expect(IPAddress(text)?.description == text)
        #expect(IPAddress(text)?.family == .v4)
    }

    @Test(arguments: [
        "", ".", "1", "1.2.3", "1.2.3.", "1.2.3.4.", ".1.2.3", "1.2.3.4.5", "1..2.3", "256.1.1.1",
        "1.1.1.256", "01.2.3.4", "1.2.3.00", "1.2.3.+4", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.0x4",
        "1.2.3.1000", "1.2.3.٤", "1.2.3.4/32", "localhost",
    ])
    func `what is not an IPv4 address is refused`(text: String) {
        #expect(IPv4Address(text) == nil)
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("192.0.2.1", 500, "192.0.2.1:500"), ("2001:db8::1", 4_500, "[2001:db8::1]:4500"),
    ])
    func `an endpoint puts IPv6 in brackets`(address: String, port: UInt16, text: String) throws {
        #expect(Endpoint(try #require(IPAddress(address)), port).description == text)
    }
}
