import IPsecModel
import SimNet
import Testing

/// The simulation's NAT behaves as RFC 4787 names it: a test with the wrong NAT shows nothing.
@Suite(.networkCapture) struct SimNATTests {
    /// A host that remembers what it got, and from where.
    private final class Listener: SimHost {
        let addresses: [IPAddress]
        var heard: [Datagram] = []
        var nextDeadline: Instant? { nil }

        init(_ address: IPAddress) { self.addresses = [address] }

        func receive(_ datagram: Datagram, on net: SimNet) { self.heard.append(datagram) }
        func deadlineReached(on net: SimNet) {}
    }

    private struct Scene {
        let net = SimNet()
        let nat: SimNAT
        let inside = Listener(Addresses.hidden)
        let first = Listener(Addresses.gateway)
        let second = Listener(Addresses.otherNAT)

        init(_ nats: SimNAT...) {
            self.nat = nats[0]
            self.net.attach(self.inside, behind: nats)
            self.net.attach(self.first)
            self.net.attach(self.second)
        }

        /// Sends from inside, and says as whom that arrives.
        func out(to host: Listener, port: UInt16) -> Endpoint? {
            self.send(to: Endpoint(host.addresses[0], port))
            return host.heard.last?.source
        }

        /// Sends from inside.
        func send(to destination: Endpoint) {
            self.net.send(
                Datagram(
                    source: Endpoint(Addresses.hidden, 4500), destination: destination, bytes: [1]),
                from: self.inside)
            self.net.run(for: .milliseconds(10))
        }

        /// Sends from outside; true if it gets in.
        func getsIn(from host: Listener, port: UInt16, to outer: Endpoint) -> Bool {
            let before = self.inside.heard.count
            self.net.send(
                Datagram(source: Endpoint(host.addresses[0], port), destination: outer, bytes: [2]),
                from: host)
            self.net.run(for: .milliseconds(10))
            return self.inside.heard.count == before + 1
        }
    }

    @Test(arguments: SimNAT.Behaviour.allCases)
    func `a mapping looks as far at the other side as its class says`(mapping: SimNAT.Behaviour) throws {
        let scene = Scene(SimNAT(outerAddress: Addresses.nat, mapping: mapping))
        let base = try #require(scene.out(to: scene.first, port: 500))
        #expect(base.address == Addresses.nat)
        #expect(scene.out(to: scene.first, port: 500) == base)
        #expect((scene.out(to: scene.first, port: 4500) == base) == (mapping != .addressAndPortDependent))
        #expect((scene.out(to: scene.second, port: 500) == base) == (mapping == .endpointIndependent))
    }

