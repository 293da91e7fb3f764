import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// ESP is a sign of life, and keeps NATs' mappings (RFC 7296 §2.4, RFC 3948 §4).
@Suite(.networkCapture) struct ESPLivenessTests {
    private static let delay = Duration.seconds(30)

    private func watched(_ topology: Bench.Topology = Bench.Topology()) throws -> Bench {
        let bench = Bench(topology) {
            $0.connections[0].livenessDelay = Self.delay
            $0.connections[0].children[0].lifetime.rekey = nil
        }
        try bench.connect()
        return bench
    }

    /// The peer sends a packet every five seconds that nobody answers.
    private func talk(_ bench: Bench, packets: Int) throws {
        for number in 0..<packets {
            try bench.peer.say("say \(number)")
            bench.net.run(for: .seconds(5))
        }
    }

    @Test(arguments: [true, false])
    func `a peer whose ESP comes is not asked, whether or not the kernel knows when it came`(
        tellsLastUse: Bool
    ) throws {
        let bench = try self.watched()
        bench.kernel.tellsLastUse = tellsLastUse
        try self.talk(bench, packets: 120)
        #expect(bench.peer.heardRequests.isEmpty)
        // One look in each delay, and not one for each packet.
        #expect((19...21).contains(bench.kernel.looks))
        bench.expectSound()
    }

