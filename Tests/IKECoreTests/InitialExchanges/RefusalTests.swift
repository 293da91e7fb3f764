import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What a peer is refused in its initial exchanges, and how (RFC 7296 §2.21).
@Suite(.networkCapture) struct RefusalTests {
    /// The mismatches that a gateway told of.
    static func mismatches(_ bench: Bench) -> [(NotifyType, Mismatch)] {
        bench.events {
            if case .mismatch(_, _, _, let notify, let mismatch) = $0 { (notify, mismatch) } else { nil }
        }
    }

    @Test func `a wrong key gets AUTHENTICATION_FAILED inside the protected answer`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.psk = Array("another secret".utf8)
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
        let failures = bench.events {
            if case .authenticationFailed(_, _, let identity) = $0 { identity } else { nil }
        }
        #expect(failures == [.fqdn("a.example.org")])
        // The answer stays for retransmissions, then everything is gone.
        bench.peer.transmit(try #require(bench.peer.requests.last).datagrams)
        bench.net.run(for: .seconds(31))
        #expect(bench.engine.counters.repeatedAnswers == 1)
        #expect(bench.engine.halfOpenCount == 0)
        #expect(bench.engine.nextDeadline == nil)
        bench.expectSound()
    }

    @Test func `a refused stranger has its answer again and nothing else: no event, no path, no name`() throws
    {
        let bench = Bench { _ in
        } peer: {
            $0.psk = Array("another secret".utf8)
        }
        try bench.connect(bench.peer)
        let before = bench.gateway.events.count
        let sent = bench.net.sent.count
        let stranger = try #require(bench.peer.ikeSAs.last)
        stranger.isDeleted = false
        for _ in 0..<20 {
            try bench.peer.ask(.informational, [.notify(NotifyPayload(.invalidSyntax))], on: stranger)
        }
        bench.net.run(for: .milliseconds(500))
        #expect(bench.gateway.events.count == before)
        let answers = bench.net.sent.dropFirst(sent).filter {
            $0.datagram.source.address == Addresses.gateway
        }
        #expect(answers.isEmpty)
        #expect(bench.engine.snapshots.isEmpty)
    }

    @Test func `an identity that no connection names gets AUTHENTICATION_FAILED and a report of both sides`()
        throws
    {
        let bench = Bench { _ in
        } peer: {
            $0.identity = .fqdn("x.example.org")
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        let (notify, mismatch) = try #require(Self.mismatches(bench).first)
        #expect(notify == .authenticationFailed)
        #expect(mismatch.subject == .identity)
        #expect(mismatch.ours.first?.contains("a.example.org") == true)
        #expect(mismatch.theirs == ["ID_FQDN x.example.org"])
        #expect(bench.engine.snapshots.isEmpty)
        bench.expectSound()
    }

    @Test func `a private address as identity behind a NAT is explained`() throws {
        let bench = Bench(.natted(SimNAT(outerAddress: Addresses.nat))) { _ in
        } peer: {
            $0.identity = Identity(Addresses.hidden)
        }
        try bench.connect(bench.peer)
        #expect(Self.mismatches(bench).first?.1.cure.contains("private address") == true)
        bench.expectSound()
    }

    @Test func `a peer that asks for another gateway by IDr is refused`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.askedIdentity = .fqdn("z.example.org")
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        #expect(Self.mismatches(bench).first?.1.theirs.first?.contains("z.example.org") == true)
        bench.expectSound()
    }

    @Test func `a peer without a key of its own is refused with the line that is missing`() throws {
        let bench = Bench { configuration in
            configuration.secrets = [
                SharedSecret(
                    name: "ike-x", owners: [.exact(.fqdn("x.example.org"))],
                    key: SecretBytes(copying: Configurations.psk))
            ]
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        #expect(Self.mismatches(bench).first?.1.subject == .secret)
        bench.expectSound()
    }

    @Test func `a peer that wants EAP is refused`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteAuth = { payloads in payloads.filter { $0.type != .authentication } }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        #expect(Self.mismatches(bench).first?.1.theirs.first?.contains("EAP") == true)
        bench.expectSound()
    }

