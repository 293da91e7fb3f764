internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Routing

/// What iproute2 finds in the kernel after our requests.
@Suite(.enabled(if: Host.hasNetworkAdministration)) struct RoutingSocketTests {
    @Test func `an interface goes up with its MTU and queue`() throws {
        try Namespace.run { namespace in
            try namespace.ip("link set tunnel down")
            let socket = try RoutingSocket()
            try socket.setMTU(1_399, interface: 17)
            try socket.setQueueLength(777, interface: 17)
            try socket.setUp(interface: 17)
            #expect(try socket.mtu(interface: 17) == 1_399)
            let line = try #require(try namespace.ip("-o link show tunnel").first)
            #expect(
                line.contains(",UP") && line.contains("mtu 1399 ") && line.contains("qlen 777"), "\(line)")
        }
    }

    @Test func `an interface that is not there is a fault that says so`() throws {
        try Namespace.run { _ in
            let socket = try RoutingSocket()
            let fault = #expect(throws: KernelFault.self) { try socket.mtu(interface: 999) }
            #expect(
                fault?.operation == "GETLINK" && fault?.text.hasPrefix("there is no such interface") == true)
            let hop = Route.Hop(interface: 999)
            #expect(throws: KernelFault.self) {
                try socket.replace(Route(try prefix("10.2.0.0/16"), .interface(hop)))
            }
        }
    }

    @Test func `addresses are listed with their interface and reach`() throws {
        try Namespace.run { _ in
            let found = try RoutingSocket().addresses()
            let loopback = InterfaceAddress(
                try address("127.0.0.1"), prefixLength: 8, interface: 1, isGlobal: false)
            #expect(found.contains(loopback))
            let own = try #require(found.first { $0.address == (try? address("10.1.0.1")) })
            #expect(own.prefixLength == 24 && own.isGlobal)
            let own6 = try #require(found.first { $0.address == (try? address("2001:db8:1::1")) })
            #expect(own6.prefixLength == 64 && own6.isGlobal && own6.interface == own.interface)
        }
    }

    @Test(arguments: [("10.1.0.1", "10.1.0.1/32"), ("2001:db8:1::1", "2001:db8:1::1/128")])
    func `an address is added and removed, each twice without a fault`(text: String, line: String) throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket()
            for _ in 0..<2 { try socket.add(try address(text), interface: 17) }
            #expect(try namespace.tunnelAddresses() == [line])
            // Usable at once: the kernel does not look for a duplicate first.
            let unsure = try namespace.ip("-o addr show dev tunnel tentative")
            #expect(!unsure.contains { $0.contains(line) })
            for _ in 0..<2 { try socket.remove(try address(text), interface: 17) }
            #expect(try namespace.tunnelAddresses().isEmpty)
        }
    }

    @Test func `a route of IPv4 is what was asked for, is replaced, listed and deleted`() throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket()
            let hop = Route.Hop(
                interface: 17, preferredSource: try address("10.1.0.1"), mtu: 1_400, advertisedMSS: 1_300)
            let route = Route(try prefix("10.2.0.0/16"), .interface(hop))
            try socket.replace(Route(route.prefix, .throw))
            #expect(try namespace.table() == ["throw 10.2.0.0/16 table 17238"])
            for _ in 0..<2 { try socket.replace(route) }
            #expect(
                try namespace.table() == [
                    "10.2.0.0/16 dev tunnel table 17238 scope link src 10.1.0.1 mtu 1400 advmss 1300"
                ])
            #expect(try socket.routes(.v4) == [route])
            for _ in 0..<2 { try socket.deleteRoute(route.prefix) }
            #expect(try namespace.table().isEmpty)
        }
    }

    @Test func `a route of IPv6 is what was asked for, is replaced, listed and deleted`() throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket()
            let hop = Route.Hop(interface: 17, preferredSource: try address("2001:db8:1::1"), mtu: 1_380)
            let route = Route(try prefix("2001:db8:2::/48"), .interface(hop))
            try socket.replace(Route(route.prefix, .throw))
            #expect(try socket.routes(.v6) == [Route(route.prefix, .throw)])
            for _ in 0..<2 { try socket.replace(route) }
            let found = try namespace.table("-6")
            #expect(found.count == 1)
            let start = "2001:db8:2::/48 dev tunnel table 17238 src 2001:db8:1::1 metric 1024 mtu 1380"
            #expect(found.first?.hasPrefix(start) == true, "\(found)")
            #expect(try socket.routes(.v6) == [route])
            for _ in 0..<2 { try socket.deleteRoute(route.prefix) }
            #expect(try namespace.table("-6").isEmpty)
        }
    }

    @Test func `routes of others stay, in our table too`() throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket()
            #expect(try socket.routes(.v4).isEmpty && socket.routes(.v6).isEmpty)
            try namespace.ip("route add 10.7.0.0/16 dev tunnel table 17238")
            try namespace.ip("route add 10.8.0.0/16 dev tunnel proto 67")
            try socket.replace(Route(try prefix("10.9.0.0/16"), .throw))
            try socket.deleteRoute(try prefix("10.7.0.0/16"))
            try socket.flushRoutes(.v4)
            #expect(try namespace.ip("route show table 17238") == ["10.7.0.0/16 dev tunnel scope link"])
            #expect(try namespace.ip("route show proto 67") == ["10.8.0.0/16 dev tunnel scope link"])
        }
    }

    @Test(arguments: [("-4", AddressFamily.v4), ("-6", .v6)])
    func `a rule is added, listed and deleted`(flag: String, family: AddressFamily) throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket(RoutingNumbers(mark: 0x77, priority: 5_000))
            let before = try namespace.ip("\(flag) rule")
            let rule = RoutingRule(family, socket.numbers)
            for _ in 0..<2 { try socket.add(rule) }
            let added = try namespace.ip("\(flag) rule").filter { !before.contains($0) }
            #expect(added == ["5000:\tnot from all fwmark 0x77 lookup 17238 proto 67"])
            #expect(try socket.rules(family) == [rule])
            for _ in 0..<2 { try socket.delete(rule) }
            #expect(try namespace.ip("\(flag) rule") == before)
        }
    }

    @Test func `a rule of somebody else is neither listed nor deleted`() throws {
        try Namespace.run { namespace in
            let socket = try RoutingSocket()
            try namespace.ip("rule add not fwmark 0x43560001 priority 17238 table 17238 protocol 99")
            let before = try namespace.ip("rule")
            #expect(try socket.rules(.v4).isEmpty)
            try socket.delete(RoutingRule(.v4, socket.numbers))
            #expect(try namespace.ip("rule") == before)
        }
    }

    @Test(arguments: [(Int32(97), true), (95, true), (22, false)])
    func `a missing address family is told from other faults`(errno: Int32, isMissing: Bool) {
        let fault = KernelFault(operation: "NEWRULE", object: "rule", errno: errno)
        #expect(fault.isMissingFamily == isMissing)
    }
}
