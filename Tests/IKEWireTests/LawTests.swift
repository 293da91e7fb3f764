import IKEWire
import IPsecModel
import Testing

/// What must hold for every message, tried on generated ones. A failure names its seed.
@Suite struct LawTests {
    @Test(arguments: 0..<400)
    func `decoding what was encoded gives the same message`(seed: Int) throws {
        var generator = MessageGenerator(seed: seed)
        let header = generator.header()
        let payloads = generator.payloads()
        let octets = try IKEMessageEncoder.clear(header, payloads)
        let decoded = try DecodedMessage.decode(octets)
        #expect(decoded.header == header)
        #expect(decoded.payloads == payloads)
        #expect(decoded.protection == .none)
        #expect(try IKEMessageEncoder.clear(decoded.header, decoded.payloads) == octets)
    }

    @Test(arguments: 0..<40)
    func `each proper prefix of a message is refused, whatever length its header gives`(seed: Int) throws {
        var generator = MessageGenerator(seed: seed)
        let message = try IKEMessageEncoder.clear(generator.header(), generator.payloads(1...4))
        for count in 0..<message.count {
            var prefix = Array(message.prefix(count))
            #expect(throws: WireFault.self) { _ = try DecodedMessage.decode(prefix) }
            guard count >= IKEHeader.length else { continue }
            prefix.replaceSubrange(26..<28, with: [UInt8(count >> 8), UInt8(count & 0xff)])
            #expect(throws: WireFault.self) { _ = try DecodedMessage.decode(prefix) }
        }
    }

    @Test(arguments: 0..<40)
    func `each proper prefix of a chain is refused`(seed: Int) throws {
        var generator = MessageGenerator(seed: seed)
        let (first, bytes) = try PayloadChain.encode(generator.payloads(1...4))
        for count in 0..<bytes.count {
            #expect(throws: WireFault.self) {
                _ = try PayloadChain.decode(first: first, bytes.prefix(count))
            }
        }
    }

    @Test(arguments: 0..<40)
    func `no single flipped bit traps, and what still decodes obeys the laws`(seed: Int) throws {
        var generator = MessageGenerator(seed: seed)
        let message = try IKEMessageEncoder.clear(generator.header(), generator.payloads(1...4))
        for bit in 0..<message.count * 8 {
            var flipped = message
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(ikeMessageViolation(flipped) == nil)
        }
    }

    @Test(arguments: 0...256)
    func `no length of noise traps, with a right header or without`(count: Int) {
        var generator = MessageGenerator(seed: count)
        for _ in 0..<20 {
            let noise = generator.bytes(count...count)
            #expect(ikeMessageViolation(noise) == nil)
            let type = PayloadType(rawValue: UInt8(generator.number(33...53)))
            let framed = requestHeaderOctets(next: type, length: IKEHeader.length + count) + noise
            #expect(ikeMessageViolation(framed) == nil)
        }
    }

    @Test(arguments: 0..<100)
    func `noise behind a right payload header does not trap`(seed: Int) {
        var generator = MessageGenerator(seed: seed)
        for type in 33...48 as ClosedRange<UInt8> {
            let body = generator.bytes(0...64)
            let chain = [0, 0, 0, UInt8(body.count + 4)] + body
            #expect(ikeMessageViolation([type] + chain) == nil)
        }
    }
}
