internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Routing

/// Where packets go once children are installed, by what iproute2 says of the kernel's tables.
@Suite(.enabled(if: Host.hasNetworkAdministration)) struct TunnelRoutesTests {
    private func run(_ body: (TunnelRoutes, Namespace) throws -> Void) throws {
        try Namespace.run { namespace in
            let routes = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            #expect(try routes.start() == nil)
            try body(routes, namespace)
        }
    }

    @Test func `a child's networks go into the tunnel, and all the rest where it went before`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.0/24"]))
            #expect(
                try namespace.table() == [
                    "10.2.0.0/24 dev tunnel table 17238 scope link src 10.1.0.1 mtu 1400",
                    "throw 10.1.0.0/24 table 17238", "throw 198.51.100.7 table 17238",
                ])
            #expect(try namespace.tunnelAddresses() == ["10.1.0.1/32"])
            #expect(try namespace.interface(to: "10.2.0.9") == "tunnel")
            #expect(try namespace.interface(to: "10.3.0.9") == "lan")
            #expect(try namespace.interface(to: "10.1.0.9") == "lan")
            #expect(try namespace.ip("route get 10.2.0.9").first?.contains("src 10.1.0.1") == true)
        }
    }

    @Test func `packets with the mark never go into the tunnel`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["0.0.0.0/0"]))
            #expect(try namespace.interface(to: "203.0.113.1") == "tunnel")
            #expect(try namespace.interface(to: "203.0.113.1", "mark 0x43560001") == "lan")
            #expect(try namespace.interface(to: "203.0.113.1", "mark 0x43560002") == "tunnel")
        }
    }

    @Test func `with everything in the tunnel the peer and our own networks stay outside`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["0.0.0.0/0"]))
            #expect(try namespace.interface(to: "198.51.100.7") == "lan")
            #expect(try namespace.interface(to: "198.51.100.8") == "tunnel")
            #expect(try namespace.interface(to: "10.1.0.9") == "lan")
        }
    }

    @Test func `the peer is found outside by a check of source addresses`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["0.0.0.0/0"]))
            // As rp_filter looks: a packet from the peer comes in on lan. From elsewhere it is refused.
            let check = "to 10.1.0.1 iif lan"
            try namespace.setting("net/ipv4/conf/lan/rp_filter", 1)
            #expect(try namespace.refuses("route get from 198.51.100.7 \(check)") == false)
            #expect(try namespace.refuses("route get from 198.51.100.8 \(check)"))
        }
    }

    @Test func `our own networks stay outside of a wider remote selector`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.0.0.0/8"]))
            #expect(try namespace.interface(to: "10.1.0.9") == "lan")
            #expect(try namespace.interface(to: "10.1.1.9") == "tunnel")
        }
    }

    @Test func `a range is routed exactly`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.1-10.2.0.6"]))
            let expected = [false, true, true, true, true, true, true, false]
            for (host, isInside) in expected.enumerated() {
                let interface = try namespace.interface(to: "10.2.0.\(host)")
                #expect((interface == "tunnel") == isInside, "10.2.0.\(host): \(interface ?? "none")")
            }
        }
    }

    @Test func `IPv6 inside is routed with its own source, and MTU 1280 at least`() throws {
        try self.run { routes, namespace in
            try routes.install(
                try child(local: ["2001:db8:1::/48"], remote: ["2001:db8:2::/48"], mtu: 1_200))
            let table = try namespace.table("-6")
            #expect(table.count == 2)
            let start = "2001:db8:2::/48 dev tunnel table 17238 src 2001:db8:1::1 metric 1024 mtu 1280"
            #expect(table.first?.hasPrefix(start) == true, "\(table)")
            #expect(table.last?.hasPrefix("throw 2001:db8:1::/48 ") == true, "\(table)")
            #expect(try namespace.tunnelAddresses() == ["2001:db8:1::1/128"])
            #expect(try namespace.interface(to: "2001:db8:2::9") == "tunnel")
            #expect(try namespace.table() == ["throw 198.51.100.7 table 17238"])
        }
    }

    @Test func `a host without an address in the local selectors gets routes without a source`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(local: ["10.9.0.0/24"], remote: ["10.2.0.0/24"]))
            #expect(
                try namespace.table().first == "10.2.0.0/24 dev tunnel table 17238 scope link mtu 1400")
            #expect(try namespace.tunnelAddresses().isEmpty)
        }
    }

    @Test func `the loopback address is no source`() throws {
        try self.run { routes, namespace in
            try namespace.ip("addr add 10.8.0.1/32 dev lan")
            try routes.install(try child(local: ["127.0.0.0/8", "10.8.0.0/24"], remote: ["10.2.0.0/24"]))
            #expect(try namespace.tunnelAddresses() == ["10.8.0.1/32"])
        }
    }

    @Test func `what several children need goes with the last of them`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(1, remote: ["10.2.0.0/24"]))
            let one = try namespace.table()
            try routes.install(try child(2, remote: ["10.2.0.0/24", "10.3.0.0/24"], mtu: 1_300))
            #expect(try namespace.table().first?.hasSuffix("mtu 1300") == true)
            try routes.remove(reqid: 2)
            #expect(try namespace.table() == one)
            #expect(try namespace.tunnelAddresses() == ["10.1.0.1/32"])
            try routes.remove(reqid: 1)
            #expect(try namespace.table().isEmpty)
            #expect(try namespace.tunnelAddresses().isEmpty)
            #expect(routes.count == 0)
            #expect(try namespace.ip("-o addr show dev lan").contains { $0.contains("10.1.0.1/24") })
        }
    }

    @Test func `a prefix that one child throws and another tunnels goes into the tunnel`() throws {
        try self.run { routes, namespace in
            // A hub between two spokes.
            try routes.install(try child(1, local: ["10.3.0.0/24"], remote: ["10.2.0.0/24"]))
            try routes.install(
                try child(2, local: ["10.2.0.0/24"], remote: ["10.3.0.0/24"], peer: "198.51.100.8"))
            #expect(try namespace.interface(to: "10.2.0.9") == "tunnel")
            #expect(try namespace.interface(to: "10.3.0.9") == "tunnel")
            try routes.remove(reqid: 1)
            #expect(try namespace.interface(to: "10.2.0.9") == "lan")
            #expect(try namespace.interface(to: "10.3.0.9") == "tunnel")
        }
    }

    @Test func `an update changes the MTU and the peer, and an unknown child changes nothing`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.0/24"]))
            try routes.update(try child(remote: ["10.2.0.0/24"], peer: "203.0.113.5", mtu: 1_350))
            let expected = [
                "10.2.0.0/24 dev tunnel table 17238 scope link src 10.1.0.1 mtu 1350",
                "throw 10.1.0.0/24 table 17238", "throw 203.0.113.5 table 17238",
            ]
            #expect(try namespace.table() == expected)
            try routes.update(try child(9, remote: ["10.9.0.0/24"]))
            try routes.remove(reqid: 9)
            #expect(try namespace.table() == expected)
        }
    }

    @Test func `an address that the operator gave to the interface stays there`() throws {
        try self.run { routes, namespace in
            try namespace.ip("addr add 10.5.0.1/32 dev tunnel")
            let child = try child(local: ["10.5.0.0/24"], remote: ["10.2.0.0/24"])
            try routes.install(child)
            #expect(try namespace.ip("route get 10.2.0.9").first?.contains("src 10.5.0.1") == true)
            try routes.install(child)
            try routes.remove(reqid: child.reqid)
            #expect(try namespace.tunnelAddresses() == ["10.5.0.1/32"])
        }
    }

    @Test func `an address that this host has lost is no source for the next child`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(1, remote: ["10.2.0.0/24"]))
            try namespace.ip("addr del 10.1.0.1/24 dev lan")
            try routes.install(try child(2, remote: ["10.3.0.0/24"]))
            let table = try namespace.table()
            #expect(table.contains("10.2.0.0/24 dev tunnel table 17238 scope link src 10.1.0.1 mtu 1400"))
            #expect(table.contains("10.3.0.0/24 dev tunnel table 17238 scope link mtu 1400"))
            // The first child notices when it is told anew.
            try routes.install(try child(1, remote: ["10.2.0.0/24"]))
            #expect(try namespace.tunnelAddresses().isEmpty)
        }
    }

    @Test func `a call that fails leaves all as it was`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.0/24"]))
            let before = (try namespace.table(), try namespace.tunnelAddresses())
            // The interface loses IPv6, so one of the routes is refused.
            try namespace.setting("net/ipv6/conf/tunnel/disable_ipv6", 1)
            let bad = ["10.2.0.0/24", "10.3.0.0/24", "2001:db8:2::/48"]
            try namespace.ip("addr add 10.4.0.1/24 dev lan")
            let child = try child(
                2, local: ["10.4.0.0/24", "2001:db8:1::/64"], remote: bad, peer: "203.0.113.1", mtu: 1_300)
            #expect(throws: KernelFault.self) { try routes.install(child) }
            #expect(try namespace.table() == before.0)
            #expect(try namespace.table("-6").isEmpty)
            #expect(try namespace.tunnelAddresses() == before.1)
            #expect(routes.count == 1)
            // The counts are right as well.
            try routes.remove(reqid: 1)
            #expect(try namespace.table().isEmpty)
        }
    }

    @Test func `a selector that needs too many routes is a fault, and nothing is changed`() throws {
        try self.run { routes, namespace in
            let wide = "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"
            let fault = #expect(throws: KernelFault.self) {
                try routes.install(try child(remote: ["10.2.0.0/24", wide]))
            }
            #expect(fault?.text.contains("more than 64 routes") == true)
            let table = try namespace.table()
            #expect(table.isEmpty)
        }
    }

    @Test func `what a crashed daemon left is removed at the start, and nothing of others`() throws {
        try Namespace.run { namespace in
            let rules = (try namespace.ip("rule"), try namespace.ip("-6 rule"))
            let crashed = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            try crashed.start()
            try crashed.install(
                try child(
                    local: ["10.1.0.0/24", "2001:db8:1::/48"], remote: ["10.2.0.0/24", "2001:db8:2::/48"]))
            // An earlier version had another mark.
            try namespace.ip("rule add not fwmark 0x99 priority 4711 table 17238 protocol 67")
            try namespace.ip("rule add not fwmark 0x98 priority 4712 table 99 protocol 67")
            try namespace.ip("route add 10.7.0.0/16 dev tunnel table 17238 proto 99")

            let routes = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            try routes.start()
            #expect(try namespace.table().isEmpty && namespace.table("-6").isEmpty)
            let found = try namespace.ip("rule").filter { !rules.0.contains($0) }
            #expect(
                found == [
                    "4712:\tnot from all fwmark 0x98 lookup 99 proto 67",
                    "17238:\tnot from all fwmark 0x43560001 lookup 17238 proto 67",
                ])
            #expect(try namespace.ip("route show table 17238").count == 1)

            try namespace.ip("rule del priority 4712")
            try routes.removeEverything()
            #expect(try namespace.ip("rule") == rules.0)
            #expect(try namespace.ip("-6 rule") == rules.1)
        }
    }

    @Test func `everything goes, and can come again`() throws {
        try self.run { routes, namespace in
            let child = try child(remote: ["10.2.0.0/24"])
            try routes.install(child)
            try routes.removeEverything()
            #expect(try namespace.table().isEmpty && namespace.tunnelAddresses().isEmpty)
            #expect(routes.count == 0)
            try routes.start()
            try routes.install(child)
            #expect(try namespace.interface(to: "10.2.0.9") == "tunnel")
        }
    }

    @Test func `the removal of a child whose interface is gone is no fault`() throws {
        try self.run { routes, namespace in
            try routes.install(try child(remote: ["10.2.0.0/24"]))
            try namespace.ip("link del tunnel")
            try routes.remove(reqid: 1)
            #expect(try namespace.table().isEmpty)
        }
    }

    /// The number of the last request tells how many there were.
    @Test func `a child costs as much among a thousand as alone`() throws {
        try self.run { routes, namespace in
            func cost(_ reqid: UInt32) throws -> UInt32 {
                let before = routes.socket.transactions
                try routes.install(
                    try child(
                        reqid, remote: ["10.\(2 + reqid / 256).\(reqid % 256).0/24"],
                        peer: "198.18.\(reqid / 256).\(reqid % 256)"))
                return routes.socket.transactions - before
            }
            // The list of addresses, the address, two throws, the route.
            #expect(try cost(1) == 5)
            for reqid in 2..<UInt32(1_000) { _ = try cost(reqid) }
            // Address and throw of the local network are there already.
            #expect(try cost(1_000) == 3)
            let before = routes.socket.transactions
            try routes.remove(reqid: 500)
            #expect(routes.socket.transactions - before == 2)
            #expect(try namespace.table().count == 2 * 999 + 1)
        }
    }
}
