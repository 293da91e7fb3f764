internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Routing

/// This host's own answers from its outer addresses, by what iproute2 says of the kernel's tables.
@Suite(.enabled(if: Host.hasNetworkAdministration)) struct OuterAddressTests {
    private static let rule = "17237:\tfrom 203.0.113.2 lookup main proto 67"
    private static let narrowRules = [
        "17237:\tfrom 203.0.113.2 ipproto udp sport 500 lookup main proto 67",
        "17237:\tfrom 203.0.113.2 ipproto udp sport 4500 lookup main proto 67",
        "17237:\tfrom 203.0.113.2 ipproto esp lookup main proto 67",
    ]

    /// The same namespace as elsewhere, with the outer addresses 203.0.113.2 and 2001:db8:f::2.
    private func run(_ body: (TunnelRoutes, Namespace) throws -> Void) throws {
        try Namespace.run { namespace in
            try namespace.ip("addr add 203.0.113.2/24 dev lan")
            try namespace.ip("-6 addr add 2001:db8:f::2/64 dev lan nodad")
            try namespace.ip("-6 route add default via 2001:db8:f::1 dev lan")
            let routes = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            #expect(try routes.start() == nil)
            try body(routes, namespace)
        }
    }

    @Test func `with everything in the tunnel this host's answers from its outer address stay outside`()
        throws
    {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["0.0.0.0/0"], outer: "203.0.113.2"))
            #expect(try namespace.rulesOutside() == [Self.rule])
            #expect(try namespace.interface(to: "8.8.8.8", "from 203.0.113.2") == "lan")
            #expect(try namespace.interface(to: "8.8.8.8", "from 10.1.0.1") == "tunnel")
            // The source is not chosen yet.
            #expect(try namespace.interface(to: "8.8.8.8") == "tunnel")
            #expect(try namespace.ip("route get 8.8.8.8").first?.contains("src 10.1.0.1") == true)
            try routes.remove(reqid: 1)
            #expect(try namespace.rulesOutside() == [])
        }
    }

    @Test func `answers of IPv6 stay outside as well`() throws {
        try self.run { routes, namespace in
            try routes.install(
                try child(
                    local: ["2001:db8:1::/64"], remote: ["::/0"], outer: "2001:db8:f::2",
                    peer: "2001:db8:f::7"))
            #expect(
                try namespace.rulesOutside("-6") == ["17237:\tfrom 2001:db8:f::2 lookup main proto 67"])
            #expect(try namespace.rulesOutside() == [])
            #expect(try namespace.interface(to: "2001:db8:9::9", "from 2001:db8:f::2") == "lan")
            #expect(try namespace.interface(to: "2001:db8:9::9", "from 2001:db8:1::1") == "tunnel")
            #expect(try namespace.interface(to: "2001:db8:9::9") == "tunnel")
            try routes.remove(reqid: 1)
            #expect(try namespace.rulesOutside("-6") == [])
        }
    }

    @Test func `strict checks of source addresses let a question from anywhere to the outer address in`()
        throws
    {
        try self.run { routes, namespace in
            try namespace.setting("net/ipv4/conf/lan/rp_filter", 1)
            let question = "route get from 198.51.100.8 to 203.0.113.2 iif lan"
            try routes.install(try child(remote: ["0.0.0.0/0"]))
            #expect(try namespace.refuses(question))
            try routes.install(try child(remote: ["0.0.0.0/0"], outer: "203.0.113.2"))
            #expect(try namespace.refuses(question) == false)
        }
    }

    @Test(arguments: ["203.0.113.0/24", "203.0.113.2-203.0.113.2", "203.0.113.1-203.0.113.2", "0.0.0.0/0"])
    func `an outer address in the local selectors is for the tunnel`(selector: String) throws {
        try self.run { routes, namespace in
            try routes.install(
                try child(local: ["10.1.0.0/24", selector], remote: ["0.0.0.0/0"], outer: "203.0.113.2"))
            #expect(try namespace.rulesOutside() == Self.narrowRules)
            #expect(try namespace.interface(to: "198.51.100.7") == "lan")
            #expect(try namespace.interface(to: "8.8.8.8", "from 203.0.113.2") == "tunnel")
        }
    }

    @Test func `with an outer address inside, the strictest check lets IKE and ESP in, and nothing else`()
        throws
    {
        try self.run { routes, namespace in
            try namespace.setting("net/ipv4/conf/lan/rp_filter", 1)
            try routes.install(
                try child(
                    1, local: ["0.0.0.0/0"], remote: ["0.0.0.0/0"], outer: "203.0.113.2",
                    peer: "198.51.100.7"))
            // Another peer, whose address the first one's network has as well.
            let question = "route get from 198.51.100.8 to 203.0.113.2 iif lan"
            #expect(try namespace.refuses(question))
            for port in [500, 4_500] {
                let packet = "ipproto udp sport 1024 dport \(port)"
                #expect(try namespace.refuses("\(question) \(packet)") == false, "\(port)")
            }
            #expect(try namespace.refuses("\(question) ipproto udp sport 4500 dport 53"))
            try routes.remove(reqid: 1)
            #expect(try namespace.rulesOutside() == [])
        }
    }

    @Test(arguments: ["203.0.113.3-203.0.113.9", "203.0.113.0-203.0.113.1"])
    func `local selectors beside an outer address leave it outside`(selector: String) throws {
        try self.run { routes, namespace in
            try routes.install(try child(local: [selector], remote: ["0.0.0.0/0"], outer: "203.0.113.2"))
            #expect(try namespace.rulesOutside() == [Self.rule])
        }
    }

    @Test(arguments: ["0.0.0.0", "::"])
    func `an outer address that is not known gives no rule`(outer: String) throws {
        try self.run { routes, namespace in
            let before = (try namespace.ip("rule"), try namespace.ip("-6 rule"))
            try routes.install(try child(remote: ["0.0.0.0/0"], outer: outer))
            #expect(try namespace.ip("rule") == before.0)
            #expect(try namespace.ip("-6 rule") == before.1)
        }
    }

    @Test func `a rule goes with the last child behind its address`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(1, remote: ["10.2.0.0/24"], outer: "203.0.113.2"))
            try routes.install(try child(2, remote: ["10.3.0.0/24"], outer: "203.0.113.2"))
            // Told anew, a child is not counted twice.
            try routes.install(try child(2, remote: ["10.3.0.0/24"], outer: "203.0.113.2"))
            #expect(try namespace.rulesOutside() == [Self.rule])
            try routes.remove(reqid: 1)
            #expect(try namespace.rulesOutside() == [Self.rule])
            try routes.remove(reqid: 2)
            #expect(try namespace.rulesOutside() == [])
        }
    }

    @Test func `a child whose outer address changes takes the rule along`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.0/24"], outer: "203.0.113.2"))
            try routes.update(try child(remote: ["10.2.0.0/24"], outer: "203.0.113.3"))
            #expect(try namespace.rulesOutside() == ["17237:\tfrom 203.0.113.3 lookup main proto 67"])
            try routes.update(try child(remote: ["10.2.0.0/24"], outer: "0.0.0.0"))
            #expect(try namespace.rulesOutside() == [])
        }
    }

    /// Else what the second child must protect would leave in clear.
    @Test func `an address outside of one child's selectors and inside of another's is for the tunnel`()
        throws
    {
        try self.run { routes, namespace in
            try routes.install(try child(1, remote: ["10.2.0.0/24"], outer: "203.0.113.2"))
            try routes.install(
                try child(2, local: ["0.0.0.0/0"], remote: ["10.9.0.5/32"], outer: "203.0.113.2"))
            #expect(try namespace.rulesOutside() == Self.narrowRules)
            #expect(try namespace.interface(to: "10.9.0.5", "from 203.0.113.2") == "tunnel")
            try routes.remove(reqid: 2)
            #expect(try namespace.rulesOutside() == [Self.rule])
        }
    }

    @Test func `a thousand children behind one address need one rule, and no request for it but the first`()
        throws
    {
        try self.run { routes, namespace in
            func cost(_ reqid: UInt32) throws -> UInt32 {
                let before = routes.socket.transactions
                let remote = ["10.\(2 + reqid / 256).\(reqid % 256).0/24"]
                try routes.install(try child(reqid, remote: remote, outer: "203.0.113.2"))
                return routes.socket.transactions - before
            }
            // The list of addresses, the address, the rule, two throws, the route.
            #expect(try cost(1) == 6)
            // The list and the route: the peer, too, is the same.
            for reqid in 2...UInt32(1_000) {
                let requests = try cost(reqid)
                if requests != 2 { Issue.record("child \(reqid) cost \(requests) requests") }
            }
            #expect(try namespace.rulesOutside() == [Self.rule])
            let before = routes.socket.transactions
            for reqid in 1..<UInt32(1_000) { try routes.remove(reqid: reqid) }
            #expect(routes.socket.transactions - before == 999)
            #expect(try namespace.rulesOutside() == [Self.rule])
            try routes.remove(reqid: 1_000)
            #expect(try namespace.rulesOutside() == [])
        }
    }

    @Test func `a call that fails takes its rule back`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(1, remote: ["10.2.0.0/24"], outer: "203.0.113.2"))
            // The interface loses IPv6, so one of the routes is refused.
            try namespace.setting("net/ipv6/conf/tunnel/disable_ipv6", 1)
            let bad = ["10.3.0.0/24", "2001:db8:2::/48"]
            #expect(throws: KernelFault.self) {
                try routes.install(try child(2, remote: bad, outer: "203.0.113.9"))
            }
            // A change is taken back too.
            #expect(throws: KernelFault.self) {
                try routes.install(try child(1, remote: bad, outer: "203.0.113.9"))
            }
            #expect(try namespace.rulesOutside() == [Self.rule])
            try routes.remove(reqid: 1)
            #expect(try namespace.rulesOutside() == [])
        }
    }

    @Test func `rules go with everything, and at the start if a crashed daemon left them`() throws {
        try self.run { crashed, namespace in
            try namespace.ip("rule add from 203.0.113.4 lookup main priority 17237 protocol 98")
            try namespace.ip("rule add from 203.0.113.5 lookup main priority 17236 protocol 67")
            let others = [
                "17236:\tfrom 203.0.113.5 lookup main proto 67",
                "17237:\tfrom 203.0.113.4 lookup main proto 98",
            ]
            func found() throws -> [String] {
                try (namespace.ip("rule") + namespace.ip("-6 rule")).filter { $0.contains(" main proto ") }
            }
            func fill(_ routes: TunnelRoutes) throws {
                try routes.install(try child(1, remote: ["10.2.0.0/24"], outer: "203.0.113.2"))
                try routes.install(try child(2, remote: ["10.3.0.0/24"], outer: "2001:db8:f::2"))
                #expect(try found().count == 4)
            }
            try fill(crashed)
            let routes = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            try routes.start()
            #expect(try found() == others)
            try fill(routes)
            try routes.removeEverything()
            #expect(try found() == others)
            // The counts are gone as well.
            try routes.start()
            try fill(routes)
        }
    }
}
