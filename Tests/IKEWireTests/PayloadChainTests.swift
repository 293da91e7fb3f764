import IKEWire
import IPsecModel
import Testing

/// The generic payload header and unknown payloads: RFC 7296 §2.5, §3.2.
@Suite struct PayloadChainTests {
    @Test func `payloads name their successor and the last one names none`() throws {
        let payloads: [Payload] = [.vendorID(.init(vendorID: [1])), .eap(.init(message: [2, 3]))]
        let (first, bytes) = try PayloadChain.encode(payloads)
        #expect(first == .vendorID)
        #expect(bytes == octets("30 00 0005 01  00 00 0006 0203"))
        #expect(try PayloadChain.decode(first: first, bytes[...]).payloads == payloads)
    }

    @Test func `an empty chain has no first payload and no octets`() throws {
        let (first, bytes) = try PayloadChain.encode([])
        #expect(first == .none)
        #expect(bytes.isEmpty)
        #expect(try PayloadChain.decode(first: .none, []).payloads.isEmpty)
        #expect(throws: WireFault.trailing(field: "payloads", count: 4)) {
            _ = try PayloadChain.decode(first: .none, [0, 0, 0, 4])
        }
    }

    @Test func `an unknown payload is kept as it is and passed over`() throws {
        let (payloads, critical) = try PayloadChain.decode(
            first: .init(rawValue: 200), octets("2b 00 0006 a1a2  00 00 0005 01")[...])
        #expect(
            payloads == [
                .unknown(.init(type: .init(rawValue: 200), isCritical: false, body: [0xa1, 0xa2])),
                .vendorID(.init(vendorID: [1])),
            ])
        #expect(critical == nil)
    }

    @Test func `the first unknown critical payload is reported, not thrown`() throws {
        let chain = octets("c9 00 0004  ca 80 0004  cb 80 0004  00 00 0004")
        let (payloads, critical) = try PayloadChain.decode(first: .init(rawValue: 200), chain[...])
        #expect(critical == PayloadType(rawValue: 201))
        #expect(payloads.map(\.type.rawValue) == [200, 201, 202, 203])
        let message = requestHeaderOctets(next: .init(rawValue: 200), length: 44) + chain
        #expect(try DecodedMessage.decode(message).unsupportedCriticalPayload == PayloadType(rawValue: 201))
    }

    @Test(arguments: [.vendorID, .notify, .nonce, .eap] as [PayloadType])
    func `the critical bit of a known payload is ignored and not sent`(type: PayloadType) throws {
        let body = octets("00000000 00000000 00000000 00000000")
        let (payloads, critical) = try PayloadChain.decode(first: type, ([0, 0x80, 0, 20] + body)[...])
        #expect(critical == nil)
        #expect(payloads.map(\.type) == [type])
        #expect(try PayloadChain.encode(payloads).bytes == [0, 0, 0, 20] + body)
    }

    @Test func `reserved bits beside the critical bit are ignored`() throws {
        let (payloads, critical) = try PayloadChain.decode(
            first: .init(rawValue: 200), octets("00 7f 0004")[...])
        #expect(critical == nil)
        #expect(payloads == [.unknown(.init(type: .init(rawValue: 200), isCritical: false, body: []))])
    }

    @Test func `the critical bit of an unknown payload is sent`() throws {
        let raw = RawPayload(type: .init(rawValue: 200), isCritical: true, body: [9])
        #expect(try PayloadChain.encode([.unknown(raw)]).bytes == octets("00 80 0005 09"))
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt8])
    func `a payload that is shorter than its header is refused`(length: UInt8) {
        #expect(throws: WireFault.badValue(field: "payload length", value: UInt64(length))) {
            _ = try PayloadChain.decode(first: .vendorID, [0, 0, 0, length])
        }
    }

    @Test func `a payload that leaves its chain is refused`() {
        #expect(throws: WireFault.truncated(field: "payload", need: 2, have: 1)) {
            _ = try PayloadChain.decode(first: .vendorID, octets("00 00 0006 01")[...])
        }
    }

    @Test func `a chain that promises one more payload is refused`() {
        #expect(throws: WireFault.truncated(field: "next payload", need: 1, have: 0)) {
            _ = try PayloadChain.decode(first: .vendorID, octets("2b 00 0004")[...])
        }
    }

    @Test(arguments: [.encrypted, .encryptedFragment] as [PayloadType])
    func `a protected payload cannot protect others again`(type: PayloadType) {
        let expected = WireFault.badValue(field: "type of a protected payload", value: UInt64(type.rawValue))
        #expect(throws: expected) {
            _ = try PayloadChain.decode(first: type, octets("00 00 0008 00010001")[...])
        }
        #expect(throws: expected) {
            _ = try PayloadChain.decode(
                first: .vendorID, ([type.rawValue, 0, 0, 4] + octets("00000004"))[...])
        }
    }

    @Test(arguments: [0, 46, 53] + Array(33...48) as [UInt8])
    func `a raw payload of a known type is not written`(type: UInt8) {
        #expect(throws: WireFault.badValue(field: "type of a raw payload", value: UInt64(type))) {
            _ = try PayloadChain.encode([.unknown(.init(type: .init(rawValue: type), body: []))])
        }
    }

    @Test func `a payload whose length its field cannot hold is refused`() {
        #expect(throws: WireFault.tooLong(field: "V", limit: 65_535, have: 65_536)) {
            _ = try PayloadChain.encode([.vendorID(.init(vendorID: .init(repeating: 0, count: 65_532)))])
        }
    }

    @Test func `a chain of more than 65535 octets is refused both ways`() throws {
        let half = Payload.vendorID(.init(vendorID: .init(repeating: 0, count: 32_764)))
        let expected = WireFault.tooLong(field: "payloads", limit: 65_535, have: 65_536)
        #expect(throws: expected) { _ = try PayloadChain.encode([half, half]) }
        let octets = [43, 0, 0x80, 0] + [UInt8](repeating: 0, count: 32_764)
        let last = [0, 0, 0x80, 0] + [UInt8](repeating: 0, count: 32_764)
        #expect(throws: expected) { _ = try PayloadChain.decode(first: .vendorID, (octets + last)[...]) }
    }
}