    @Test(arguments: SimNAT.Behaviour.allCases)
    func `a filter looks as far at the other side as its class says`(filtering: SimNAT.Behaviour) throws {
        let scene = Scene(
            SimNAT(outerAddress: Addresses.nat, mapping: .endpointIndependent, filtering: filtering))
        let outer = try #require(scene.out(to: scene.first, port: 500))
        #expect(scene.getsIn(from: scene.first, port: 500, to: outer))
        #expect(
            scene.getsIn(from: scene.first, port: 4500, to: outer) == (filtering != .addressAndPortDependent))
        #expect(scene.getsIn(from: scene.second, port: 500, to: outer) == (filtering == .endpointIndependent))
    }

    @Test func `a mapping is forgotten after its timeout, and packets from outside do not refresh it`() throws
    {
        let scene = Scene(SimNAT(outerAddress: Addresses.nat, timeout: .seconds(30)))
        let outer = try #require(scene.out(to: scene.first, port: 500))
        scene.net.run(for: .seconds(25))
        #expect(scene.getsIn(from: scene.first, port: 500, to: outer))
        scene.net.run(for: .seconds(6))
        #expect(!scene.getsIn(from: scene.first, port: 500, to: outer))
        #expect(scene.out(to: scene.first, port: 500) != outer)
    }

    @Test func `a reboot and a change of address give new mappings`() throws {
        let scene = Scene(SimNAT(outerAddress: Addresses.nat))
        let first = try #require(scene.out(to: scene.first, port: 500))
        scene.nat.reboot()
        #expect(!scene.getsIn(from: scene.first, port: 500, to: first))
        let second = try #require(scene.out(to: scene.first, port: 500))
        #expect(second.address == first.address)
        #expect(second.port != first.port)
        scene.nat.changeAddress(to: Addresses.peer)
        #expect(scene.out(to: scene.first, port: 500)?.address == Addresses.peer)
    }

    @Test(arguments: [true, false])
    func `hosts behind one NAT meet at its outer address if it turns packets around`(hairpins: Bool) {
        let nat = SimNAT(outerAddress: Addresses.nat, hairpins: hairpins)
        let scene = Scene(nat)
        let neighbour = Listener(Addresses.hiddenGateway)
        scene.net.attach(neighbour, behind: [nat])
        nat.forward(500, to: Endpoint(Addresses.hiddenGateway, 500))
        scene.send(to: Endpoint(Addresses.nat, 500))
        #expect(neighbour.heard.count == (hairpins ? 1 : 0))
        // RFC 4787 §6, REQ-9a: from the outside address and port, not the inner ones.
        #expect(neighbour.heard.allSatisfy { $0.source.address == Addresses.nat })
    }

    @Test func `hosts of one private network need no NAT to meet`() {
        let nat = SimNAT(outerAddress: Addresses.nat)
        let scene = Scene(nat)
        let neighbour = Listener(Addresses.hiddenGateway)
        scene.net.attach(neighbour, behind: [nat])
        scene.send(to: Endpoint(Addresses.hiddenGateway, 500))
        #expect(neighbour.heard.map(\.source) == [Endpoint(Addresses.hidden, 4500)])
        #expect(nat.mappingCount == 0)
    }

    @Test func `with a second NAT in front a packet goes no further out than it must`() {
        let front = SimNAT(outerAddress: Addresses.nat)
        let home = SimNAT(outerAddress: .v4(IPv4Address(100, 64, 0, 1)))
        let other = SimNAT(outerAddress: .v4(IPv4Address(100, 64, 0, 2)))
        let scene = Scene(home, front)
        let neighbour = Listener(Addresses.hiddenGateway)
        scene.net.attach(neighbour, behind: [other, front])
        other.forward(500, to: Endpoint(Addresses.hiddenGateway, 500))
        front.forward(500, to: Endpoint(other.outerAddress, 500))
        scene.send(to: Endpoint(other.outerAddress, 500))
        #expect(neighbour.heard.map(\.source.address) == [home.outerAddress])
        #expect(front.mappingCount == 0)
        scene.send(to: Endpoint(Addresses.nat, 500))
        #expect(neighbour.heard.map(\.source.address) == [home.outerAddress, Addresses.nat])
        #expect(scene.out(to: scene.first, port: 500)?.address == Addresses.nat)
    }

    @Test func `what is too big for a link crosses in pieces, or not at all`() {
        let sender = Listener(Addresses.peer)
        let receiver = Listener(Addresses.gateway)
        /// How many of 300 packets with this many octets of UDP payload arrive.
        func arrivals(_ octets: Int, _ change: (inout LinkConditions) -> Void) -> Int {
            let net = SimNet()
            net.attach(sender)
            net.attach(receiver)
            change(&net.conditions)
            let before = receiver.heard.count
            for _ in 0..<300 {
                net.send(
                    Datagram(
                        source: Endpoint(Addresses.peer, 1), destination: Endpoint(Addresses.gateway, 1),
                        bytes: [UInt8](repeating: 0, count: octets)), from: sender)
            }
            net.run(for: .seconds(1))
            return receiver.heard.count - before
        }
        // 1,472 octets, eight of UDP's header and twenty of IP's are 1,500.
        #expect(arrivals(1_472) { ($0.mtu, $0.carriesFragments) = (1_500, false) } == 300)
        #expect(arrivals(1_473) { ($0.mtu, $0.carriesFragments) = (1_500, false) } == 0)
        #expect(arrivals(1_473) { $0.mtu = 1_500 } == 300)
        // Four pieces, of which each is lost with a probability of 0.3: 0.24 of the packets arrive whole.
        let whole = arrivals(5_000) { ($0.mtu, $0.loss) = (1_500, 0.3) }
        #expect((50...95).contains(whole))
    }

    @Test func `loss, duplication and reordering happen as often as asked for, and the same for one seed`() {
        func arrivals(_ seed: UInt64) -> [UInt8] {
            let net = SimNet(seed: seed)
            net.conditions = .bad
            let sender = Listener(Addresses.peer)
            let receiver = Listener(Addresses.gateway)
            net.attach(sender)
            net.attach(receiver)
            for index in 0..<200 as Range<UInt8> {
                net.send(
                    Datagram(
                        source: Endpoint(Addresses.peer, 1), destination: Endpoint(Addresses.gateway, 1),
                        bytes: [index]), from: sender)
                net.run(for: .milliseconds(50))
            }
            net.run(for: .seconds(1))
            return receiver.heard.compactMap(\.bytes.first)
        }
        let once = arrivals(1)
        #expect(once == arrivals(1))
        #expect(once != arrivals(2))
        #expect((140...180).contains(Set(once).count))
        #expect(once.count > Set(once).count)
        #expect(once != once.sorted())
    }
}
