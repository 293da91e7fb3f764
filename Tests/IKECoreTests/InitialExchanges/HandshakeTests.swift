import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// IKE_SA_INIT and IKE_AUTH as they should go (RFC 7296 §1.2).
@Suite(.networkCapture) struct HandshakeTests {
    @Test func `a peer with the right key gets an IKE_SA and a CHILD_SA that carries packets`() throws {
        let bench = Bench()
        try bench.connect()
        #expect(bench.peer.gatewayIdentity == .fqdn("b.example.org"))
        let snapshot = try #require(bench.snapshot)
        #expect(snapshot.peerIdentity == .fqdn("a.example.org"))
        #expect(snapshot.children.map(\.name) == ["net"])
        #expect(bench.agreedChildren()?.count == 1)
        #expect(try bench.pings())
        bench.expectSound()
    }
}
