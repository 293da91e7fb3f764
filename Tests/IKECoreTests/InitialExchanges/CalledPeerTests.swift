import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What a peer that we call must not get away with.
@Suite(.networkCapture) struct CalledPeerTests {
    private struct Call {
        let net = SimNet()
        let gateway: EngineHost
        let peer = ScriptedResponder(Addresses.gateway)

        init(_ change: (inout GatewayConfiguration) -> Void = { _ in }) throws {
            let pair = try Pair(a: change)
            self.gateway = EngineHost(
                addresses: [Addresses.peer], configuration: pair.a.engine.context.configuration, seed: 11)
            self.net.attach(self.gateway)
            self.net.attach(self.peer)
        }

        /// Begins, and waits for what becomes of it.
        func begin() {
            self.gateway.feed(.started, on: self.net)
            self.net.run(for: .seconds(2))
        }

        var fault: InitiationFault? {
            self.gateway.events.lazy.compactMap {
                if case .initiationFailed(_, _, let fault) = $0 { fault } else { nil }
            }.first
        }

        var stands: Bool { self.gateway.engine.snapshots.first?.children.count == 1 }

        /// No CHILD_SA stands, nothing is held, and the peer, which believes otherwise, was told.
        func expectRefused(isPeerTold: Bool = true, _ location: SourceLocation = #_sourceLocation) {
            #expect(self.gateway.engine.snapshots.isEmpty, sourceLocation: location)
            #expect(self.gateway.kernel.isEmpty, sourceLocation: location)
            #expect(self.gateway.kernel.violations.isEmpty, sourceLocation: location)
            let deletes = self.peer.requests.flatMap(\.self).contains {
                if case .delete = $0 { true } else { false }
            }
            #expect(deletes == isPeerTold, sourceLocation: location)
        }
    }

    @Test func `a peer that does everything right is taken`() throws {
        let call = try Call()
        call.begin()
        #expect(call.stands && call.fault == nil)
        #expect(call.gateway.kernel.violations.isEmpty)
    }

    // MARK: Who it is

    @Test func `a peer without the key is not believed`() throws {
        let call = try Call()
        call.peer.psk = Array("guessed".utf8)
        call.begin()
        #expect(call.fault == .wrongSecret(.fqdn("b.example.org")))
        call.expectRefused()
    }

    @Test(arguments: [0, 31]) func `a bit of AUTH is enough`(index: Int) throws {
        let call = try Call()
        call.peer.mangleProof = { proof in
            var proof = proof
            proof[index] ^= 1
            return proof
        }
        call.begin()
        #expect(call.fault == .wrongSecret(.fqdn("b.example.org")))
        call.expectRefused()
    }

    @Test(arguments: [0, 1, 31, 33]) func `AUTH of another length is wrong`(count: Int) throws {
        let call = try Call()
        call.peer.mangleProof = { Array(($0 + [0]).prefix(count)) }
        call.begin()
        #expect(call.fault != nil)
        call.expectRefused()
    }

    @Test func `somebody else with the key is not whom we called`() throws {
        let call = try Call()
        call.peer.identity = .fqdn("c.example.org")
        call.begin()
        guard case .wrongIdentity(.fqdn("c.example.org"), _)? = call.fault else {
            Issue.record("\(String(describing: call.fault))")
            return
        }
        call.expectRefused()
    }

    @Test func `without IDr and AUTH there is no IKE_SA`() throws {
        let call = try Call()
        call.peer.rewriteAuth = { Array($0.dropFirst(2)) }
        call.begin()
        #expect(call.fault == .unusableAnswer("neither IDr and AUTH nor an error"))
        call.expectRefused()
    }

    // MARK: What it chooses

    @Test func `an IKE proposal that we did not offer is not taken`() throws {
        let call = try Call()
        call.peer.ikeTransforms = [
            .encryption(.aesCBC, 128), .integrity(.hmacSHA256), .prf(.hmacSHA256), .keyExchange(.x25519),
        ]
        call.begin()
        #expect(call.fault == .unusableAnswer("a proposal that we did not offer"))
        call.expectRefused(isPeerTold: false)
    }

    @Test func `two ciphers are no choice`() throws {
        let call = try Call()
        call.peer.ikeTransforms =
            PeerSettings.ikeProposal(.x25519).transforms + [.encryption(.chacha20Poly1305)]
        call.begin()
        #expect(call.fault == .unusableAnswer("a proposal that we did not offer"))
        call.expectRefused(isPeerTold: false)
    }

    @Test func `two IKE proposals are no choice`() throws {
        let call = try Call()
        call.peer.rewriteInit = { payloads in
            payloads.map { payload in
                guard case .securityAssociation(let sa) = payload else { return payload }
                return .securityAssociation(
                    SecurityAssociationPayload(proposals: sa.proposals + sa.proposals))
            }
        }
        call.begin()
        #expect(!call.stands && call.gateway.kernel.isEmpty)
    }

    @Test func `a public value that is none ends the attempt`() throws {
        let call = try Call()
        call.peer.rewriteInit = { payloads in
            payloads.map { payload in
                guard case .keyExchange = payload else { return payload }
                return .keyExchange(
                    KeyExchangePayload(method: .x25519, data: [UInt8](repeating: 0, count: 32)))
            }
        }
        call.begin()
        #expect(call.fault != nil)
        call.expectRefused(isPeerTold: false)
    }

    @Test func `an ESP proposal that we did not offer is not taken`() throws {
        let call = try Call()
        call.peer.espTransforms = [.encryption(.aesCBC, 128), .integrity(.hmacSHA256)]
        call.begin()
        #expect(call.fault == .unusableAnswer("an ESP proposal that we did not offer"))
        call.expectRefused()
    }

    @Test(arguments: [true, false])
    func `selectors beyond what we offered are not taken`(isOurs: Bool) throws {
        let call = try Call()
        let wide = TrafficSelectorPayload(selectors: [Configurations.selector("10.0.0.0/8")])
        call.peer.rewriteAuth = { payloads in
            payloads.map { payload in
                switch payload {
                case .tsInitiator where isOurs: return .tsInitiator(wide)
                case .tsResponder where !isOurs: return .tsResponder(wide)
                default: return payload
                }
            }
        }
        call.begin()
        #expect(call.fault == .unusableAnswer("traffic selectors that we did not offer"))
        call.expectRefused()
    }

    @Test func `no CHILD_SA and no reason is no answer`() throws {
        let call = try Call()
        call.peer.rewriteAuth = { Array($0.prefix(2)) }
        call.begin()
        #expect(call.fault == .unusableAnswer("no CHILD_SA and no error"))
        call.expectRefused()
    }

    // MARK: When it speaks

    @Test func `a request that overtakes the answer to IKE_AUTH is left for later`() throws {
        let call = try Call()
        call.peer.beforeAuth = { peer, net in try peer.ask([], on: net) }
        call.begin()
        #expect(call.stands && call.fault == nil)
    }

    @Test func `an answer to IKE_SA_INIT that comes again changes nothing`() throws {
        let call = try Call()
        call.net.fate = { $0.source.address == Addresses.gateway ? .duplicate : .deliver }
        call.begin()
        #expect(call.stands && call.fault == nil)
        #expect(call.gateway.kernel.violations.isEmpty)
    }
}
