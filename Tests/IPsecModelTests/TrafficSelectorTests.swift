import IPsecModel
import Testing

@Suite struct AddressRangeTests {
    @Test(arguments: [("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "::1"), ("::1", "10.0.0.1"), ("::2", "::1")])
    func `an empty or mixed range is refused`(first: String, last: String) throws {
        #expect(AddressRange(try address(first), try address(last)) == nil)
    }

    @Test(arguments: 0...32) func `each IPv4 block is a range, and the range that block`(length: Int) throws {
        let prefix = try #require(IPPrefix(try address("203.0.113.77"), length: length))
        #expect(AddressRange(prefix).prefix == prefix)
    }

    @Test(arguments: 0...128) func `each IPv6 block is a range, and the range that block`(length: Int) throws
    {
        let text = "2001:db8:a5a5:5a5a:a5a5:5a5a:a5a5:5a5a"
        let prefix = try #require(IPPrefix(try address(text), length: length))
        #expect(AddressRange(prefix).prefix == prefix)
    }

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.2"), ("10.0.0.0", "10.0.0.2"), ("10.0.0.1", "10.0.0.3"),
        ("10.0.0.255", "10.0.1.0"), ("0.0.0.1", "255.255.255.255"), ("::", "::2"), ("::1", "::ffff"),
    ])
    func `a range that is no block has no prefix`(first: String, last: String) throws {
        #expect(try range(first, last).prefix == nil)
    }
}

/// Selectors that differ in family, protocol, ports and addresses, so that pairs of them meet in every way.
private let samples: [TrafficSelector] = [
    ("0.0.0.0/0", 0, .any), ("10.0.0.0/8", 0, .any), ("10.1.0.0/16", 0, .any), ("10.2.0.0/16", 0, .any),
    ("10.1.2.3/32", 0, .any), ("10.1.0.0/16", 6, .any), ("10.1.0.0/16", 17, .any),
    ("10.1.0.0/16", 6, .range(80...80)), ("10.1.0.0/16", 6, .range(1...1_023)),
    ("10.1.0.0/16", 6, .range(1_024...65_535)), ("10.0.0.0/8", 6, .opaque), ("10.1.0.0/16", 0, .opaque),
    ("10.1.0.0/16", 1, .range(0x0800...0x08ff)), ("::/0", 0, .any), ("2001:db8::/32", 58, .any),
    ("2001:db8::/64", 0, .range(0...65_535)), ("2001:db8::/64", 6, .opaque),
].compactMap { (block: String, ipProtocol: UInt8, ports: PortSelector) in
    IPPrefix(block).map {
        TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: AddressRange($0))
    }
}

@Suite struct TrafficSelectorTests {
    @Test func `every sample is one`() { #expect(samples.count == 17) }

    @Test(arguments: samples, samples)
    func `intersection takes no side`(a: TrafficSelector, b: TrafficSelector) {
        #expect(a.intersection(b) == b.intersection(a))
    }

    @Test(arguments: samples) func `a selector meets and contains itself`(a: TrafficSelector) {
        #expect(a.intersection(a) == a)
        #expect(a.contains(a))
    }

    @Test(arguments: samples, samples)
    func `both sides contain their intersection`(a: TrafficSelector, b: TrafficSelector) {
        guard let both = a.intersection(b) else { return }
        #expect(a.contains(both))
        #expect(b.contains(both))
        #expect(a.addresses.contains(both.addresses))
    }

    @Test(arguments: samples, samples)
    func `containing each other is being equal`(a: TrafficSelector, b: TrafficSelector) {
        #expect((a.contains(b) && b.contains(a)) == (a == b))
    }

    @Test(arguments: samples, samples)
    func `the order of three intersections does not matter`(a: TrafficSelector, b: TrafficSelector) {
        for c in samples {
            let left = a.intersection(b).flatMap { $0.intersection(c) }
            let right = b.intersection(c).flatMap { a.intersection($0) }
            #expect(left == right)
            if a.contains(b), b.contains(c) { #expect(a.contains(c)) }
        }
    }

    @Test(arguments: [
        (PortSelector.any, PortSelector.opaque, PortSelector.opaque), (.opaque, .opaque, .opaque),
        (.any, .range(80...80), .range(80...80)), (.range(1...100), .range(50...200), .range(50...100)),
        (.range(1...100), .range(100...200), .range(100...100)),
    ])
    func `ports meet`(a: PortSelector, b: PortSelector, both: PortSelector) {
        #expect(a.intersection(b) == both)
        #expect(b.intersection(a) == both)
    }

    // A limit on ports says nothing about packets that have none (RFC 4301 §4.4.1.1).
    @Test(arguments: [
        (PortSelector.opaque, PortSelector.range(80...80)), (.opaque, .range(1...65_535)),
        (.opaque, .range(0...65_534)), (.range(1...2), .range(3...4)),
    ])
    func `ports do not meet`(a: PortSelector, b: PortSelector) {
        #expect(a.intersection(b) == nil)
        #expect(b.intersection(a) == nil)
    }

    private func selector(_ block: String, _ ipProtocol: UInt8, _ ports: PortSelector = .any) throws
        -> TrafficSelector
    {
        let addresses = AddressRange(try #require(IPPrefix(block)))
        return TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: addresses)
    }

    @Test func `any protocol narrows to the one that is named`() throws {
        let any = try self.selector("10.0.0.0/8", 0, .range(80...90))
        let tcp = try self.selector("10.1.0.0/16", 6, .range(85...99))
        #expect(try any.intersection(tcp) == self.selector("10.1.0.0/16", 6, .range(85...90)))
        #expect(try self.selector("10.0.0.0/8", 0).contains(tcp))
        #expect(try !tcp.contains(self.selector("10.1.0.0/16", 0, .range(85...99))))
        #expect(try tcp.intersection(self.selector("10.1.0.0/16", 17)) == nil)
    }

    @Test func `families do not meet`() throws {
        let (v4, v6) = (try self.selector("0.0.0.0/0", 0), try self.selector("::/0", 0))
        #expect(v4.intersection(v6) == nil)
        #expect(!v4.contains(v6))
        #expect(!v6.contains(v4))
    }

    @Test(
        arguments: [
            ("10.1.0.0/24", 0, PortSelector.any, "10.1.0.0/24"), ("10.1.0.5/32", 6, .any, "10.1.0.5/32[6]"),
            ("10.1.0.0/24", 6, .range(443...443), "10.1.0.0/24[6/443]"),
            ("10.1.0.0/24", 17, .range(0...1_023), "10.1.0.0/24[17/0-1023]"),
            ("2001:db8::/32", 0, .opaque, "2001:db8::/32[any/opaque]"),
            ("10.1.0.0/24", 0, .range(5...6), "10.1.0.0/24[any/5-6]"),
        ] as [(String, UInt8, PortSelector, String)])
    func `a selector is printed as blocks and limits`(
        block: String, ipProtocol: UInt8, ports: PortSelector, text: String
    ) throws {
        #expect(try self.selector(block, ipProtocol, ports).description == text)
    }

    @Test func `a selector that is no block is printed as a range`() throws {
        let addresses = try range("10.0.0.1", "10.0.0.9")
        #expect(TrafficSelector(addresses: addresses).description == "10.0.0.1-10.0.0.9")
    }
}
