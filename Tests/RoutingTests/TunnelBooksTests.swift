internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Routing

/// The books against what the kernel has after all steps, whatever comes in whatever order.
@Suite struct TunnelBooksTests {
    /// What the kernel has by the steps alone.
    private struct Kernel: Equatable {
        var routes: [IPPrefix: Route.Target] = [:]
        var addresses: Set<IPAddress> = []
        var outside: Set<IPAddress> = []
        var admitted: Set<IPAddress> = []

        mutating func perform(_ step: TunnelStep) {
            switch step {
            case .add(let address): #expect(self.addresses.insert(address).inserted)
            case .remove(let address): #expect(self.addresses.remove(address) != nil)
            case .keepOutside(let address): #expect(self.outside.insert(address).inserted)
            case .letInside(let address): #expect(self.outside.remove(address) != nil)
            case .admitOuter(let address): #expect(self.admitted.insert(address).inserted)
            case .refuseOuter(let address): #expect(self.admitted.remove(address) != nil)
            case .route(let prefix, let before, let after):
                #expect(self.routes[prefix] == before)
                self.routes[prefix] = after
            }
        }
    }

    private static let interface: UInt32 = 9
    private static let own = ["0.0.0.0/0", "10.1.0.0/24", "10.0.0.0/8", "203.0.113.2/32", "::/0"]
    private static let networks = [
        "0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/16", "10.2.0.64/26", "10.2.0.77/32", "198.51.100.0/24",
        "2001:db8:2::/48",
    ]
    private static let peers = [
        "198.51.100.7", "198.51.100.8", "10.2.0.77", "10.2.0.78", "10.9.0.1", "2001:db8:2::7", "0.0.0.0",
    ]
    private static let outer = ["203.0.113.2", "203.0.113.3", "0.0.0.0", "2001:db8:f::2"]

    private static func needs(
        _ reqid: UInt32, _ random: inout some RandomNumberGenerator
    ) throws -> TunnelNeeds {
        func some(_ texts: [String]) -> [String] {
            texts.shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random)).map { $0 }
        }
        var wanted = try child(
            reqid, local: some(Self.own), remote: some(Self.networks),
            outer: try #require(Self.outer.randomElement(using: &random)),
            peer: try #require(Self.peers.randomElement(using: &random)),
            mtu: Int.random(in: 1_300...1_302, using: &random))
        wanted.isTrap = Int.random(in: 0..<3, using: &random) == 0
        let candidates = [
            InterfaceAddress(try address("10.1.0.1"), prefixLength: 24, interface: 2),
            InterfaceAddress(try address("10.1.0.2"), prefixLength: 24, interface: Self.interface),
        ]
        return try TunnelNeeds(
            wanted, candidates: candidates, interface: Self.interface, families: [.v4, .v6])
    }

    @Test(arguments: 1...200) func `steps lead to what the books say`(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        var books = TunnelBooks()
        var kernel = Kernel()
        for _ in 0..<40 {
            let reqid = UInt32.random(in: 1...6, using: &random)
            let needs = Int.random(in: 0..<3, using: &random) == 0 ? nil : try Self.needs(reqid, &random)
            let old = books.children[reqid]
            for step in books.change(reqid, to: needs, interface: Self.interface) { kernel.perform(step) }
            if Int.random(in: 0..<8, using: &random) == 0 {
                // As after a fault: the child has its old needs again.
                for step in books.change(reqid, to: old, interface: Self.interface) { kernel.perform(step) }
            }
            try self.compare(books, kernel)
        }
        for reqid in 1...6 as ClosedRange<UInt32> {
            for step in books.change(reqid, to: nil, interface: Self.interface) { kernel.perform(step) }
        }
        #expect(kernel == Kernel())
    }

    /// Enters a child or a trap to 0.0.0.0/0, whose peer is at `peer`.
    private static func enter(
        _ books: inout TunnelBooks, _ reqid: UInt32, peer: String, mtu: Int, isTrap: Bool
    ) throws {
        var wanted = try child(reqid, remote: ["0.0.0.0/0"], peer: peer, mtu: mtu)
        wanted.isTrap = isTrap
        let needs = try TunnelNeeds(wanted, candidates: [], interface: Self.interface, families: [.v4])
        _ = books.change(reqid, to: needs, interface: Self.interface)
    }

    @Test func `a trap does not make the packets of its own child shorter`() throws {
        var books = TunnelBooks()
        let all = try prefix("0.0.0.0/0")
        try Self.enter(&books, 1, peer: "198.51.100.7", mtu: 1_200, isTrap: true)
        #expect(
            books.target(of: all, interface: Self.interface)
                == .interface(Route.Hop(interface: 9, mtu: 1_200)))
        try Self.enter(&books, 2, peer: "198.51.100.7", mtu: 1_400, isTrap: false)
        #expect(
            books.target(of: all, interface: Self.interface)
                == .interface(Route.Hop(interface: 9, mtu: 1_400)))
    }

    @Test(arguments: [("198.51.100.7", true, true), ("0.0.0.0", false, true), ("198.51.100.8", false, true)])
    func `a peer is outside of its trap if that knows it, and outside of its child in any case`(
        known: String, isOutsideAlone: Bool, isOutsideWithChild: Bool
    ) throws {
        var books = TunnelBooks()
        let peer = try prefix("198.51.100.7/32")
        try Self.enter(&books, 1, peer: known, mtu: 1_400, isTrap: true)
        #expect((books.target(of: peer, interface: Self.interface) == .throw) == isOutsideAlone)
        try Self.enter(&books, 2, peer: "198.51.100.7", mtu: 1_400, isTrap: false)
        #expect((books.target(of: peer, interface: Self.interface) == .throw) == isOutsideWithChild)
    }

    @Test func `a peer's address that another connection's trap holds back is not let out`() throws {
        var books = TunnelBooks()
        try Self.enter(&books, 1, peer: "198.51.100.8", mtu: 1_400, isTrap: true)
        let moved = try child(2, remote: ["10.2.0.0/16"], peer: "198.51.100.7")
        let needs = try TunnelNeeds(moved, candidates: [], interface: Self.interface, families: [.v4])
        _ = books.change(2, to: needs, interface: Self.interface)
        #expect(books.target(of: try prefix("198.51.100.7/32"), interface: Self.interface) == nil)
    }

    /// All prefixes that there can be, asked one by one.
    private func compare(_ books: TunnelBooks, _ kernel: Kernel) throws {
        let hosts = Self.peers.map { $0 + ($0.contains(":") ? "/128" : "/32") }
        for text in Self.own + Self.networks + hosts {
            let prefix = try prefix(text)
            let target = books.target(of: prefix, interface: Self.interface)
            #expect(kernel.routes[prefix] == target, "\(text)")
        }
        #expect(kernel.addresses == Set(books.addresses.keys))
        #expect(kernel.outside == Set(books.outer.filter { $0.value.isOutside }.keys))
    }

    /// Numbers that are the same in each run.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            // SplitMix64.
            self.state &+= 0x9e37_79b9_7f4a_7c15
            var z = self.state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }
}
