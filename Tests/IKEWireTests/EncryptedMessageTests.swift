import IKEWire
import IPsecModel
import Testing

/// SK (RFC 7296 §3.14) and SKF (RFC 7383 §2.5), with a cipher that changes nothing.
@Suite struct EncryptedMessageTests {
    /// What the closure of the encoder was given.
    private final class Recorder {
        var texts: [[UInt8]] = []
        var associatedData: [[UInt8]] = []
    }

    private let header = IKEHeader(
        initiatorSPI: IKESPI(0x0102_0304_0506_0708), responderSPI: IKESPI(0x1112_1314_1516_1718),
        exchange: .informational, flags: [.initiator], messageID: 2)
    private let gcm = ProtectionSizes(ivLength: 8, icvLength: 16, blockSize: 1)
    private let cbc = ProtectionSizes(ivLength: 16, icvLength: 16, blockSize: 16)

    /// "Encrypts" by doing nothing: IV of 0xa0, ICV of 0xee.
    private func seal(_ sizes: ProtectionSizes, _ recorder: Recorder = Recorder()) -> IKEMessageEncoder.Seal {
        { (text, associatedData) throws(CryptoFault) in
            recorder.texts.append(text)
            recorder.associatedData.append(Array(associatedData))
            let icv = [UInt8](repeating: 0xee, count: sizes.icvLength)
            return ([UInt8](repeating: 0xa0, count: sizes.ivLength), text + icv)
        }
    }

    /// The payloads that `message` protects with the cipher that changes nothing.
    private func open(_ body: EncryptedBody, _ sizes: ProtectionSizes) throws -> ArraySlice<UInt8> {
        let parts = try body.parts(ivLength: sizes.ivLength, icvLength: sizes.icvLength)
        return try EncryptedText.unpad(Array(parts.sealed.dropLast(sizes.icvLength)))
    }

