import CryptoOpenSSL
import IKEWire
import IPsecModel
import Testing

@testable import IKECore

/// Keys, protection, AUTH and fragments against recordings of strongSwan.
struct RecordedExchangeTests {
    private let crypto = OpenSSLProvider()

    /// The recording with its suite and our keys for it.
    private struct Opened {
        let recording: RecordedExchange
        let messages: [DecodedMessage]
        let suite: IKESuite
        let keys: IKEKeys
    }

    private func open(_ name: String) throws -> Opened {
        let recording = try RecordedExchange.load(name)
        let messages = try recording.decoded()
        let answer = try #require(messages.dropFirst().first)
        let suite = try #require(Self.chosen(answer.payloads)?.ikeSuite)
        let keys = try KeySchedule(crypto: self.crypto).initialKeys(
            suite,
            KeySchedule.Ingredients(
                initiatorNonce: bytes(recording.ni), responderNonce: bytes(recording.nr),
                initiatorSPI: answer.header.initiatorSPI, responderSPI: answer.header.responderSPI),
            sharedSecret: SecretBytes(copying: bytes(recording.dh_shared_secret)))
        return Opened(recording: recording, messages: messages, suite: suite, keys: keys)
    }

    private static func chosen(_ payloads: [Payload]) -> ProposalChoice.Chosen? {
        payloads.securityAssociation?.proposals.first.map {
            ProposalChoice.Chosen(number: $0.number, spi: $0.spi, transforms: $0.transforms)
        }
    }

    @Test(arguments: RecordedExchange.names)
    func `SKEYSEED and SK_d, SK_pi and SK_pr are strongSwan's`(name: String) throws {
        let opened = try self.open(name)
        #expect(hexadecimal(opened.keys.skD.publicBytes) == opened.recording.sk_d)
        #expect(hexadecimal(opened.keys.skPi.publicBytes) == opened.recording.sk_pi)
        #expect(hexadecimal(opened.keys.skPr.publicBytes) == opened.recording.sk_pr)
    }

    @Test(arguments: RecordedExchange.names)
    func `every protected message opens with our keys to strongSwan's text`(name: String) throws {
        let opened = try self.open(name)
        let first = opened.keys
        var count = 0
        for (message, record) in zip(opened.messages, opened.recording.messages) {
            guard let plaintext = record.plaintext_hex else { continue }
            let keys = try self.keys(of: record, opened, first)
            // Whoever receives it opens it: the responder what the original initiator sent.
            let isFromInitiator = message.header.flags.contains(.initiator)
            let protection = MessageProtection(keys: keys, isOriginalInitiator: !isFromInitiator)
            let body: EncryptedBody
            switch message.protection {
            case .none: throw OpeningFault.drop(.unprotected)
            case .encrypted(let encrypted): body = encrypted
            case .fragment(let fragment): body = fragment.body
            }
            #expect(hexadecimal(try protection.open(body)) == plaintext)
            count += 1
        }
        #expect(count >= 2)
    }

    /// The keys that `record` is sealed with: the first IKE_SA's or a rekeyed one's.
    private func keys(
        of record: RecordedExchange.Message, _ opened: Opened, _ first: IKEKeys
    ) throws -> IKEKeys {
        let rekeyed = opened.recording.rekeyed_ike_sas.first { $0.spi_i == record.spi_i }
        guard let rekeyed else { return first }
        return try self.rekeyedKeys(rekeyed, opened)
    }

