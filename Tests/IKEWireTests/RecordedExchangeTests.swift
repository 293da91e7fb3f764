import IKEWire
import IPsecModel
import Testing

/// What strongSwan sent, as recorded in the lab.
@Suite struct RecordedExchangeTests {
    /// A recorded message with its decoded payloads: the clear ones, or those of the recorded plaintext.
    private struct Decoded {
        let recorded: Recording.Message
        let message: DecodedMessage
        let payloads: [Payload]
    }

    /// All messages but fragments.
    private func whole(_ recording: Recording) throws -> [Decoded] {
        try recording.messages.compactMap { recorded in
            let message = try DecodedMessage.decode(octets(recorded.hex))
            switch message.protection {
            case .none: return Decoded(recorded: recorded, message: message, payloads: message.payloads)
            case .fragment: return nil
            case .encrypted(let body):
                let text = octets(try #require(recorded.plaintextHex))
                let payloads = try PayloadChain.decode(first: body.firstInnerPayload, text[...]).payloads
                return Decoded(recorded: recorded, message: message, payloads: payloads)
            }
        }
    }

    private func nonces(_ payloads: [Payload]) -> [String] {
        payloads.compactMap { if case .nonce(let payload) = $0 { hexadecimal(payload.nonce) } else { nil } }
    }

    @Test func `there are recordings`() throws {
        #expect(try !Recording.all().isEmpty)
        #expect(try Recording.all().allSatisfy { !$0.messages.isEmpty })
    }

    @Test(arguments: try Recording.all())
    func `each header says what the recording says`(recording: Recording) throws {
        for recorded in recording.messages {
            let header = try DecodedMessage.decode(octets(recorded.hex)).header
            #expect(header.exchange.name == recorded.exchange)
            #expect(header.messageID == recorded.messageID)
            #expect(header.initiatorSPI.description == recorded.spiI)
            #expect(header.responderSPI.description == recorded.spiR)
            // Every exchange in the recordings was begun by the original initiator.
            #expect(header.flags == (recorded.direction == "i->r" ? .initiator : .response))
            #expect((header.majorVersion, header.minorVersion) == (2, 0))
        }
    }

    @Test(arguments: try Recording.all())
    func `no message has a payload that we do not know`(recording: Recording) throws {
        for decoded in try self.whole(recording) {
            #expect(decoded.payloads.allSatisfy { if case .unknown = $0 { false } else { true } })
            #expect(decoded.message.unsupportedCriticalPayload == nil)
        }
    }

    @Test(arguments: try Recording.all())
    func `messages in clear are encoded to the octets that were sent`(recording: Recording) throws {
        let clear = try self.whole(recording).filter { $0.message.protection == .none }
        #expect(clear.count >= 2)
        for decoded in clear {
            let again = try IKEMessageEncoder.clear(decoded.message.header, decoded.payloads)
            #expect(again == octets(decoded.recorded.hex))
        }
    }

    @Test(arguments: try Recording.all())
    func `protected messages are framed, padded and filled as they were sent`(recording: Recording) throws {
        // HMAC-SHA2-384-192 with AES-CBC, or a combined mode with an ICV of 16 octets.
        let sizes =
            recording.skAi == nil
            ? ProtectionSizes(ivLength: 8, icvLength: 16, blockSize: 1)
            : ProtectionSizes(ivLength: 16, icvLength: 24, blockSize: 16)
        for recorded in recording.messages {
            let message = try DecodedMessage.decode(octets(recorded.hex))
            guard let plaintext = recorded.plaintextHex.map({ octets($0) }) else { continue }
            let again: [UInt8]
            switch message.protection {
            case .none:
                Issue.record("a plaintext without protection")
                continue
            case .encrypted(let body):
                let parts = try body.parts(ivLength: sizes.ivLength, icvLength: sizes.icvLength)
                let payloads = try PayloadChain.decode(first: body.firstInnerPayload, plaintext[...]).payloads
                again = try IKEMessageEncoder.protected(message.header, payloads, sizes: sizes) {
                    (text, _) throws(CryptoFault) in
                    #expect(text.starts(with: plaintext))
                    return (Array(parts.iv), Array(parts.sealed))
                }
            case .fragment(let fragment):
                let parts = try fragment.body.parts(ivLength: sizes.ivLength, icvLength: sizes.icvLength)
                again = try IKEMessageEncoder.fragment(
                    message.header, firstInner: fragment.body.firstInnerPayload, number: fragment.number,
                    total: fragment.total, chunk: plaintext[...], sizes: sizes
                ) { (_, _) throws(CryptoFault) in (Array(parts.iv), Array(parts.sealed)) }
            }
            #expect(again == octets(recorded.hex))
        }
    }

    @Test(arguments: try Recording.all())
    func `nonces and SPIs are those that the recording names`(recording: Recording) throws {
        let decoded = try self.whole(recording)
        // The first CHILD_SA uses the nonces of the IKE_SA.
        let expected =
            [recording.ni, recording.nr] + recording.childSAs.dropFirst().flatMap { [$0.ni, $0.nr] }
            + recording.rekeyedIKESAs.flatMap { [$0.ni, $0.nr] }
        #expect(decoded.flatMap { self.nonces($0.payloads) } == expected)
        let ikeSPIs = decoded.filter { $0.recorded.exchange == "CREATE_CHILD_SA" }.flatMap { decoded in
            decoded.payloads.compactMap { payload -> String? in
                guard case .securityAssociation(let sa) = payload else { return nil }
                return sa.proposals.first?.ikeSPI?.description
            }
        }
        #expect(ikeSPIs == recording.rekeyedIKESAs.flatMap { [$0.spiI, $0.spiR] })
    }

    @Test func `IKE_SA_INIT of strongSwan has the payloads that its documentation promises`() throws {
        for recording in try Recording.all() {
            let first = try #require(try self.whole(recording).first)
            #expect(first.payloads.prefix(3).map(\.type) == [.securityAssociation, .keyExchange, .nonce])
            let notifies = first.payloads.compactMap { payload -> NotifyType? in
                if case .notify(let notify) = payload { notify.type } else { nil }
            }
            #expect(
                notifies == [
                    .natDetectionSourceIP, .natDetectionDestinationIP, .fragmentationSupported,
                    .signatureHashAlgorithms, .redirectSupported,
                ])
        }
    }

    @Test(arguments: try Recording.all())
    func `IKE_AUTH names both identities, whole or in fragments`(recording: Recording) throws {
        for (direction, id) in [("i->r", recording.idi), ("r->i", recording.idr)] {
            var first = PayloadType.none
            var text: [UInt8] = []
            for recorded in recording.messages
            where recorded.exchange == "IKE_AUTH" && recorded.direction == direction {
                switch try DecodedMessage.decode(octets(recorded.hex)).protection {
                case .none: Issue.record("IKE_AUTH in clear")
                case .encrypted(let body): first = body.firstInnerPayload
                case .fragment(let fragment) where fragment.number == 1:
                    first = fragment.body.firstInnerPayload
                case .fragment: break
                }
                text += octets(try #require(recorded.plaintextHex))
            }
            let (payloads, _) = try PayloadChain.decode(first: first, text[...])
            let payload = IdentificationPayload(identity: .fqdn(id))
            #expect(payloads.first == (direction == "i->r" ? .idInitiator(payload) : .idResponder(payload)))
            #expect(payloads.contains { $0.type == .authentication })
            #expect(payloads.contains { $0.type == .tsInitiator })
            #expect(try PayloadChain.encode(payloads).bytes == text)
        }
    }
}