    @Test func `an Encrypted payload has IV, text, pad length and ICV in this order`() throws {
        let recorder = Recorder()
        let message = try IKEMessageEncoder.protected(
            self.header, [.delete(.ikeSA)], sizes: self.gcm, seal: self.seal(self.gcm, recorder))
        let head = "0102030405060708 1112131415161718 2e 20 25 08 00000002 00000041  2a 00 0025"
        #expect(
            message
                == octets(
                    head + "a0a0a0a0a0a0a0a0 00 00 0008 01 00 0000 00 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"))
        #expect(recorder.associatedData == [octets(head)])
        #expect(recorder.texts == [octets("00 00 0008 01 00 0000 00")])
    }

    @Test func `what is received tells associated data, IV and ciphertext apart`() throws {
        let message = octets(
            """
            0102030405060708 1112131415161718 2e 20 25 08 00000002 00000041
            2a 00 0025 a0a1a2a3a4a5a6a7 c0c1c2c3c4c5c6c7c8 e0e1e2e3e4e5e6e7e8e9eaebecedeeef
            """)
        let decoded = try DecodedMessage.decode(message)
        guard case .encrypted(let body) = decoded.protection else {
            Issue.record("not encrypted")
            return
        }
        #expect(decoded.payloads.isEmpty)
        #expect(body.firstInnerPayload == .delete)
        #expect(body.associatedData == message.prefix(32))
        #expect(body.aadLength == 32)
        let parts = try body.parts(ivLength: 8, icvLength: 16)
        #expect(parts.iv == octets("a0a1a2a3a4a5a6a7")[...])
        #expect(parts.sealed == octets("c0c1c2c3c4c5c6c7c8 e0e1e2e3e4e5e6e7e8e9eaebecedeeef")[...])
    }

    @Test(arguments: 0...40)
    func `the text is padded to whole blocks and no further`(length: Int) throws {
        let recorder = Recorder()
        let payload = Payload.eap(.init(message: .init(repeating: 1, count: length)))
        let message = try IKEMessageEncoder.protected(
            self.header, [payload], sizes: self.cbc, seal: self.seal(self.cbc, recorder))
        let text = try #require(recorder.texts.first)
        #expect(text.count % 16 == 0)
        #expect(text.count - (length + 4 + 1) < 16)
        #expect(text.last.map(Int.init) == text.count - (length + 4 + 1))
        guard case .encrypted(let body) = try DecodedMessage.decode(message).protection else {
            Issue.record("not encrypted")
            return
        }
        let chain = try self.open(body, self.cbc)
        #expect(try PayloadChain.decode(first: body.firstInnerPayload, chain).payloads == [payload])
    }

    @Test func `an empty Encrypted payload names no inner payload`() throws {
        let message = try IKEMessageEncoder.protected(
            self.header, [], sizes: self.gcm, seal: self.seal(self.gcm))
        #expect(message.count == 28 + 4 + 8 + 1 + 16)
        guard case .encrypted(let body) = try DecodedMessage.decode(message).protection else {
            Issue.record("not encrypted")
            return
        }
        #expect(body.firstInnerPayload == .none)
        #expect(try self.open(body, self.gcm).isEmpty)
    }

    @Test func `clear payloads before an Encrypted payload belong to the associated data`() throws {
        let recorder = Recorder()
        let clear = Payload.vendorID(.init(vendorID: [1, 2]))
        let message = try IKEMessageEncoder.protected(
            self.header, [.delete(.ikeSA)], clearPayloads: [clear], sizes: self.gcm,
            seal: self.seal(self.gcm, recorder))
        let decoded = try DecodedMessage.decode(message)
        #expect(decoded.payloads == [clear])
        guard case .encrypted(let body) = decoded.protection else {
            Issue.record("not encrypted")
            return
        }
        #expect(body.associatedData == message.prefix(28 + 6 + 4))
        #expect(recorder.associatedData == [Array(body.associatedData)])
    }

    @Test func `octets after an Encrypted payload are refused`() throws {
        var message = try IKEMessageEncoder.protected(
            self.header, [], sizes: self.gcm, seal: self.seal(self.gcm))
        message[31] -= 1
        #expect(throws: WireFault.trailing(field: "payloads", count: 1)) {
            _ = try DecodedMessage.decode(message)
        }
        message[31] += 2
        #expect(throws: WireFault.truncated(field: "payload", need: 26, have: 25)) {
            _ = try DecodedMessage.decode(message)
        }
    }

    @Test(arguments: 0...24)
    func `an Encrypted payload without room for IV, pad length and ICV is refused`(count: Int) throws {
        let body = [0, 0, 0, UInt8(4 + count)] + [UInt8](repeating: 0, count: count)
        let message = requestHeaderOctets(next: .encrypted, length: 32 + count) + body
        guard case .encrypted(let encrypted) = try DecodedMessage.decode(message).protection else {
            Issue.record("not encrypted")
            return
        }
        #expect(throws: WireFault.self) { _ = try encrypted.parts(ivLength: 8, icvLength: 16) }
    }

    @Test(arguments: [[], [1], [0, 0, 3], [255] + Array(repeating: 0, count: 254) + [255]] as [[UInt8]])
    func `padding that is longer than the text is refused`(text: [UInt8]) {
        #expect(
            (fault { () throws(WireFault) in try EncryptedText.unpad(text) } != nil) == (text.count < 256))
    }

    @Test func `padding may hold anything`() throws {
        #expect(try EncryptedText.unpad([7, 8, 9, 0xaa, 0xbb, 2]) == [7, 8, 9])
        #expect(try EncryptedText.unpad([7, 0]) == [7])
        #expect(try EncryptedText.unpad([0]) == [])
    }

    @Test func `a fragment carries its number and the total in the associated data`() throws {
        let recorder = Recorder()
        let message = try IKEMessageEncoder.fragment(
            self.header, firstInner: .delete, number: 1, total: 3, chunk: [1, 2, 3], sizes: self.gcm,
            seal: self.seal(self.gcm, recorder))
        let head = "0102030405060708 1112131415161718 35 20 25 08 00000002 00000040  2a 00 0024 0001 0003"
        #expect(
            message == octets(head + "a0a0a0a0a0a0a0a0 010203 00 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"))
        #expect(recorder.associatedData == [octets(head)])
        guard case .fragment(let fragment) = try DecodedMessage.decode(message).protection else {
            Issue.record("no fragment")
            return
        }
        #expect((fragment.number, fragment.total) == (1, 3))
        #expect(fragment.body.associatedData == octets(head)[...])
        #expect(try self.open(fragment.body, self.gcm) == [1, 2, 3])
    }

    @Test(arguments: [(0, 1), (2, 1), (0, 0), (1, 0), (65_535, 65_534)] as [(UInt16, UInt16)])
    func `a fragment number outside of 1 to the total is refused`(number: UInt16, total: UInt16) {
        let body = [
            0, 0, 0, 8, UInt8(number >> 8), UInt8(number & 255), UInt8(total >> 8), UInt8(total & 255),
        ]
        let expected = WireFault.badValue(field: "fragment number", value: UInt64(number))
        #expect(throws: expected) {
            _ = try DecodedMessage.decode(requestHeaderOctets(next: .encryptedFragment, length: 36) + body)
        }
        #expect(throws: SealingFault.wire(expected)) {
            _ = try IKEMessageEncoder.fragment(
                self.header, firstInner: .none, number: number, total: total, chunk: [], sizes: self.gcm,
                seal: self.seal(self.gcm))
        }
    }

    @Test(arguments: [100, 101, 116, 117, 200, 576, 1_000])
    func `fragments are at most as long as asked for and give the payloads back`(maximum: Int) throws {
        var generator = MessageGenerator(seed: maximum)
        let payloads = [Payload.eap(.init(message: generator.bytes(2_000...2_000)))] + generator.payloads()
        for sizes in [self.gcm, self.cbc] {
            let datagrams = try IKEMessageEncoder.datagrams(
                self.header, payloads, maximumOctets: maximum, sizes: sizes, seal: self.seal(sizes))
            #expect(datagrams.count > 1)
            #expect(datagrams.allSatisfy { $0.count <= maximum })
            var text: [UInt8] = []
            var first = PayloadType.none
            for (index, datagram) in datagrams.enumerated() {
                guard case .fragment(let fragment) = try DecodedMessage.decode(datagram).protection else {
                    Issue.record("no fragment")
                    return
                }
                #expect((fragment.number, fragment.total) == (UInt16(index + 1), UInt16(datagrams.count)))
                #expect(index == 0 || fragment.body.firstInnerPayload == .none)
                if index == 0 { first = fragment.body.firstInnerPayload }
                text += try self.open(fragment.body, sizes)
            }
            #expect(try PayloadChain.decode(first: first, text[...]).payloads == payloads)
        }
    }

    @Test(arguments: [28 + 4 + 8 + 16 + 105, 28 + 4 + 8 + 16 + 104])
    func `a message that fits is not fragmented, one octet less and it is`(maximum: Int) throws {
        let payload = Payload.eap(.init(message: .init(repeating: 1, count: 100)))
        let datagrams = try IKEMessageEncoder.datagrams(
            self.header, [payload], maximumOctets: maximum, sizes: self.gcm, seal: self.seal(self.gcm))
        #expect(datagrams.count == (maximum == 161 ? 1 : 2))
        #expect(datagrams.map(\.count).max() == maximum)
    }

    @Test(arguments: [0, 27, 60])
    func `no room for a fragment is a fault`(maximum: Int) {
        #expect(throws: SealingFault.self) {
            _ = try IKEMessageEncoder.datagrams(
                self.header, [.delete(.ikeSA)], maximumOctets: maximum, sizes: self.gcm,
                seal: self.seal(self.gcm))
        }
    }

    @Test func `a cipher that fails or breaks its promise makes no message`() {
        let wrong = ProtectionSizes(ivLength: 8, icvLength: 12, blockSize: 1)
        #expect(throws: SealingFault.crypto(.wrongLength(what: "ciphertext and ICV", need: 17, have: 13))) {
            _ = try IKEMessageEncoder.protected(self.header, [], sizes: self.gcm, seal: self.seal(wrong))
        }
        #expect(throws: SealingFault.crypto(.wrongLength(what: "IV", need: 8, have: 16))) {
            _ = try IKEMessageEncoder.protected(self.header, [], sizes: self.gcm, seal: self.seal(self.cbc))
        }
        #expect(throws: SealingFault.crypto(.unavailable("x"))) {
            _ = try IKEMessageEncoder.protected(self.header, [], sizes: self.gcm) {
                (_, _) throws(CryptoFault) in throw .unavailable("x")
            }
        }
    }

    @Test func `payloads that do not fit into one message are refused`() {
        let large = Payload.eap(.init(message: .init(repeating: 1, count: 65_490)))
        #expect(throws: SealingFault.wire(.tooLong(field: "message", limit: 65_535, have: 65_551))) {
            _ = try IKEMessageEncoder.protected(
                self.header, [large], sizes: self.gcm, seal: self.seal(self.gcm))
        }
    }
}
