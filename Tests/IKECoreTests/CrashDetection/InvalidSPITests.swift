import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// ESP that we cannot open is told to its sender (RFC 7296 §1.5).
@Suite(.networkCapture) struct InvalidSPITests {
    private let spi = ESPSPI(0x0102_0304)

    /// What the gateway sends when its data plane tells of ESP with an unknown SPI.
    private func answers(_ bench: Bench, _ spi: ESPSPI, from: Endpoint, to: Endpoint) -> [Datagram] {
        let before = bench.net.sent.count
        bench.gateway.feed(.dataPlaneEvent(.unknownSPI(spi, from: from, to: to)), on: bench.net)
        return bench.net.sent.dropFirst(before).map(\.datagram)
    }

    /// The port that ESP came from, or none; the port that the answer goes to.
    @Test(
        arguments: [(0, 500, 500), (4_500, 4_500, 4_500), (31_337, 4_500, 31_337)]
            as [(UInt16, UInt16, UInt16)])
    func `INVALID_SPI goes to where the packet came from, or to IKE's port`(
        port: UInt16, from: UInt16, to: UInt16
    ) throws {
        let bench = Bench()
        let answers = self.answers(
            bench, self.spi, from: Endpoint(Addresses.otherNAT, port),
            to: Endpoint(Addresses.gateway, port == 0 ? 0 : 4_500))
        let answer = try #require(answers.first)
        #expect(answer.source == Endpoint(Addresses.gateway, from))
        #expect(answer.destination == Endpoint(Addresses.otherNAT, to))
        let message = try DecodedMessage.decode(try #require(answer.ikeMessage))
        #expect(message.payloads == [.notify(NotifyPayload(.invalidSPI, data: [1, 2, 3, 4]))])
        #expect(message.header.exchange == .informational)
        #expect(message.header.flags == [.initiator])
        #expect(message.header.initiatorSPI == .zero && message.header.messageID == 0)
    }

    @Test func `of SPIs that are ours nothing is said, and of others not much`() throws {
        let bench = Bench()
        try bench.connect()
        let ours = try #require(bench.kernel.inbound.keys.first)
        let (from, to) = (Endpoint(Addresses.peer, 0), Endpoint(Addresses.gateway, 0))
        #expect(self.answers(bench, ours, from: from, to: to).isEmpty)
        let count = (0..<100).reduce(0) { count, _ in
            count + self.answers(bench, self.spi, from: from, to: to).count
        }
        #expect(count == 10)
        bench.expectSound()
    }

    @Test(arguments: [false, true])
    func `the first packet into a gateway that starts anew brings the tunnel back, without dpd_delay`(
        isNatted: Bool
    ) throws {
        let nat = SimNAT(outerAddress: Addresses.nat)
        let pair = try Pair(isNatted ? .natted(nat) : Bench.Topology())
        try pair.connect()
        pair.net.run(for: .seconds(310))
        pair.restart(\.b)
        pair.b.reportsUnknownSPIs = true
        #expect(!pair.pings())
        // A rest of five seconds, and some round trips.
        pair.net.run(for: .seconds(6))
        #expect(pair.agreedIKESAs == 1 && pair.agreedChildren == 1)
        #expect(pair.pings())
        pair.expectSound()
    }
}
