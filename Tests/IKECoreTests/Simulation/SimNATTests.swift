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

        init(_ nat: SimNAT) {
            self.nat = nat
            self.net.attach(self.inside, behind: [nat])
            self.net.attach(self.first)
            self.net.attach(self.second)
        }

        /// Sends from inside, and says as whom that arrives.
        func out(to host: Listener, port: UInt16) -> Endpoint? {
            self.net.send(
                Datagram(
                    source: Endpoint(Addresses.hidden, 4500),
                    destination: Endpoint(host.addresses[0], port), bytes: [1]), from: self.inside)
            self.net.run(for: .milliseconds(10))
            return host.heard.last?.source
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
