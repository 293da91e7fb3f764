internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Routing

/// What one peer says must not lead packets for another's network outside, by what iproute2 says of the kernel's tables.
@Suite(.enabled(if: Host.hasNetworkAdministration)) struct ForeignNetworkTests {
    private func run(_ body: (TunnelRoutes, Namespace) throws -> Void) throws {
        try Namespace.run { namespace in
            try namespace.ip("addr add 203.0.113.2/24 dev lan")
            let routes = TunnelRoutes(try RoutingSocket(), interface: Namespace.tunnel)
            #expect(try routes.start() == nil)
            try body(routes, namespace)
        }
    }

    /// The child whose network is 10.2.0.0/16.
    private func branch(_ reqid: UInt32 = 2) throws -> TunnelChild {
        try child(reqid, remote: ["10.2.0.0/16"], outer: "203.0.113.2", peer: "198.51.100.8")
    }

    @Test func `a part of our side that a peer has chosen is no network of ours`() throws {
        try self.run { routes, namespace in
            try routes.install(try self.branch())
            try routes.install(
                try child(1, local: ["10.2.9.0/24"], own: ["0.0.0.0/0"], remote: ["10.3.0.0/16"]))
            #expect(try namespace.interface(to: "10.2.9.9") == "tunnel")
            #expect(try namespace.interface(to: "10.3.0.9") == "tunnel")
        }
    }

    @Test func `our network stays outside as a whole, although a peer has chosen a part of it`() throws {
        try self.run { routes, namespace in
            try routes.install(
                try child(local: ["10.1.0.0/28"], own: ["10.1.0.0/24"], remote: ["10.0.0.0/8"]))
            #expect(try namespace.interface(to: "10.1.0.99") == "lan")
            #expect(try namespace.interface(to: "10.7.0.9") == "tunnel")
        }
    }

    @Test(arguments: [false, true])
    func `a peer that says it is in another's network makes no hole into that`(isFirst: Bool) throws {
        try self.run { routes, namespace in
            let intruder = try child(
                1, remote: ["10.3.0.0/16"], outer: "203.0.113.2", peer: "10.2.0.77")
            for child in isFirst ? [intruder, try self.branch()] : [try self.branch(), intruder] {
                try routes.install(child)
            }
            #expect(try namespace.interface(to: "10.2.0.77") == "tunnel")
            // Its own outer packets find it, and are let in by the strictest check of source addresses.
            #expect(try namespace.interface(to: "10.2.0.77", "mark 0x43560001") == "lan")
            try namespace.setting("net/ipv4/conf/lan/rp_filter", 1)
            #expect(try namespace.refuses("route get from 10.2.0.77 to 203.0.113.2 iif lan") == false)
            // When nobody has that network any more, it is a peer like any other.
            try routes.remove(reqid: 2)
            #expect(try namespace.interface(to: "10.2.0.77") == "lan")
            #expect(try namespace.table().contains("throw 10.2.0.77 table 17238"))
            try routes.remove(reqid: 1)
            #expect(try namespace.table() == [])
        }
    }

    @Test func `a peer that moves into another's network makes no hole into that`() throws {
        try self.run { routes, namespace in
            try routes.install(try self.branch())
            let before = try child(1, remote: ["10.3.0.0/16"], outer: "203.0.113.2")
            try routes.install(before)
            var after = before
            after.peer = try address("10.2.0.77")
            try routes.update(after)
            #expect(try namespace.interface(to: "10.2.0.77") == "tunnel")
            #expect(try namespace.table().contains { $0.hasPrefix("throw 198.51.100.7 ") } == false)
            #expect(try namespace.table().contains { $0.hasPrefix("throw 198.51.100.8 ") })
        }
    }

    @Test func `a peer within its own network stays outside`() throws {
        try self.run { routes, namespace in
            for reqid in 1...2 as ClosedRange<UInt32> {
                try routes.install(
                    try child(
                        reqid, remote: ["10.2.0.0/16", "10.\(reqid + 3).0.0/16"], outer: "203.0.113.2",
                        peer: "10.2.0.1"))
            }
            #expect(try namespace.interface(to: "10.2.0.1") == "lan")
            #expect(try namespace.interface(to: "10.2.0.2") == "tunnel")
        }
    }

    @Test func `an outer address inside of somebody's selectors changes nothing of this`() throws {
        try self.run { routes, namespace in
            try routes.install(try self.branch())
            try routes.install(
                try child(1, remote: ["10.3.0.0/16"], outer: "203.0.113.2", peer: "10.2.0.77"))
            let everything = try child(
                3, local: ["0.0.0.0/0"], remote: ["10.4.0.0/16"], outer: "203.0.113.2", peer: "198.51.100.9")
            try routes.install(everything)
            #expect(try namespace.interface(to: "10.2.0.77") == "tunnel")
            try routes.remove(reqid: 3)
            #expect(try namespace.interface(to: "10.2.0.77") == "tunnel")
        }
    }
}
