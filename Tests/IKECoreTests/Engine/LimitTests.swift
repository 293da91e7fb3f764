import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What strangers can make an engine hold, and for how long.
@Suite(.networkCapture) struct LimitTests {
    /// Sends IKE_SA_INIT requests and nothing after them, each from another address.
    private func flood(
        _ bench: Bench, count: Int, sameAddress: Bool = false, sameSPI: Bool = false
    ) throws {
        bench.peer.settings.retransmission = [.seconds(1)]
        for index in 0..<count {
            if !sameSPI || index == 0 {
                bench.peer.initiatorSPI = IKESPI(UInt64(index + 1))
            }
            if !sameAddress {
                bench.peer.settings.address = .v4(IPv4Address(bits: 0xc633_6400 + UInt32(index)))
            }
            try bench.peer.sendInit(
                method: .x25519, nonce: bench.peer.freshNonce(), cookie: nil, continues: false)
            bench.net.run(for: .milliseconds(20))
        }
    }

    @Test func `half-open IKE_SAs stop at the limit, and the excess gets silence`() throws {
        let bench = Bench {
            $0.limits.halfOpenIKESAs = 5
            $0.limits.cookieThreshold = 100
        }
        try self.flood(bench, count: 9)
        #expect(bench.engine.halfOpenCount == 5)
        #expect(bench.engine.counters.dropped(.limit) == 4)
        #expect(bench.net.sent.count == 9 + 5)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.halfOpenCount == 0)
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.engine.nextDeadline == nil)
        bench.expectSound()
    }

    @Test func `half-open IKE_SAs of one address stop at their own limit`() throws {
        let bench = Bench {
            $0.limits.halfOpenIKESAsPerAddress = 3
            $0.limits.cookieThreshold = 100
        }
        try self.flood(bench, count: 6, sameAddress: true)
        #expect(bench.engine.halfOpenCount == 3)
        #expect(bench.engine.counters.dropped(.limit) == 3)
        // Somebody else still gets in.
        bench.net.run(for: .seconds(2))
        bench.peer.settings.address = .v4(IPv4Address(198, 51, 100, 200))
        try bench.connect(bench.peer)
        #expect(bench.peer.isEstablished)
        // And time makes room again.
        bench.net.run(for: .seconds(31))
        try self.flood(bench, count: 3, sameAddress: true)
        #expect(bench.engine.halfOpenCount == 3)
        bench.expectSound()
    }

    @Test func `requests that differ in their octets but not in their SPI are counted one by one`() throws {
        let bench = Bench {
            $0.limits.halfOpenIKESAsPerAddress = 4
            $0.limits.cookieThreshold = 100
        }
        try self.flood(bench, count: 8, sameAddress: true, sameSPI: true)
        #expect(bench.engine.halfOpenCount == 4)
        #expect(bench.engine.context.directory.count == 4)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.context.directory.count == 0)
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `a refused IKE_AUTH keeps its place among the half-open until it is forgotten`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.psk = [1]
        }
        try bench.connect(bench.peer)
        #expect(bench.engine.halfOpenCount == 1)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `established IKE_SAs stop at their limit`() throws {
        let bench = Bench { $0.limits.ikeSAs = 1 }
        try bench.connect()
        let other = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) { $0.retransmission = [.seconds(1)] }
        try bench.connect(other)
        #expect(!other.isEstablished)
        #expect(bench.engine.counters.dropped(.limit) == 1)
        // The one that stands cannot grow by rekeying either.
        let request = try bench.peer.rekeyIKESA()
        try bench.finish(request)
        #expect(request.error == .noAdditionalSAs)
        #expect(bench.agreedChildren()?.count == 1)
        bench.expectSound()
    }

    @Test func `answers to messages of unknown IKE_SAs are few`() throws {
        let bench = Bench()
        let header = IKEHeader(
            initiatorSPI: IKESPI(1), responderSPI: IKESPI(2), exchange: .informational, flags: [.initiator],
            messageID: 5)
        let octets = try IKEMessageEncoder.clear(header, [])
        for _ in 0..<100 { bench.peer.send(octets) }
        bench.net.run(for: .milliseconds(500))
        let answers = bench.net.sent.map(\.datagram).filter { $0.source.address == Addresses.gateway }
        #expect(answers.count == 10)
        #expect(bench.engine.counters.dropped(.unknownSPI) == 100)
        let message = try DecodedMessage.decode(try #require(answers.first).bytes)
        #expect(message.payloads == [.notify(NotifyPayload(.invalidIKESPI))])
        #expect(message.header.initiatorSPI == IKESPI(1))
        #expect(message.header.responderSPI == IKESPI(2))
        #expect(message.header.messageID == 5)
        #expect(message.header.flags == [.response])
        // A second later there is a budget again.
        bench.net.run(for: .seconds(1))
        bench.peer.send(octets)
        bench.net.run(for: .milliseconds(500))
        #expect(bench.net.sent.filter { $0.datagram.source.address == Addresses.gateway }.count == 11)
    }

    @Test func `a response of an unknown IKE_SA gets silence`() throws {
        let bench = Bench()
        let header = IKEHeader(
            initiatorSPI: IKESPI(1), responderSPI: IKESPI(2), exchange: .informational,
            flags: [.initiator, .response], messageID: 5)
        bench.peer.send(try IKEMessageEncoder.clear(header, []))
        bench.net.run(for: .seconds(1))
        #expect(bench.net.sent.count == 1)
    }

    @Test func `an unprotected INFORMATIONAL or notify changes nothing of an IKE_SA`() throws {
        let bench = Bench()
        try bench.connect()
        let ikeSA = try #require(bench.peer.ikeSA)
        let before = bench.net.sent.count
        for payload: Payload in [
            .delete(.ikeSA), .notify(NotifyPayload(.invalidIKESPI)),
            .notify(NotifyPayload(.authenticationFailed)),
        ] {
            for messageID in 0...3 as ClosedRange<UInt32> {
                for isResponse in [false, true] {
                    var header = ikeSA.header(.informational, messageID: messageID, isResponse: isResponse)
                    bench.peer.send(try IKEMessageEncoder.clear(header, [payload]))
                    header.exchange = .ikeSAInit
                    bench.peer.send(try IKEMessageEncoder.clear(header, [payload]))
                }
            }
        }
        bench.net.run(for: .seconds(1))
        // INVALID_IKE_SPI in a response may be true, so the peer was asked, once, and has answered.
        #expect(bench.net.sent.count == before + 48 + 2)
        #expect(bench.peer.heardRequests.map(\.payloads) == [[]])
        #expect(bench.agreedChildren()?.count == 1)
        try bench.finish(bench.peer.probe())
        bench.expectSound()
    }
}
