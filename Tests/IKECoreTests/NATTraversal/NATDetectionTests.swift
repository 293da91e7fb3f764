import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// NAT detection on both sides of a negotiation (RFC 7296 §2.23).
@Suite(.networkCapture) struct NATDetectionTests {
    /// Who is behind a NAT.
    enum Situation: CaseIterable, Sendable {
        case none
        case peer
        case gateway
        case both

        var isPeerHidden: Bool { self == .peer || self == .both }
        var isGatewayHidden: Bool { self == .gateway || self == .both }
    }

    static func topology(_ situation: Situation, _ family: AddressFamily) -> Bench.Topology {
        let v4 = family == .v4
        var topology = Bench.Topology()
        if !v4 {
            topology.gateway = Addresses.v6(2)
            topology.peer = Addresses.v6(7)
        }
        if situation.isPeerHidden {
            topology.peer = v4 ? Addresses.hidden : Addresses.v6(0x1010)
            topology.peerNATs = [SimNAT(outerAddress: v4 ? Addresses.nat : Addresses.v6(0x11))]
        }
        if situation.isGatewayHidden {
            topology.seenGateway = topology.gateway
            let outside = topology.gateway
            topology.gateway = v4 ? Addresses.hiddenGateway : Addresses.v6(0x2020)
            let nat = SimNAT(outerAddress: outside)
            nat.forward(500, to: Endpoint(topology.gateway, 500))
            nat.forward(4500, to: Endpoint(topology.gateway, 4500))
            topology.gatewayNATs = [nat]
        }
        return topology
    }

    @Test(arguments: Situation.allCases, [AddressFamily.v4, .v6])
    func `who is behind a NAT is found by both sides`(situation: Situation, family: AddressFamily) throws {
        let bench = Bench(Self.topology(situation, family))
        try bench.connect()
        let path = try #require(bench.snapshot?.path)
        #expect(path.isRemoteBehindNAT == situation.isPeerHidden)
        #expect(path.isLocalBehindNAT == situation.isGatewayHidden)
        #expect(path.usesUDPEncapsulation == (situation != .none))
        #expect(path.local.port == (situation == .none ? 500 : 4500))
        #expect(path.remote.address.family == family)
        let finding = try #require(bench.peer.natFinding)
        #expect(finding.isLocal == situation.isPeerHidden)
        #expect(finding.isRemote == situation.isGatewayHidden)
        #expect(try bench.pings())
        #expect((bench.snapshot?.nextKeepalive != nil) == situation.isGatewayHidden)
        bench.expectSound()
    }

    @Test func `several SOURCE_IP notifies are searched for the one that fits`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.natDetection = .severalSources
        }
        try bench.connect()
        #expect(bench.snapshot?.path.isRemoteBehindNAT == false)
        #expect(bench.snapshot?.path.usesUDPEncapsulation == false)
        bench.expectSound()
    }

    @Test func `a peer that hides its source gets encapsulation without any NAT`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.natDetection = .fakeSource
        }
        try bench.connect()
        #expect(bench.snapshot?.path.isRemoteBehindNAT == true)
        #expect(bench.snapshot?.path.usesUDPEncapsulation == true)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `encap = yes hides our source, so that the peer encapsulates, and encapsulates itself`() throws
    {
        let bench = Bench { $0.connections[0].forcesEncapsulation = true }
        try bench.connect()
        #expect(bench.peer.natFinding?.isRemote == true)
        #expect(bench.peer.natFinding?.isLocal == false)
        let path = try #require(bench.snapshot?.path)
        #expect(path.usesUDPEncapsulation)
        #expect(!path.isLocalBehindNAT)
        #expect(path.local.port == 4500)
        #expect(bench.snapshot?.nextKeepalive == nil)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a peer that knows no NAT traversal gets no notifies and no encapsulation`() throws {
        let bench = Bench {
            $0.connections[0].forcesEncapsulation = true
        } peer: {
            $0.natDetection = .none
        }
        try bench.connect()
        let types = bench.peer.requests.first?.notifies.map(\.type) ?? []
        #expect(!types.contains(.natDetectionSourceIP))
        #expect(bench.snapshot?.path.usesUDPEncapsulation == false)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `answers go to where the request came from, from the address that it was sent to`() throws {
        let bench = Bench(.natted(SimNAT(outerAddress: Addresses.nat)))
        try bench.connect()
        for (request, answer) in zip(bench.net.sent, bench.net.sent.dropFirst()).enumerated()
            .filter({ $0.offset % 2 == 0 }).map(\.element)
        {
            #expect(answer.datagram.source == request.datagram.destination)
            #expect(answer.datagram.destination == request.datagram.source)
        }
        bench.expectSound()
    }

    @Test func `only SOURCE_IP or only DESTINATION_IP is no NAT traversal`() throws {
        let crypto = SeededCrypto(seed: 1)
        let detection = NATDetection(initiatorSPI: IKESPI(1), responderSPI: .zero, crypto: crypto)
        let ends = (Endpoint(Addresses.peer, 500), Endpoint(Addresses.gateway, 500))
        let both = try detection.notifies(source: ends.0, destination: ends.1, hidesSource: false)
        let honest = try detection.examine(both, source: ends.0, destination: ends.1)
        #expect(honest == .init(isSupported: true, isLocalBehindNAT: false, isRemoteBehindNAT: false))
        for one in both {
            let half = try detection.examine([one], source: ends.0, destination: ends.1)
            #expect(!half.isSupported)
            #expect(!half.isNATPresent)
        }
    }

    @Test func `the hash is that of RFC 7296`() throws {
        // SHA-1 over SPIi | SPIr | IP | port, computed with Python's hashlib:
        // sha1(bytes.fromhex("0102030405060708" "0000000000000000" "c6336407" "01f4"))
        let detection = NATDetection(
            initiatorSPI: IKESPI(0x0102_0304_0506_0708), responderSPI: .zero, crypto: SeededCrypto(seed: 1))
        let notifies = try detection.notifies(
            source: Endpoint(Addresses.peer, 500), destination: Endpoint(Addresses.v6(2), 4500),
            hidesSource: false)
        #expect(notifies.map(\.type) == [.natDetectionSourceIP, .natDetectionDestinationIP])
        #expect(
            notifies.map { hexadecimal($0.data) } == [
                "b7e5085007db5ba8d2612c7d4a637c23ff7c6712", "9a0f11f7d95b3253d790addc0f13e7e7199370f2",
            ])
    }
}