    private func rekeyedKeys(_ rekeyed: RecordedExchange.Rekeyed, _ opened: Opened) throws -> IKEKeys {
        try KeySchedule(crypto: self.crypto).rekeyedKeys(
            opened.suite,
            KeySchedule.Ingredients(
                initiatorNonce: bytes(rekeyed.ni), responderNonce: bytes(rekeyed.nr),
                initiatorSPI: try #require(IKESPI(bytes: bytes(rekeyed.spi_i))),
                responderSPI: try #require(IKESPI(bytes: bytes(rekeyed.spi_r)))),
            sharedSecret: SecretBytes(copying: bytes(rekeyed.dh_shared_secret)), old: opened.keys)
    }

    @Test func `the keys of a rekeyed IKE_SA are strongSwan's`() throws {
        let opened = try self.open("gcm")
        let rekeyed = try #require(opened.recording.rekeyed_ike_sas.first)
        let keys = try self.rekeyedKeys(rekeyed, opened)
        #expect(hexadecimal(keys.skD.publicBytes) == rekeyed.sk_d)
        #expect(hexadecimal(keys.skPi.publicBytes) == rekeyed.sk_pi)
        #expect(hexadecimal(keys.skPr.publicBytes) == rekeyed.sk_pr)
    }

    @Test(arguments: RecordedExchange.names)
    func `the keys of each CHILD_SA, with and without PFS, are strongSwan's`(name: String) throws {
        let opened = try self.open(name)
        #expect(!opened.recording.child_sas.isEmpty)
        for child in opened.recording.child_sas {
            let encryption = bytes(child.encryption_initiator).count
            let protection = opened.suite.protection
            try #require(
                protection.encryptionKeyBytes == encryption, "the recordings use one cipher for both")
            let integrity: IntegrityAlgorithm? =
                switch child.integrity_initiator.map({ bytes($0).count }) {
                case 32: .hmacSHA256
                case 48: .hmacSHA384
                case 64: .hmacSHA512
                default: nil
                }
            let keys = try KeySchedule(crypto: self.crypto).childKeys(
                ProtectionSuite(
                    encryption: protection.encryption, keyLength: protection.keyLength, integrity: integrity),
                skD: opened.keys.skD, prf: opened.keys.prf, requesterNonce: bytes(child.ni),
                answererNonce: bytes(child.nr),
                sharedSecret: child.dh_shared_secret.map { SecretBytes(copying: bytes($0)) })
            #expect(hexadecimal(keys.fromRequester.encryption.publicBytes) == child.encryption_initiator)
            #expect(hexadecimal(keys.fromAnswerer.encryption.publicBytes) == child.encryption_responder)
            #expect(
                hexadecimal(keys.fromRequester.integrity.publicBytes) == child.integrity_initiator ?? "")
            #expect(
                hexadecimal(keys.fromAnswerer.integrity.publicBytes) == child.integrity_responder ?? "")
        }
    }

    @Test(arguments: RecordedExchange.names)
    func `both AUTH values verify, and not with another key`(name: String) throws {
        let opened = try self.open(name)
        let request = try #require(opened.messages.first).octets
        let response = try #require(opened.messages.dropFirst().first).octets
        let payloads = try self.authPayloads(opened)
        let psk = SecretBytes(copying: opened.recording.psk.utf8)
        let method = SharedKeyAuthentication(prf: opened.keys.prf, key: psk)
        let initiator = try method.authenticationData(
            message: request, nonce: bytes(opened.recording.nr), skP: opened.keys.skPi,
            identityBody: try #require(payloads.request.idInitiator).body)
        let responder = try method.authenticationData(
            message: response, nonce: bytes(opened.recording.ni), skP: opened.keys.skPr,
            identityBody: try #require(payloads.answer.idResponder).body)
        #expect(initiator.isEqual(to: try #require(payloads.request.authentication).data))
        #expect(responder.isEqual(to: try #require(payloads.answer.authentication).data))
        #expect(payloads.request.idInitiator?.identity == .fqdn(opened.recording.idi))
        #expect(payloads.answer.idResponder?.identity == .fqdn(opened.recording.idr))
        let wrong = SharedKeyAuthentication(
            prf: opened.keys.prf, key: SecretBytes(copying: "a secret that only A and C know".utf8))
        let other = try wrong.authenticationData(
            message: request, nonce: bytes(opened.recording.nr), skP: opened.keys.skPi,
            identityBody: try #require(payloads.request.idInitiator).body)
        #expect(!other.isEqual(to: try #require(payloads.request.authentication).data))
    }

    /// The payloads of both IKE_AUTH messages, put together by our fragment buffer where they are fragments.
    private func authPayloads(_ opened: Opened) throws -> (request: [Payload], answer: [Payload]) {
        var found: [Bool: [Payload]] = [:]
        var buffer = FragmentBuffer()
        for message in opened.messages where message.header.exchange == .ikeAuth {
            let isAnswer = message.header.flags.contains(.response)
            let protection = MessageProtection(keys: opened.keys, isOriginalInitiator: isAnswer)
            switch message.protection {
            case .none: Issue.record("IKE_AUTH is not protected")
            case .encrypted(let body):
                found[isAnswer] =
                    try PayloadChain.decode(
                        first: body.firstInnerPayload, protection.open(body)[...]
                    ).payloads
            case .fragment(let fragment):
                let complete = try buffer.add(
                    fragment, text: try protection.open(fragment.body), header: message.header,
                    limits: IKELimits(), now: .origin)
                guard let complete else { continue }
                found[isAnswer] =
                    try PayloadChain.decode(first: complete.first, complete.text[...]).payloads
            }
        }
        return (try #require(found[false]), try #require(found[true]))
    }

    @Test func `the fragments of the recording are fragments`() throws {
        let opened = try self.open("fragments")
        let fragments = opened.messages.filter { if case .fragment = $0.protection { true } else { false } }
        #expect(fragments.count == 4)
    }

    @Test(arguments: RecordedExchange.names)
    func `a flipped bit of a recorded message is found`(name: String) throws {
        let opened = try self.open(name)
        let record = try #require(opened.recording.messages.first { $0.plaintext_hex != nil })
        var octets = bytes(record.hex)
        for index in [0, 16, 23, 30, octets.count / 2, octets.count - 1] where index != 16 {
            octets[index] ^= 1
            defer { octets[index] ^= 1 }
            guard let message = try? DecodedMessage.decode(octets) else { continue }
            let protection = MessageProtection(keys: opened.keys, isOriginalInitiator: false)
            let body: EncryptedBody? =
                switch message.protection {
                case .none: nil
                case .encrypted(let body): body
                case .fragment(let fragment): fragment.body
                }
            #expect(throws: OpeningFault.drop(.wrongICV)) { try protection.open(try #require(body)) }
        }
    }
}
