import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What a responder must put up with or point out in messages, after the IPv6 Ready conformance cases.
@Suite(.networkCapture) struct ConformanceTests {
    @Test(arguments: [ExchangeType.ikeSAInit, .ikeAuth])
    func `an unknown payload that is not critical is ignored`(exchange: ExchangeType) throws {
        let unknown = Payload.unknown(RawPayload(type: PayloadType(rawValue: 200), body: [1, 2, 3]))
        let bench = Bench { _ in
        } peer: {
            if exchange == .ikeSAInit {
                $0.rewriteInit = { [unknown] + $0 + [unknown] }
            } else {
                $0.rewriteAuth = { [unknown] + $0 + [unknown] }
            }
        }
        try bench.connect()
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `an unknown critical payload in IKE_SA_INIT gets UNSUPPORTED_CRITICAL_PAYLOAD`() throws {
        let critical = Payload.unknown(
            RawPayload(type: PayloadType(rawValue: 200), isCritical: true, body: []))
        let bench = Bench { _ in
        } peer: {
            $0.rewriteInit = { $0 + [critical] }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.notifies.first?.type == .unsupportedCriticalPayload)
        #expect(bench.peer.requests.last?.notifies.first?.data == [200])
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `an unknown critical payload in a protected request gets UNSUPPORTED_CRITICAL_PAYLOAD`() throws
    {
        let critical = Payload.unknown(
            RawPayload(type: PayloadType(rawValue: 201), isCritical: true, body: []))
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(.informational, [critical])
        try bench.finish(request)
        #expect(request.notifies.first?.type == .unsupportedCriticalPayload)
        #expect(request.notifies.first?.data == [201])
        try bench.finish(bench.peer.probe())
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `payloads may come in any order`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteInit = { $0.reversed() }
            $0.rewriteAuth = { $0.reversed() }
        }
        try bench.connect()
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `CERT, CERTREQ, a vendor ID and unknown status notifies are ignored`() throws {
        let extra: [Payload] = [
            .certificate(CertificatePayload(encoding: .x509Signature, data: [1, 2, 3])),
            .certificateRequest(
                CertificateRequestPayload(
                    encoding: .x509Signature, authority: [UInt8](repeating: 7, count: 20))),
            .vendorID(VendorIDPayload(vendorID: Array("somebody".utf8))),
            .notify(NotifyPayload(NotifyType(rawValue: 40_123), data: [1])),
            .notify(NotifyPayload(.mobikeSupported)),
        ]
        let bench = Bench { _ in
        } peer: {
            $0.extraInitPayloads = extra
            $0.extraAuthPayloads = extra
        }
        try bench.connect()
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test(
        arguments: [
            [ConfigurationAttribute(type: ConfigurationAttribute.internalIP4Address)],
            [],
            [
                ConfigurationAttribute(type: ConfigurationAttribute.internalIP4Address),
                ConfigurationAttribute(type: ConfigurationAttribute.internalIP6Address),
                ConfigurationAttribute(type: 12_345, value: [1, 2, 3]),
            ],
        ])
    func `a CFG_REQUEST is left without a reply and harms nothing`(
        attributes: [ConfigurationAttribute]
    ) throws {
        let bench = Bench { _ in
        } peer: {
            $0.extraAuthPayloads = [
                .configuration(ConfigurationPayload(type: .request, attributes: attributes))
            ]
        }
        try bench.connect()
        let types = (bench.peer.requests.last?.answer ?? []).map(\.type)
        #expect(!types.contains(.configuration))
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a higher minor version is accepted`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.mangleInit = { octets in
                var octets = octets
                octets[17] = 0x21
                return octets
            }
        }
        try bench.connect()
        bench.expectSound()
    }

    @Test func `a higher major version gets INVALID_MAJOR_VERSION and leaves nothing`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.retransmission = [.seconds(1)]
            $0.mangleInit = { octets in
                var octets = octets
                octets[17] = 0x30
                return octets
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.error == .invalidMajorVersion)
        #expect(bench.engine.halfOpenCount == 0)
        #expect(bench.engine.counters.dropped(.unknownVersion) == 1)
        bench.expectSound()
    }

    @Test func `IKEv1 gets silence`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.retransmission = [.seconds(1)]
            $0.mangleInit = { octets in
                var octets = octets
                octets[17] = 0x10
                return octets
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.gaveUp == true)
        #expect(bench.engine.counters.dropped(.unknownVersion) == 1)
        bench.expectSound()
    }

    @Test(arguments: [0x01, 0x02, 0x04, 0x10, 0x40, 0x80] as [UInt8])
    func `reserved flags and the version flag in IKE_SA_INIT are ignored`(bit: UInt8) throws {
        let bench = Bench { _ in
        } peer: {
            $0.mangleInit = { octets in
                var octets = octets
                octets[19] |= bit
                return octets
            }
        }
        try bench.connect()
        bench.expectSound()
    }

    @Test func `an IKE_SA_INIT request with the response flag gets silence`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.retransmission = [.seconds(1)]
            $0.mangleInit = { octets in
                var octets = octets
                octets[19] |= 0x20
                return octets
            }
        }
        try bench.connect(bench.peer)
        #expect(bench.peer.requests.last?.gaveUp == true)
        #expect(bench.engine.halfOpenCount == 0)
        bench.expectSound()
    }

    @Test func `reserved octets of KE and of the generic headers in IKE_SA_INIT are ignored`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.mangleInit = { octets in
                var octets = octets
                // SA header, then proposal and transform: reserved octets of each.
                octets[28 + 1] |= 0x7f
                octets[32 + 1] = 0xff
                octets[40 + 1] = 0xff
                return octets
            }
        }
        try bench.connect()
        bench.expectSound()
    }

    @Test func `AUTH covers the reserved octets of IDi as they came`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.identityReserved = [1, 2, 3]
            $0.mangleText = { exchange, text in
                guard exchange == .ikeAuth else { return text }
                var text = text
                // IDi is the first payload: its type stands at 4, reserved octets behind it.
                text.replaceSubrange(5..<8, with: [1, 2, 3])
                text[1] |= 0x7f
                return text
            }
        }
        try bench.connect()
        bench.expectSound()
    }

    @Test func `an IKE_SA_INIT with the message ID 1, without the I flag or from SPI zero gets silence`()
        throws
    {
        for change in [
            { $0[23] = 1 }, { $0[19] = 0 },
            { $0.replaceSubrange(0..<8, with: [UInt8](repeating: 0, count: 8)) },
        ]
            as [(inout [UInt8]) -> Void]
        {
            let bench = Bench { _ in
            } peer: {
                $0.retransmission = [.seconds(1)]
                $0.mangleInit = { octets in
                    var octets = octets
                    change(&octets)
                    return octets
                }
            }
            try bench.connect(bench.peer)
            #expect(bench.engine.halfOpenCount == 0)
            #expect(bench.engine.counters.dropped(.malformed) == 1)
            #expect(bench.net.sent.count == 1)
        }
    }

    @Test func `a payload that comes twice counts once`() throws {
        let bench = Bench { _ in
        } peer: {
            $0.rewriteInit = { $0 + $0.filter { $0.type == .nonce } }
        }
        try bench.connect()
        bench.expectSound()
    }

    @Test func `malformed payloads inside a protected request get INVALID_SYNTAX and end the IKE_SA`() throws
    {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(.informational) { ikeSA, header in
            [try ikeSA.sealText(header, first: .notify, text: [0, 0, 0, 200, 1])]
        }
        try bench.finish(request)
        #expect(request.error == .invalidSyntax)
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
        bench.expectSound()
    }

    @Test func `an exchange that does not belong to the phase gets INVALID_SYNTAX`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(ExchangeType(rawValue: 99), [])
        try bench.finish(request)
        #expect(request.error == .invalidSyntax)
        #expect(bench.engine.snapshots.isEmpty)
        bench.expectSound()
    }

    @Test func `IKE_AUTH must come before anything else`() throws {
        let bench = Bench { _ in
        } peer: {
            // CREATE_CHILD_SA in place of IKE_AUTH, sealed with the right keys.
            $0.rewriteAuth = { _ in [] }
        }
        bench.net.fate = { datagram in
            let exchange = datagram.ikeMessage?[18]
            return exchange == ExchangeType.ikeAuth.rawValue ? .lose : .deliver
        }
        bench.peer.settings.retransmission = [.seconds(1)]
        try bench.connect(bench.peer)
        let ikeSA = try #require(bench.peer.ikeSA)
        ikeSA.nextRequestID = 1
        let request = try bench.peer.createChild()
        try bench.finish(request)
        #expect(request.error == .invalidSyntax)
        #expect(bench.engine.snapshots.isEmpty)
        #expect(bench.kernel.isEmpty)
    }
}
