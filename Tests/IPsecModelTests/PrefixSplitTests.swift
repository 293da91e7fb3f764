internal import IPsecModel
internal import Testing

/// From ranges of addresses to prefixes.
@Suite struct PrefixSplitTests {
    @Test(arguments: [
        ("10.0.0.0", "10.0.0.255", ["10.0.0.0/24"]),
        ("10.0.0.1", "10.0.0.1", ["10.0.0.1/32"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
        ("10.0.0.1", "10.0.0.6", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]),
        ("255.255.255.254", "255.255.255.255", ["255.255.255.254/31"]),
        ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
        ("2001:db8::ffff", "2001:db8::1:0", ["2001:db8::ffff/128", "2001:db8::1:0/128"]),
    ])
    func `a range becomes the prefixes that cover it`(first: String, last: String, prefixes: [String]) throws
    {
        let found = try range(first, last).prefixes(atMost: 64)
        #expect(found?.map(\.description) == prefixes)
    }

    @Test func `the worst range of IPv4 takes 62 prefixes, and of IPv6 more than we allow`() throws {
        #expect(try range("0.0.0.1", "255.255.255.254").prefixes(atMost: 64)?.count == 62)
        #expect(try range("0.0.0.1", "255.255.255.254").prefixes(atMost: 61) == nil)
        let wide = try range("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")
        #expect(wide.prefixes(atMost: 64) == nil)
    }
}
