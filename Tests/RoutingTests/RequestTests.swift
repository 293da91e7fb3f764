internal import IPsecModel
internal import Netlink
internal import Testing

@testable internal import Routing

/// Our requests against those that iproute2 makes of the same wishes.
@Suite struct RequestTests {
    private let vectors: [String: [String]]
    private let numbers = RoutingNumbers(table: 17_238, origin: 67, mark: 0x4356_0001, priority: 17_000)

    init() throws {
        self.vectors = try RoutingTests.vectors("iproute2-requests")
    }

    /// Type, flags and payload are iproute2's.
    private func expect(
        _ request: NetlinkRequest, is name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let fields = try #require(self.vectors[name], sourceLocation: sourceLocation)
        try #require(fields.count == 3, sourceLocation: sourceLocation)
        let header = request.bytes.prefix(16)
        let flags = UInt16(header[6]) | UInt16(header[7]) << 8
        #expect(request.type.rawValue == UInt16(fields[0]), sourceLocation: sourceLocation)
        #expect(flags == UInt16(fields[1]), sourceLocation: sourceLocation)
        #expect(hexadecimal(request.bytes.dropFirst(16)) == fields[2], sourceLocation: sourceLocation)
    }

    private func route(
        _ prefix: String, source: String? = nil, mtu: Int? = nil, size: Int? = nil
    ) throws -> NetlinkRequest {
        let hop = Route.Hop(
            interface: 17, preferredSource: try source.map { try address($0) }, mtu: mtu, advertisedMSS: size)
        return Route(try RoutingTests.prefix(prefix), .interface(hop)).replacement(self.numbers)
    }

    @Test func `an interface goes up, and gets an MTU and a queue`() throws {
        try self.expect(LinkRequest.change(17, isUp: true), is: "link-up")
        try self.expect(LinkRequest.change(17) { $0.attribute(LinkAttribute.mtu, 1_400) }, is: "link-mtu")
        try self.expect(
            LinkRequest.change(17) { $0.attribute(LinkAttribute.queueLength, 1_000) }, is: "link-queue")
    }

    @Test func `an address comes without a route and without a search for duplicates, and goes`() throws {
        let added: NetlinkRequest.Flags = [.acknowledge, .create, .exclusive]
        let v4 = InterfaceAddress(try address("10.1.0.1"), prefixLength: 32, interface: 17)
        try self.expect(v4.request(.newAddress, flags: added), is: "address-add")
        try self.expect(v4.request(.deleteAddress), is: "address-delete")
        let v6 = InterfaceAddress(try address("2001:db8:1::1"), prefixLength: 128, interface: 17)
        try self.expect(v6.request(.newAddress, flags: added), is: "address-add-v6")
        try self.expect(v6.request(.deleteAddress), is: "address-delete-v6")
    }

    @Test func `a route leads to an interface, with a source and metrics where they are wanted`() throws {
        try self.expect(self.route("10.2.0.0/16"), is: "route")
        try self.expect(
            self.route("10.2.0.0/16", source: "10.1.0.1", mtu: 1_400, size: 1_360), is: "route-full")
        try self.expect(
            self.route("2001:db8:2::/48", source: "2001:db8:1::1", mtu: 1_400, size: 1_340),
            is: "route-full-v6")
        try self.expect(self.route("0.0.0.0/0", mtu: 1_400), is: "route-default")
    }

    @Test func `a prefix is thrown`() throws {
        try self.expect(Route(try prefix("10.1.0.0/24"), .throw).replacement(self.numbers), is: "route-throw")
        try self.expect(
            Route(try prefix("2001:db8:1::/48"), .throw).replacement(self.numbers), is: "route-throw-v6")
    }

    @Test func `a route is deleted by its prefix, table and origin`() throws {
        try self.expect(Route.deletion(try prefix("10.2.0.0/16"), self.numbers), is: "route-delete")
        try self.expect(Route.deletion(try prefix("2001:db8:2::/48"), self.numbers), is: "route-delete-v6")
    }

    @Test func `a rule leads all but marked packets into the table, and is deleted`() throws {
        for (family, suffix) in [(AddressFamily.v4, ""), (.v6, "-v6")] {
            let rule = RoutingRule(family, self.numbers)
            try self.expect(rule.creation(origin: 67), is: "rule-add" + suffix)
            try self.expect(rule.deletion(origin: 67), is: "rule-delete" + suffix)
        }
    }

    @Test(arguments: [("203.0.113.2", ""), ("2001:db8:f::2", "-v6")])
    func `a rule leads packets from an address past the table, and is deleted`(
        source: String, suffix: String
    ) throws {
        let rule = RoutingRule(outside: try address(source), RoutingNumbers(priority: 17_238))
        try self.expect(rule.creation(origin: 67), is: "rule-from-add" + suffix)
        try self.expect(rule.deletion(origin: 67), is: "rule-from-delete" + suffix)
    }

    @Test(arguments: [
        (RoutingRule.OuterFlow.ike, "ike"), (.natTraversal, "nat"), (.esp, "esp"),
    ])
    func `a rule leads answers to IKE or ESP past the table, and is deleted`(
        flow: RoutingRule.OuterFlow, name: String
    ) throws {
        let rule = RoutingRule(flow, at: try address("203.0.113.2"), RoutingNumbers(priority: 17_238))
        try self.expect(rule.creation(origin: 67), is: "rule-\(name)-add")
        try self.expect(rule.deletion(origin: 67), is: "rule-\(name)-delete")
    }

    /// What the kernel writes of a route or a rule has the form of what it reads.
    @Test func `routes and rules are read as they were written`() throws {
        let hop = Route.Hop(
            interface: 17, preferredSource: try address("2001:db8::1"), mtu: 1_280, advertisedMSS: 1_220)
        for route in [
            Route(try prefix("10.2.0.0/16"), .throw), Route(try prefix("::/0"), .interface(hop)),
        ] {
            let payload = route.replacement(self.numbers).bytes.dropFirst(16)
            #expect(try Route(payload, self.numbers) == route)
            #expect(try Route(payload, RoutingNumbers(table: 17_239)) == nil)
            #expect(try Route(payload, RoutingNumbers(origin: 68)) == nil)
            for count in 0..<12 {
                #expect(throws: MalformedMessage.self) { try Route(payload.prefix(count), self.numbers) }
            }
        }
        for rule in [
            RoutingRule(.v6, self.numbers), RoutingRule(outside: try address("203.0.113.2"), self.numbers),
            RoutingRule(.natTraversal, at: try address("203.0.113.2"), self.numbers),
            RoutingRule(.esp, at: try address("2001:db8::2"), self.numbers),
        ] {
            let payload = rule.creation(origin: 67).bytes.dropFirst(16)
            #expect(try RoutingRule(payload, origin: 67) == rule)
            #expect(try RoutingRule(payload, origin: 68) == nil)
            for count in 0..<12 {
                #expect(throws: MalformedMessage.self) { try RoutingRule(payload.prefix(count), origin: 67) }
            }
        }
    }

    @Test func `a prefix that its family cannot have is a fault`() throws {
        var payload = Array(try self.route("10.2.0.0/16").bytes.dropFirst(16))
        payload[1] = 33
        #expect(throws: MalformedMessage(field: "rtm_dst_len")) { try Route(payload[...], self.numbers) }
    }
}
