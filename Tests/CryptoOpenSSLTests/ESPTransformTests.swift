import IPsecModel
import Testing

@testable import CryptoOpenSSL

@Suite struct ESPTransformTests {
    private let provider = OpenSSLProvider()

    private func pair(_ suite: ESPSuite) throws -> (sender: any ESPTransform, receiver: any ESPTransform) {
        (
            try self.provider.transform(suite, keys: suite.someKeys, .outbound),
            try self.provider.transform(suite, keys: suite.someKeys, .inbound)
        )
    }

    @Test(arguments: try Vectors.load(ESPCase.files, as: ESPCase.self))
    func `a packet of the vectors opens to its text, again and again`(_ vector: ESPCase) throws {
        let transform = try self.provider.transform(vector.suite, keys: vector.keys, .inbound)
        for _ in 0..<2 {
            let opened = try transform.opened(vector.packet.bytes, vector.number)
            #expect(transform.text(opened) == vector.content)
        }
    }

    // The long ones would take seconds and show nothing more.
    @Test(arguments: try Vectors.load(ESPCase.files, as: ESPCase.self).filter { $0.packet.bytes.count < 200 })
    func `no bit of a packet can be changed`(_ vector: ESPCase) throws {
        let transform = try self.provider.transform(vector.suite, keys: vector.keys, .inbound)
        let packet = vector.packet.bytes
        for bit in 0..<(8 * packet.count) {
            #expect(throws: CryptoFault.wrongICV) {
                try transform.opened(packet.flipping(bit), vector.number)
            }
        }
        #expect(drainErrorQueue().isEmpty)
        // The refusals have not damaged the context.
        #expect(try transform.text(transform.opened(packet, vector.number)) == vector.content)
    }

    @Test(arguments: try Vectors.load(ESPCase.files, as: ESPCase.self).filter(\.extended))
    func `a wrong high half of the number is refused`(_ vector: ESPCase) throws {
        let transform = try self.provider.transform(vector.suite, keys: vector.keys, .inbound)
        for bit in 32..<64 {
            let wrong = vector.number ^ (1 << UInt64(bit))
            #expect(throws: CryptoFault.wrongICV) { try transform.opened(vector.packet.bytes, wrong) }
        }
    }

    @Test(arguments: try Vectors.load(ESPCase.files, as: ESPCase.self))
    func `a low half that is not the packet's is refused`(_ vector: ESPCase) throws {
        let transform = try self.provider.transform(vector.suite, keys: vector.keys, .inbound)
        let wrong = vector.number ^ 1
        #expect(throws: CryptoFault.wrongICV) { try transform.opened(vector.packet.bytes, wrong) }
    }

    @Test(arguments: ESPSuite.all) func `what is sealed opens, at every aligned length`(_ suite: ESPSuite)
        throws
    {
        let (sender, receiver) = try self.pair(suite)
        for length in stride(from: 0, through: 1_500, by: sender.alignment) + [8_992, 65_456] {
            let text = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let number = 0x1_ffff_ff00 + UInt64(length)
            let packet = try sender.sealed(text, spi: 0xc123_4567, number)
            #expect(packet.count == 8 + sender.ivLength + length + sender.icvLength)
            #expect(Array(packet.prefix(4)) == [0xc1, 0x23, 0x45, 0x67])
            if length >= 16 { #expect(sender.text(packet) != text) }
            #expect(try receiver.text(receiver.opened(packet, number)) == text)
        }
        #expect(drainErrorQueue().isEmpty)
    }

    @Test(arguments: ESPSuite.all) func `bytes around the packet stay as they are`(_ suite: ESPSuite) throws {
        let (sender, receiver) = try self.pair(suite)
        let count = 8 + sender.ivLength + 64 + sender.icvLength
        var memory = [UInt8](repeating: 0xee, count: count + 33)
        let packet = 13..<(13 + count)
        var span = memory.mutableSpan
        span.store(UInt32(9), at: packet.lowerBound + 4)
        try sender.seal(&span, packet, sequenceNumber: 9)
        try receiver.open(&span, packet, sequenceNumber: 9)
        let text = (packet.lowerBound + 8 + sender.ivLength)..<(packet.upperBound - sender.icvLength)
        #expect(memory[text].allSatisfy { $0 == 0xee })
        #expect(memory[..<packet.lowerBound].allSatisfy { $0 == 0xee })
        #expect(memory[packet.upperBound...].allSatisfy { $0 == 0xee })
    }

    @Test(arguments: ESPSuite.all) func `any other length is refused, and none traps`(_ suite: ESPSuite)
        throws
    {
        let (sender, receiver) = try self.pair(suite)
        let shortest = 8 + sender.ivLength + sender.icvLength
        for count in 0..<(shortest + 40) {
            var memory = [UInt8](repeating: 0, count: count)
            var span = memory.mutableSpan
            let isAligned = count >= shortest && (count - shortest) % sender.alignment == 0
            let sealing = Self.fault { () throws(CryptoFault) in
                try sender.seal(&span, 0..<count, sequenceNumber: 0)
            }
            #expect(isAligned ? sealing == nil : Self.isLength(sealing))
            memory = [UInt8](repeating: 0, count: count)
            span = memory.mutableSpan
            let opening = Self.fault { () throws(CryptoFault) in
                try receiver.open(&span, 0..<count, sequenceNumber: 0)
            }
            #expect(isAligned ? opening == .wrongICV : Self.isLength(opening))
        }
    }

    @Test(arguments: ESPSuite.all, [-1..<99, 0..<101, 100..<200, 100..<100, Int.min..<Int.max, 0..<Int.max])
    func `a packet outside of the buffer is refused`(_ suite: ESPSuite, _ packet: Range<Int>) throws {
        let (sender, receiver) = try self.pair(suite)
        var memory = [UInt8](repeating: 0, count: 100)
        var span = memory.mutableSpan
        let sealing = Self.fault { () throws(CryptoFault) in
            try sender.seal(&span, packet, sequenceNumber: 1)
        }
        let opening = Self.fault { () throws(CryptoFault) in
            try receiver.open(&span, packet, sequenceNumber: 1)
        }
        #expect(Self.isLength(sealing) && Self.isLength(opening))
        #expect(memory.allSatisfy { $0 == 0 })
    }

    @Test(arguments: ESPSuite.all) func `a direction does not do the other's work`(_ suite: ESPSuite) throws {
        let (sender, receiver) = try self.pair(suite)
        let packet = try sender.sealed([UInt8](repeating: 1, count: 32), spi: 1, 1)
        #expect(throws: CryptoFault.self) { try sender.opened(packet, 1) }
        #expect(throws: CryptoFault.self) { try receiver.sealed([UInt8](repeating: 1, count: 32), spi: 1, 1) }
    }

    // RFC 4106 §3.1: the IV must never repeat, and a counter does.
    @Test(arguments: ESPSuite.all.filter(\.protection.encryption.isAEAD))
    func `the IV of a combined mode is the whole sequence number`(_ suite: ESPSuite) throws {
        let sender = try self.provider.transform(suite, keys: suite.someKeys, .outbound)
        let packet = try sender.sealed([1, 2, 3, 4], spi: 1, 0x0102_0304_0506_0708)
        #expect(Array(packet[8..<16]) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    // RFC 3602 §3. A hundred IVs outlast the pool three times.
    @Test(arguments: ESPSuite.all.filter { !$0.protection.encryption.isAEAD })
    func `the IVs of CBC do not repeat`(_ suite: ESPSuite) throws {
        let sender = try self.provider.transform(suite, keys: suite.someKeys, .outbound)
        let vectors = try (0..<100).map { number in
            Array(try sender.sealed([UInt8](repeating: 0, count: 16), spi: 1, number)[8..<24])
        }
        #expect(Set(vectors).count == 100)
        #expect(Set(vectors.joined()).count > 200)
    }

    @Test(arguments: ESPSuite.all) func `a key of a wrong length is refused`(_ suite: ESPSuite) throws {
        let keys = suite.someKeys
        let shorter = SecretBytes(copying: keys.encryption.copy.dropLast())
        #expect(throws: CryptoFault.self) {
            try self.provider.transform(
                suite, keys: ESPKeys(encryption: shorter, integrity: keys.integrity), .inbound)
        }
        let other = SecretBytes(copying: keys.integrity.copy + [0])
        #expect(throws: CryptoFault.self) {
            try self.provider.transform(
                suite, keys: ESPKeys(encryption: keys.encryption, integrity: other), .inbound)
        }
        #expect(drainErrorQueue().isEmpty)
    }

    @Test func `an algorithm that we do not have is unavailable`() throws {
        let protection = ProtectionSuite(encryption: .aesGCM8, keyLength: 128, integrity: nil)
        let suite = ESPSuite(protection: protection, sequenceNumbers: .short, keyExchange: nil)
        let fault = Self.fault { () throws(CryptoFault) in
            _ = try self.provider.transform(suite, keys: suite.someKeys, .inbound)
        }
        guard case .unavailable = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    @Test func `the name says the library's version`() {
        #expect(self.provider.name.hasPrefix("OpenSSL 3."))
    }

    private static func fault(_ body: () throws(CryptoFault) -> Void) -> CryptoFault? {
        do {
            try body()
            return nil
        } catch { return error }
    }

    private static func isLength(_ fault: CryptoFault?) -> Bool {
        guard case .wrongLength = fault else { return false }
        return true
    }
}
