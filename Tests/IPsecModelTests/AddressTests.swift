import IPsecModel
import Testing

@Suite struct AddressTests {
    @Test(
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("0.0.0.0", [0, 0, 0, 0]),
            ("2001:db8::ff:1", [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 1]),
        ] as [(String, [UInt8])])
    func `bytes are in network order, there and back`(text: String, bytes: [UInt8]) throws {
        let address = try #require(IPAddress(text))
        #expect(address.bytes == bytes)
        #expect(IPAddress(bytes: bytes) == address)
        #expect(IPAddress(bytes: ([9] + bytes)[1...]) == address)
        #expect(IPAddress(family: address.family, number: address.number) == address)
    }

    @Test(arguments: [0, 1, 3, 5, 8, 15, 17, 32])
    func `an address has 4 or 16 bytes`(count: Int) {
        #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test(arguments: [
        ("fe80::1", true), ("febf:ffff::1", true), ("fe7f::1", false), ("fec0::1", false),
        ("2001:db8::1", false),
        ("169.254.0.1", false),
    ])
    func `addresses of one link are those of fe80 with ten bits`(text: String, isLinkLocal: Bool) throws {
        #expect(try #require(IPAddress(text)).isLinkLocal == isLinkLocal)
    }

    @Test func `addresses sort by number, all IPv4 before all IPv6`() throws {
        let texts = ["0.0.0.0", "9.255.255.255", "10.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::"]
        let addresses = try texts.map { try #require(IPAddress($0)) }
        #expect(addresses.reversed().sorted() == addresses)
        for index in addresses.indices.dropLast() {
            #expect(addresses[index] < addresses[index + 1])
            #expect(!(addresses[index + 1] < addresses[index]))
            #expect(!(addresses[index] < addresses[index]))
        }
    }

    @Test func `the unspecified addresses are 0.0.0.0 and ::`() throws {
        #expect(AddressFamily.v4.unspecified.description == "0.0.0.0")
        #expect(AddressFamily.v6.unspecified.description == "::")
        #expect(AddressFamily.v4.unspecified.isUnspecified)
        #expect(AddressFamily.v6.unspecified.isUnspecified)
        #expect(try !address("::1").isUnspecified)
        #expect(try !address("0.0.0.1").isUnspecified)
    }

    @Test func `an IPv4 address and the IPv6 address that maps it are two`() throws {
        #expect(try address("192.0.2.1") != address("::ffff:192.0.2.1"))
    }

    @Test func `SPIs are in network order`() {
        #expect(IKESPI(0x0102_0304_0506_0708).bytes == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(IKESPI(0x0a0b_0c0d_0e0f_1011).description == "0a0b0c0d0e0f1011")
        #expect(IKESPI.zero.bytes == [UInt8](repeating: 0, count: 8))
        #expect(ESPSPI(0xc000_0001).bytes == [0xc0, 0, 0, 1])
        #expect(ESPSPI(0xc000_0001).description == "c0000001")
    }

    @Test func `hexadecimal has two lower-case digits for each byte`() {
        #expect(hexadecimal([0x00, 0x0f, 0xa0, 0xff]) == "000fa0ff")
        #expect(hexadecimal([]).isEmpty)
    }
}

@Suite struct PrefixTests {
    @Test(arguments: [
        ("10.1.0.0/24", "10.1.0.0/24", "10.1.0.255"), ("10.1.0.77/24", "10.1.0.0/24", "10.1.0.255"),
        ("192.0.2.1", "192.0.2.1/32", "192.0.2.1"), ("255.255.255.255/1", "128.0.0.0/1", "255.255.255.255"),
        ("0.0.0.0/0", "0.0.0.0/0", "255.255.255.255"), ("10.0.0.1/31", "10.0.0.0/31", "10.0.0.1"),
        ("2001:db8::1/32", "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("::1", "::1/128", "::1"),
        ("fe80::1/65", "fe80::/65", "fe80::7fff:ffff:ffff:ffff"),
    ])
    func `a block has its host bits cleared and knows its last address`(
        text: String, block: String, last: String
    ) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.description == block)
        #expect(prefix.last.description == last)
        #expect(prefix.contains(prefix.address))
        #expect(prefix.contains(prefix.last))
    }

    @Test(arguments: [
        "", "/", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
        "10.0.0.0/0x8", "10.0.0.0/8 ", "10.0.0/8", "::/129", "::/1000", "10.0.0.0/99999999999999999999",
    ])
    func `what is not a block is refused`(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test func `a block has the addresses of its family between first and last`() throws {
        let prefix = try #require(IPPrefix("10.1.0.0/24"))
        for (text, isInside) in [
            ("10.0.255.255", false), ("10.1.0.0", true), ("10.1.0.128", true), ("10.1.0.255", true),
            ("10.1.1.0", false), ("::a01:0", false), ("::ffff:10.1.0.1", false),
        ] {
            #expect(prefix.contains(try #require(IPAddress(text))) == isInside, "\(text)")
        }
    }

    @Test(arguments: [-1, 33, 129, Int.max, Int.min])
    func `a length that the family does not have is refused`(length: Int) {
        #expect(IPPrefix(AddressFamily.v4.unspecified, length: length) == nil)
    }
}