    @Test func `a peer whose ESP ends is asked one delay after its last packet`() throws {
        let bench = try self.watched()
        try self.talk(bench, packets: 24)
        let last = try #require(bench.net.sent.last { $0.datagram.kind == .esp }).at
        bench.net.run(for: .seconds(60))
        #expect(bench.peer.heardRequests.count == 1 || bench.peer.heardRequests.count == 2)
        let probe = try #require(
            bench.net.sent.first { $0.at > last && $0.datagram.source.address == Addresses.gateway })
        // The kernel's time is in whole seconds.
        #expect((29...31).contains(probe.at.since(last).wholeSeconds))
        bench.expectSound()
    }

    @Test func `a kernel that only counts makes the question up to one delay later`() throws {
        let bench = try self.watched()
        bench.kernel.tellsLastUse = false
        try self.talk(bench, packets: 24)
        let last = try #require(bench.net.sent.last { $0.datagram.kind == .esp }).at
        bench.net.run(for: .seconds(61))
        let probe = try #require(
            bench.net.sent.first { $0.at > last && $0.datagram.source.address == Addresses.gateway })
        #expect((30...60).contains(probe.at.since(last).wholeSeconds))
        bench.expectSound()
    }

    @Test func `ESP that does not verify, and ESP of ours, is no sign of the peer's life`() throws {
        let bench = try self.watched()
        let reqid = try #require(bench.kernel.inbound.values.first).reqid
        try bench.peer.say("once")
        bench.net.run(for: .milliseconds(50))
        let packet = try #require(bench.net.sent.last { $0.datagram.kind == .esp }).datagram
        bench.peer.settings.answersRequests = false
        for _ in 0..<12 {
            var forged = packet.bytes
            forged[forged.count - 1] ^= 1
            forged[7] &+= 1
            // The first is a replay, the second is not authentic.
            for bytes in [packet.bytes, forged] {
                bench.net.inject(
                    Datagram(
                        source: packet.source, destination: packet.destination, kind: .esp, bytes: bytes))
            }
            bench.gateway.say("ours", reqid: reqid, on: bench.net)
            bench.net.run(for: .seconds(5))
        }
        #expect(bench.peer.heardRequests.count >= 1)
        bench.net.run(for: .seconds(200))
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `a data plane that cannot be asked leaves the question to the peer`() throws {
        let bench = try self.watched()
        bench.kernel.failing = [.traffic]
        try self.talk(bench, packets: 24)
        #expect((3...5).contains(bench.peer.heardRequests.count))
        bench.expectSound()
    }

    @Test func `an IKE_SA without a CHILD_SA has no ESP to look for`() throws {
        let bench = Bench {
            $0.connections[0].livenessDelay = Self.delay
        } peer: {
            $0.espProposals = []
        }
        try bench.connect(bench.peer)
        bench.net.run(for: .seconds(31))
        #expect(bench.kernel.looks == 0)
        #expect(bench.peer.heardRequests.count == 1)
        bench.expectSound()
    }

    @Test func `a peer that speaks while a slow kernel is asked is not asked as well`() throws {
        let bench = try self.watched()
        bench.gateway.kernelDelay = .seconds(3)
        bench.net.run(for: .seconds(31))
        #expect(bench.kernel.looks == 1)
        try bench.finish(bench.peer.probe())
        bench.net.run(for: .seconds(5))
        #expect(bench.peer.heardRequests.isEmpty)
        bench.expectSound()
    }

    @Test func `an IKE_SA that ends while the kernel is asked asks nobody any more`() throws {
        let bench = try self.watched()
        bench.gateway.kernelDelay = .seconds(3)
        bench.net.run(for: .seconds(31))
        try bench.finish(bench.peer.deleteIKESA())
        bench.net.run(for: .seconds(60))
        #expect(bench.peer.heardRequests.isEmpty)
        #expect(bench.engine.context.directory.count == 0)
        bench.expectSound()
    }

    @Test func `new keys of the IKE_SA do not make old ESP news`() throws {
        let bench = try self.watched()
        bench.kernel.tellsLastUse = false
        try self.talk(bench, packets: 8)
        bench.net.run(for: .seconds(20))
        let old = try #require(bench.peer.ikeSA)
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.deleteIKESA(old))
        let before = bench.peer.heardRequests.count
        bench.net.run(for: .seconds(31))
        #expect(bench.peer.heardRequests.count == before + 1)
        bench.expectSound()
    }

    @Test func `ESP that we sent puts the next keepalive off, where we look anyway`() throws {
        let bench = Bench(NATDetectionTests.topology(.gateway, .v4)) {
            $0.connections[0].livenessDelay = .seconds(18)
            $0.connections[0].children[0].lifetime.rekey = nil
        }
        try bench.connect()
        for number in 0..<60 {
            #expect(try bench.pings("\(number)"))
            bench.net.run(for: .seconds(5))
        }
        #expect(bench.net.sent.filter { $0.datagram.isKeepalive }.isEmpty)
        bench.net.run(for: .seconds(60))
        #expect(
            !bench.net.sent.filter { $0.datagram.isKeepalive }.isEmpty || !bench.peer.heardRequests.isEmpty)
        bench.expectSound()
    }

    // MARK: The counts

    @Test func `what is gone is forgotten, and only growth is news`() {
        let now = Instant(nanoseconds: 9_000_000_000)
        let traffic = { (spi: UInt32, packets: UInt64) in
            ESPTraffic(inboundSPI: ESPSPI(spi), packetsIn: packets, lastIn: nil, lastOut: nil)
        }
        var watch = ESPWatch()
        let seen = [
            watch.newest(of: [traffic(1, 0)], now: now), watch.newest(of: [traffic(1, 5)], now: now),
            watch.newest(of: [traffic(1, 5)], now: now),
            watch.newest(of: [traffic(1, 5), traffic(2, 1)], now: now),
            watch.newest(of: [traffic(2, 1)], now: now), watch.newest(of: [traffic(1, 5)], now: now),
        ]
        #expect(seen == [nil, now, nil, now, nil, now])
    }

    @Test func `a time that is known counts, and one in the future is now`() {
        let now = Instant(nanoseconds: 90_000_000_000)
        var watch = ESPWatch()
        let traffic = [7, -3].map {
            ESPTraffic(inboundSPI: ESPSPI(1), packetsIn: 9, lastIn: .seconds($0), lastOut: nil)
        }
        let past = watch.newest(of: [traffic[0]], now: now)
        let future = watch.newest(of: [traffic[1]], now: now)
        #expect(past == now.advanced(by: .seconds(-7)))
        #expect(future == now)
    }
}
