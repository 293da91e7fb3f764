import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// A peer that can do without rekeying a CHILD_SA, or has no room: it answers NO_ADDITIONAL_SAS (RFC 7296 §1.3, §4).
@Suite(.networkCapture) struct MinimalPeerTests {
    /// What A's CHILD_SA is rekeyed after, and what it lives.
    private static let lifetime = Lifetime(rekey: .seconds(100), hard: .seconds(1_000), jitter: .zero)

    /// Two gateways that stand, of which B takes in no CHILD_SA more, and A rekeys its own after 100 s.
    private func standing(_ lifetime: Lifetime = Self.lifetime) throws -> Pair {
        let pair = try Pair(
            a: {
                $0.connections[0].lifetime = Lifetime(rekey: nil, hard: nil, jitter: .zero)
                $0.connections[0].children[0].lifetime = lifetime
            },
            b: {
                $0.connections[0].lifetime = Lifetime(rekey: nil, hard: nil, jitter: .zero)
                $0.connections[0].children[0].lifetime = Lifetime(rekey: nil, hard: nil, jitter: .zero)
                $0.limits.childSAsPerIKESA = 1
            })
        try pair.connect()
        return pair
    }

    /// When A asked for a CHILD_SA, since `start`.
    private func requests(_ pair: Pair, since start: Instant) throws -> [Duration] {
        try pair.net.sent.compactMap { sent in
            guard sent.at >= start, pair.a.addresses.contains(sent.datagram.source.address),
                let octets = sent.datagram.ikeMessage
            else { return nil }
            let header = try DecodedMessage.decode(octets).header
            guard header.exchange == .createChildSA, !header.flags.contains(.response) else { return nil }
            return sent.at.since(start)
        }
    }

    private func refusals(_ pair: Pair) -> [NotifyType] {
        pair.a.events.compactMap {
            guard case .rekeyingRefused(_, "net"?, let type, isVerification: false, _) = $0 else {
                return nil
            }
            return type
        }
    }

    private func expectOne(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        #expect(pair.agreedChildren == 1 && pair.agreedIKESAs == 1, sourceLocation: location)
        #expect(pair.pings(), sourceLocation: location)
        pair.expectSound(location)
    }

    @Test func `the tunnel stays, and the peer is asked again after a minute, not each second`() throws {
        let pair = try self.standing()
        let spec = try #require(pair.a.engine.snapshots.first?.children.first?.spec)
        let start = pair.net.now
        pair.net.run(for: .seconds(590))
        #expect(pair.a.kernel.inbound.keys.first == spec.inboundSPI)
        let asked = try self.requests(pair, since: start)
        // After 100 s, and each 60 s to 90 s from there.
        #expect((6...9).contains(asked.count))
        for (one, next) in zip(asked, asked.dropFirst()) {
            #expect((Duration.seconds(60)...(.seconds(91))).contains(next - one))
        }
        #expect(self.refusals(pair) == [NotifyType](repeating: .noAdditionalSAs, count: asked.count))
        #expect(pair.attempts == 1)
        self.expectOne(pair)
    }

    @Test func `a peer that has room again gets its rekeying`() throws {
        let pair = try self.standing()
        let spi = pair.a.kernel.inbound.keys.first
        pair.net.run(for: .seconds(120))
        #expect(self.refusals(pair) == [.noAdditionalSAs])
        var configuration = pair.b.engine.context.configuration
        configuration.limits.childSAsPerIKESA = 64
        pair.b.feed(.configuration(configuration), on: pair.net)
        pair.net.run(for: .seconds(90))
        #expect(pair.a.kernel.inbound.keys.first != spi)
        #expect(self.refusals(pair).count == 1)
        self.expectOne(pair)
    }

    /// RFC 7296 §1.3.1: what is lacking then is another CHILD_SA, and the old one's end has made room for it.
    @Test func `a CHILD_SA that was never rekeyed comes again after its end`() throws {
        let pair = try self.standing(Lifetime(rekey: .seconds(100), hard: .seconds(150), jitter: .zero))
        for _ in 0..<5 {
            let spi = pair.a.kernel.inbound.keys.first
            pair.net.run(for: .seconds(170))
            #expect(pair.a.kernel.inbound.keys.first != spi)
            self.expectOne(pair)
        }
        #expect(pair.attempts == 1)
    }

    @Test func `an operator's rekeying is refused once, and the pause begins anew`() throws {
        let pair = try self.standing(Lifetime(rekey: nil, hard: nil, jitter: .zero))
        let start = pair.net.now
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: "net"), of: pair.a))
        pair.net.run(for: .seconds(59))
        #expect(try self.requests(pair, since: start).count == 1)
        #expect(self.refusals(pair) == [.noAdditionalSAs])
        self.expectOne(pair)
    }
}
