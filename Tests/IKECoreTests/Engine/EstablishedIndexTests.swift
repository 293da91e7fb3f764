import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// IKE_SAs are found by who they are between and by their connection. What every other suite does to IKE_SAs is checked
/// against the indexes by `expectSound`.
@Suite struct EstablishedIndexTests {
    private func established(_ local: Identity, _ peer: Identity) -> IKESA.Established {
        IKESA.Established(
            peerIdentity: peer, localIdentity: local, establishedAt: .origin, since: .origin, expiresAt: nil,
            rekeyCount: 0)
    }

    private let us = Identity.fqdn("b.example.org")
    private let peer = Identity.fqdn("a.example.org")

    @Test func `names and e-mail addresses of the peer are found without regard to case`() {
        var index = EstablishedIndex()
        index.insert(IKESPI(1), self.established(self.us, self.peer), connection: "net")
        #expect(index.between(self.us, .fqdn("A.Example.ORG")) == [IKESPI(1)])
        #expect(index.between(self.us, .fqdn("aa.example.org")) == [])
        #expect(index.between(self.us, .email("a.example.org")) == [])
        // Who we are is what the configuration says, letter for letter.
        #expect(index.between(.fqdn("B.example.org"), self.peer) == [])
    }

    @Test func `other identities are compared octet by octet`() {
        var index = EstablishedIndex()
        let keyID = Identity(type: .keyID, data: Array("Key".utf8))
        index.insert(IKESPI(1), self.established(self.us, keyID), connection: "net")
        #expect(index.between(self.us, Identity(type: .keyID, data: Array("key".utf8))) == [])
        #expect(index.between(self.us, keyID) == [IKESPI(1)])
    }

    @Test func `several of one kind are all found, and leave one by one`() {
        var index = EstablishedIndex()
        let established = self.established(self.us, self.peer)
        for number in 1...3 as ClosedRange<UInt64> {
            index.insert(IKESPI(number), established, connection: "net")
        }
        index.remove(IKESPI(2), established, connection: "net")
        #expect(Set(index.between(self.us, self.peer)) == [IKESPI(1), IKESPI(3)])
        #expect(Set(index.of(connection: "net")) == [IKESPI(1), IKESPI(3)])
        index.remove(IKESPI(1), established, connection: "net")
        index.remove(IKESPI(3), established, connection: "net")
        #expect(index.byIdentities.isEmpty && index.byConnection.isEmpty)
    }

    @Test func `what is not there can be removed`() {
        var index = EstablishedIndex()
        let established = self.established(self.us, self.peer)
        index.insert(IKESPI(1), established, connection: "net")
        index.remove(IKESPI(2), established, connection: "net")
        index.remove(IKESPI(1), established, connection: "other")
        #expect(index.of(connection: "net") == [IKESPI(1)])
        #expect(index.between(self.us, self.peer) == [])
    }

    @Test func `two CHILD_SAs to which the peer gave one SPI leave one by one`() throws {
        let bench = Bench()
        let directory = bench.engine.context.directory
        try bench.connect()
        let ikeSA = try #require(directory.established(of: "site-a").first)
        let first = try #require(ikeSA.children.first?.spec)
        var second = first
        second.inboundSPI = ESPSPI(first.inboundSPI.number ^ 1)
        directory.setOwner(ofChild: second, ikeSA.localSPI)
        #expect(directory.owners(ofOutbound: first.outboundSPI).count == 2)
        directory.setOwner(ofChild: second, nil)
        #expect(directory.owners(ofOutbound: first.outboundSPI).map(\.localSPI) == [ikeSA.localSPI])
        bench.expectSound()
    }

    @Test func `an IKE_SA is found from its IKE_AUTH to its end, and its successor after a rekeying`() throws
    {
        let bench = Bench()
        let directory = bench.engine.context.directory
        try bench.connect()
        let first = try #require(directory.established(between: self.us, and: self.peer).first)
        #expect(directory.established(of: "site-a").map(\.localSPI) == [first.localSPI])
        #expect(directory.unestablished.isEmpty)
        try bench.finish(try bench.peer.rekeyIKESA())
        let second = try #require(directory.established(between: self.us, and: self.peer).first)
        #expect(second !== first)
        #expect(directory.established(of: "site-a").count == 1)
        bench.net.run(for: .seconds(400))
        bench.expectSound()
        // The other suites end IKE_SAs in every other way.
        bench.gateway.feed(
            .command(commandID: 1, .terminate(connection: "site-a", uniqueID: nil, child: nil)), on: bench.net
        )
        #expect(directory.established(of: "site-a").isEmpty)
        bench.net.run(for: .seconds(400))
        #expect(directory.count == 0)
        bench.expectSound()
    }
}
