import IPsecModel
import Testing

@testable import IKECore

/// Narrowing of traffic selectors (RFC 7296 §2.9).
struct SelectorNarrowingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What our side's configuration allows.
        let own: [ConfiguredSelector]
        /// What the peer asks for on our side.
        let asked: [TrafficSelector]
        /// What comes out; nil if nothing is in common.
        let expected: [TrafficSelector]?

        init(
            _ name: String, own: [ConfiguredSelector], asked: [TrafficSelector],
            _ expected: [TrafficSelector]?
        ) {
            self.testDescription = name
            self.own = own
            self.asked = asked
            self.expected = expected
        }
    }

    private static func net(
        _ text: String, _ ipProtocol: UInt8 = 0, _ ports: PortSelector = .any
    ) -> TrafficSelector {
        let range =
            text.split(separator: "-").count == 2
            ? text.split(separator: "-").compactMap { IPAddress(String($0)) } : []
        let addresses =
            range.count == 2
            ? AddressRange(range[0], range[1]) ?? Configurations.selector("0.0.0.0/0").addresses
            : Configurations.selector(text).addresses
        return TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: addresses)
    }

    private static func fixed(_ text: String, _ ipProtocol: UInt8 = 0, _ ports: PortSelector = .any)
        -> ConfiguredSelector
    {
        .fixed(Self.net(text, ipProtocol, ports))
    }

    private static let cases: [Case] = [
        Case("equal", own: [fixed("10.2.0.0/24")], asked: [net("10.2.0.0/24")], [net("10.2.0.0/24")]),
        Case(
            "peer asks for all", own: [fixed("10.2.0.0/24")], asked: [net("0.0.0.0/0")], [net("10.2.0.0/24")]),
        Case(
            "peer asks for less", own: [fixed("10.2.0.0/16")], asked: [net("10.2.3.0/24")],
            [net("10.2.3.0/24")]),
        Case(
            "overlap", own: [fixed("10.2.0.0/24")], asked: [net("10.2.0.128-10.2.1.7")],
            [net("10.2.0.128-10.2.0.255")]),
        Case("disjoint", own: [fixed("10.2.0.0/24")], asked: [net("10.3.0.0/24")], nil),
        Case("other family", own: [fixed("10.2.0.0/24")], asked: [net("::/0")], nil),
        Case("v6", own: [fixed("2001:db8:2::/48")], asked: [net("::/0")], [net("2001:db8:2::/48")]),
        Case(
            "both families", own: [fixed("10.2.0.0/24"), fixed("2001:db8:2::/48")],
            asked: [net("::/0"), net("0.0.0.0/0")], [net("2001:db8:2::/48"), net("10.2.0.0/24")]),
        Case(
            "several of ours in one of theirs", own: [fixed("10.2.0.0/24"), fixed("10.4.0.0/24")],
            asked: [net("10.0.0.0/8")], [net("10.2.0.0/24"), net("10.4.0.0/24")]),
        Case(
            "several of theirs, one fits", own: [fixed("10.2.0.0/24")],
            asked: [net("192.168.0.0/16"), net("10.2.0.0/25")], [net("10.2.0.0/25")]),
        Case(
            "the packet that triggered comes first and is contained", own: [fixed("10.2.0.0/24")],
            asked: [net("10.2.0.9/32", 6, .range(443...443)), net("10.2.0.0/24")], [net("10.2.0.0/24")]),
        Case(
            "protocol of ours", own: [fixed("10.2.0.0/24", 6)], asked: [net("10.2.0.0/24")],
            [net("10.2.0.0/24", 6)]),
        Case(
            "protocol of theirs", own: [fixed("10.2.0.0/24")], asked: [net("10.2.0.0/24", 17)],
            [net("10.2.0.0/24", 17)]),
        Case("other protocol", own: [fixed("10.2.0.0/24", 6)], asked: [net("10.2.0.0/24", 17)], nil),
        Case(
            "ports overlap", own: [fixed("10.2.0.0/24", 6, .range(100...200))],
            asked: [net("10.2.0.0/24", 6, .range(150...300))], [net("10.2.0.0/24", 6, .range(150...200))]),
        Case(
            "ports disjoint", own: [fixed("10.2.0.0/24", 6, .range(100...200))],
            asked: [net("10.2.0.0/24", 6, .range(201...300))], nil),
        Case(
            "opaque asked of any", own: [fixed("10.2.0.0/24")], asked: [net("10.2.0.0/24", 6, .opaque)],
            [net("10.2.0.0/24", 6, .opaque)]),
        Case(
            "opaque asked of a port", own: [fixed("10.2.0.0/24", 6, .range(1...9))],
            asked: [net("10.2.0.0/24", 6, .opaque)], nil),
        Case(
            "dynamic", own: [.dynamic(ipProtocol: 0, ports: .any)], asked: [net("0.0.0.0/0")],
            [net("203.0.113.2/32")]),
        Case(
            "dynamic with a port", own: [.dynamic(ipProtocol: 17, ports: .range(1701...1701))],
            asked: [net("203.0.113.2/32", 17)], [net("203.0.113.2/32", 17, .range(1701...1701))]),
        Case(
            "dynamic, private address asked", own: [.dynamic(ipProtocol: 0, ports: .any)],
            asked: [net("192.168.1.10/32")], nil),
        Case("nothing asked", own: [fixed("10.2.0.0/24")], asked: [], nil),
        Case(
            "the same twice", own: [fixed("10.2.0.0/24")], asked: [net("10.2.0.0/24"), net("10.2.0.0/24")],
            [net("10.2.0.0/24")]),
        Case(
            "the smaller first", own: [fixed("10.2.0.0/24")],
            asked: [net("10.2.0.0/25"), net("10.2.0.0/24")],
            [net("10.2.0.0/24")]),
    ]

    private static func narrowing(_ child: ChildConfiguration) -> SelectorNarrowing {
        SelectorNarrowing(
            child: child, localAddress: Addresses.gateway, remoteAddress: Addresses.peer)
    }

    @Test(arguments: cases)
    func `our side is narrowed to what both have`(example: Case) {
        var child = Configurations.child()
        child.localSelectors = example.own
        let result = Self.narrowing(child).narrow(
            local: example.asked, remote: [Self.net("10.1.0.0/24")])
        #expect(result?.local == example.expected)
        if example.expected != nil { #expect(result?.remote == [Self.net("10.1.0.0/24")]) }
    }

    @Test(arguments: cases.filter { !$0.testDescription.hasPrefix("dynamic") })
    func `the peer's side is narrowed in the same way`(example: Case) {
        var child = Configurations.child()
        child.remoteSelectors = example.own
        let result = Self.narrowing(child).narrow(
            local: [Self.net("10.2.0.0/24")], remote: example.asked)
        #expect(result?.remote == example.expected)
    }

    @Test func `dynamic on the peer's side is the peer's outer address`() {
        var child = Configurations.child()
        child.remoteSelectors = [.dynamic(ipProtocol: 0, ports: .any)]
        let result = Self.narrowing(child).narrow(
            local: [Self.net("10.2.0.0/24")], remote: [Self.net("0.0.0.0/0")])
        #expect(result?.remote == [Self.net("198.51.100.7/32")])
    }

    @Test func `long lists end at the limit`() {
        var child = Configurations.child()
        child.localSelectors = (0..<100).map { Self.fixed("10.2.\($0).0/24") }
        let result = Self.narrowing(child).narrow(
            local: [Self.net("10.0.0.0/8")], remote: [Self.net("10.1.0.0/24")])
        #expect(result?.local.count == SelectorNarrowing.limit)
    }
}