    @Test(arguments: [AuthenticationMethod.rsaDigitalSignature, .digitalSignature, .null])
    func `another authentication method is refused`(method: AuthenticationMethod) throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteAuth = { payloads in
                payloads.map { payload in
                    guard case .authentication(let auth) = payload else { return payload }
                    return .authentication(AuthenticationPayload(method: method, data: auth.data))
                }
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .authenticationFailed)
        #expect(Self.mismatches(bench).first?.1.subject == .authenticationMethod)
        #expect(bench.engine.snapshots.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [PayloadType.idInitiator, .tsInitiator, .tsResponder])
    func `an IKE_AUTH without a payload that it must have gets INVALID_SYNTAX`(type: PayloadType) throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteAuth = { payloads in payloads.filter { $0.type != type } }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .invalidSyntax)
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `no common IKE proposal gets NO_PROPOSAL_CHOSEN, both offers and the cure`() throws {
        let theirs = Proposal(
            .ike,
            [.encryption(.aesCBC, 256), .integrity(.hmacSHA512), .prf(.hmacSHA512), .keyExchange(.ecp384)])
        let bench = Bench { _ in
        } peer: {
            $0.ikeProposals = [theirs]
            $0.keyExchange = .ecp384
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .noProposalChosen)
        #expect(bench.engine.halfOpenCount == 0)
        let (notify, mismatch) = try #require(Self.mismatches(bench).first)
        #expect(notify == .noProposalChosen)
        #expect(mismatch.ours == ["aes128gcm16-prfsha256-x25519"])
        #expect(mismatch.theirs == ["aes256-sha512-prfsha512-ecp384"])
        #expect(mismatch.cure == "proposals = aes256-sha512-prfsha512-ecp384")
        bench.expectSound()
    }

    @Test func `a peer at an address that no connection is for gets NO_PROPOSAL_CHOSEN`() throws {
        let bench = Bench { configuration in
            configuration.connections[0].remoteAddresses = [
                .range(AddressRange(.documentation))
            ]
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .noProposalChosen)
        #expect(Self.mismatches(bench).first?.1.subject == .address)
        bench.expectSound()
    }

    @Test func `a KE payload of another group gets INVALID_KE_PAYLOAD with the group, and the retry works`()
        throws
    {
        let both = Proposal(
            .ike,
            [.encryption(.aesGCM16, 128), .prf(.hmacSHA256), .keyExchange(.ecp256), .keyExchange(.x25519)])
        let bench = Bench { _ in
        } peer: {
            $0.ikeProposals = [both]
            $0.keyExchange = .ecp256
        }
        try bench.connect()
        let first = try #require(bench.peer.requests.first)
        #expect(first.notifies.map(\.type) == [.invalidKEPayload])
        #expect(first.notifies.first?.data == [0, 31])
        #expect(bench.engine.counters.initialExchanges == 1)
        #expect(bench.snapshot?.suite.keyExchange == .x25519)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test(arguments: [PayloadType.securityAssociation, .keyExchange, .nonce])
    func `an IKE_SA_INIT without a payload that it must have gets INVALID_SYNTAX and leaves nothing`(
        type: PayloadType
    ) throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteInit = { payloads in payloads.filter { $0.type != type } }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .invalidSyntax)
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `a public value that the group does not allow gets INVALID_SYNTAX and leaves nothing`() throws
    {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteInit = { payloads in
                payloads.map { payload in
                    guard case .keyExchange(let ke) = payload else { return payload }
                    // The all-zero point gives an all-zero secret (RFC 8031 §5).
                    return .keyExchange(
                        KeyExchangePayload(method: ke.method, data: [UInt8](repeating: 0, count: 32)))
                }
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .invalidSyntax)
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `no common ESP proposal refuses the CHILD_SA and keeps the IKE_SA`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.espProposals = [
                Proposal(
                    .esp, [.encryption(.aesCBC, 256), .integrity(.hmacSHA256), .sequenceNumbers(.short)])
            ]
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .noProposalChosen)
        #expect(bench.peer.isEstablished)
        #expect(bench.snapshot?.children.isEmpty == true)
        #expect(Self.mismatches(bench).first?.1.cure == "esp_proposals = aes256-sha256")
        #expect(bench.kernel.isEmpty)
        try bench.finish(bench.peer.probe())
        bench.expectSound()
    }

    @Test func `an empty SA payload for the CHILD_SA is NO_PROPOSAL_CHOSEN`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteAuth = { payloads in
                payloads.map {
                    $0.type == .securityAssociation
                        ? .securityAssociation(SecurityAssociationPayload(proposals: [])) : $0
                }
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .noProposalChosen)
        #expect(bench.peer.isEstablished)
        bench.expectSound()
    }

    @Test func `traffic selectors without anything in common get TS_UNACCEPTABLE and keep the IKE_SA`() throws
    {
        let bench = Bench { _ in
        } peer: {
            $0.ownSelectors = [Configurations.selector("172.16.0.0/24")]
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .tsUnacceptable)
        #expect(bench.peer.isEstablished)
        let (_, mismatch) = try #require(Self.mismatches(bench).first)
        #expect(mismatch.subject == .trafficSelectors)
        #expect(mismatch.ours == ["net: 10.2.0.0/24 === 10.1.0.0/24"])
        #expect(mismatch.theirs == ["10.2.0.0/24 === 172.16.0.0/24"])
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: SeededCrypto.Operation.all)
    func `a crypto library that fails leaves no trace but an event`(operation: SeededCrypto.Operation) throws
    {
        let bench = Bench { _ in
        } peer: {
            $0.retransmission = [.seconds(1)]
        }
        bench.gateway.crypto.failing = [operation]
        try bench.connect(bench.peer)
        #expect(!bench.peer.isEstablished)
        #expect(bench.engine.halfOpenCount == 0)
        let faults = bench.events { if case .cryptoFailed(_, let fault) = $0 { fault } else { nil } }
        #expect(!faults.isEmpty)
        bench.gateway.crypto.failing = []
        try bench.connect(bench.peer)
        #expect(bench.peer.isEstablished)
        bench.expectSound()
    }
}

extension SeededCrypto.Operation {
    static let all: [SeededCrypto.Operation] = [.randomBytes, .keyExchange, .cipher, .sha1]
}
