import CryptoOpenSSL
import IPsecModel
import Testing

@testable import CryptoIPsecMB

#if arch(x86_64)
    @Suite struct IPsecMBTests {
        private let openSSL = OpenSSLProvider()

        private func provider() throws -> IPsecMBProvider {
            try IPsecMBProvider(checkedAgainst: self.openSSL)
        }

        // Scripts/install-deps installs the library, so this is no test that may be skipped.
        @Test func `the library is there and passes its self-test`() throws {
            #expect(try self.provider().name.hasPrefix("intel-ipsec-mb 1."))
        }

        // draft-mcgrew-gcm-test-01 §4: one with extended numbers, one without, one with a key of 256 bits.
        @Test(arguments: [
            Packet(
                key: "4c80cdefbb5d10da906ac73c3613a6342e443b68", number: 0x8765_4321_0000_0000,
                extended: true,
                packet:
                    "00004321000000004956ed7e3b244cfefecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa"
                    + "13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732"
                    + "459018148f6cbe722fd04796562dfdb4",
                text:
                    "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f75"
                    + "6470037369700963796265726369747902646b000021000101020201"),
            Packet(
                key: "feffe9928665731c6d6a8f9467308308cafebabe", number: 10, extended: false,
                packet:
                    "0000a5f80000000afacedbaddecaf888deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d"
                    + "114d2a5c3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4"
                    + "c309e9d85a41ad4a",
                text:
                    "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100000100000000000003736970"
                    + "0963796265726369747902646b00000100010001"),
            Packet(
                key: "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344", number: 2,
                extended: false,
                packet:
                    "4a2cbfe3000000020102030405060708ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d"
                    + "65a5d763748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c4915956c96",
                text:
                    "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b4"
                    + "0101040201020201"),
        ])
        func `a packet of the vectors opens to its text`(_ vector: Packet) throws {
            let transform = try self.provider().transform(vector.suite, keys: vector.keys, .inbound)
            for _ in 0..<2 {
                var memory = vector.packet
                var span = memory.mutableSpan
                try transform.open(&span, 0..<vector.packet.count, sequenceNumber: vector.number)
                #expect(Array(memory[16...].dropLast(16)) == vector.text)
            }
        }

        @Test(arguments: ESPSuite.gcm) func `no bit of a packet can be changed`(_ suite: ESPSuite) throws {
            let number: UInt64 = 0x7_0000_0001
            let packet = try self.sealed(suite, length: 64, number, by: self.openSSL)
            let transform = try self.provider().transform(suite, keys: suite.someKeys, .inbound)
            for bit in 0..<(8 * packet.count) {
                var changed = packet
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                var span = changed.mutableSpan
                #expect(throws: CryptoFault.wrongICV) {
                    try transform.open(&span, 0..<packet.count, sequenceNumber: number)
                }
            }
        }

        // Every function of the library that this processor can run, not only the fastest.
        @Test(arguments: ["avx2 bmi2 avx sse4_2", "avx sse4_2", "sse4_2"])
        func `slower functions agree with OpenSSL too`(_ flags: String) throws {
            try #require(ProcessorFlags.ofThisMachine.have(flags))
            let provider = try IPsecMBProvider(
                IPsecMBLibrary.fileName, ProcessorFlags(cpuinfo: "flags : aes pclmulqdq \(flags)\n"))
            #expect(TransformComparison.difference(provider, self.openSSL) == nil)
        }

        @Test(arguments: [-1..<99, 0..<101, 0..<31, 0..<34, 100..<100, Int.min..<Int.max])
        func `a packet of a wrong length is refused`(_ packet: Range<Int>) throws {
            let suite = try #require(ESPSuite.gcm.first)
            let provider = try self.provider()
            let sender = try provider.transform(suite, keys: suite.someKeys, .outbound)
            let receiver = try provider.transform(suite, keys: suite.someKeys, .inbound)
            var memory = [UInt8](repeating: 0, count: 100)
            var span = memory.mutableSpan
            #expect(throws: CryptoFault.self) { try sender.seal(&span, packet, sequenceNumber: 1) }
            #expect(throws: CryptoFault.self) { try receiver.open(&span, packet, sequenceNumber: 1) }
            #expect(memory.allSatisfy { $0 == 0 })
        }

        @Test func `a direction does not do the other's work`() throws {
            let suite = try #require(ESPSuite.gcm.first)
            let provider = try self.provider()
            let sender = try provider.transform(suite, keys: suite.someKeys, .outbound)
            let receiver = try provider.transform(suite, keys: suite.someKeys, .inbound)
            var memory = [UInt8](repeating: 0, count: 64)
            var span = memory.mutableSpan
            #expect(throws: CryptoFault.self) { try receiver.seal(&span, 0..<64, sequenceNumber: 1) }
            #expect(throws: CryptoFault.self) { try sender.open(&span, 0..<64, sequenceNumber: 1) }
        }

        private func sealed(
            _ suite: ESPSuite, length: Int, _ number: UInt64, by provider: any ESPTransformProvider
        ) throws -> [UInt8] {
            let transform = try provider.transform(suite, keys: suite.someKeys, .outbound)
            var packet = [UInt8](repeating: 7, count: 32 + length)
            var span = packet.mutableSpan
            span.store(UInt32(truncatingIfNeeded: number), at: 4)
            try transform.seal(&span, 0..<(32 + length), sequenceNumber: number)
            return packet
        }
    }
#endif

/// A whole ESP packet with AES-GCM, its key and salt, and the text that it carries.
struct Packet: Sendable, CustomTestStringConvertible {
    let key: [UInt8]
    let number: UInt64
    let extended: Bool
    let packet: [UInt8]
    let text: [UInt8]
    var testDescription: String { "\(8 * (self.key.count - 4)) bits, number \(self.number)" }

    init(key: String, number: UInt64, extended: Bool, packet: String, text: String) {
        self.key = Self.bytes(key)
        self.number = number
        self.extended = extended
        self.packet = Self.bytes(packet)
        self.text = Self.bytes(text)
    }

    var suite: ESPSuite {
        let protection = ProtectionSuite(
            encryption: .aesGCM16, keyLength: 8 * (self.key.count - 4), integrity: nil)
        return ESPSuite(
            protection: protection, sequenceNumbers: self.extended ? .extended : .short, keyExchange: nil)
    }

    var keys: ESPKeys {
        ESPKeys(encryption: SecretBytes(copying: self.key), integrity: SecretBytes(copying: []))
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16)
        }
    }
}

extension ESPSuite {
    /// Both lengths of key, with short and with extended numbers.
    static let gcm: [ESPSuite] = [128, 256].flatMap { bits in
        [SequenceNumbers.short, .extended].map { numbers in
            ESPSuite(
                protection: ProtectionSuite(encryption: .aesGCM16, keyLength: bits, integrity: nil),
                sequenceNumbers: numbers, keyExchange: nil)
        }
    }

    /// Keys of the right lengths; the bytes are 0, 1, 2, …
    var someKeys: ESPKeys {
        ESPKeys(
            encryption: SecretBytes(copying: (0..<self.protection.encryptionKeyBytes).map(UInt8.init)),
            integrity: SecretBytes(copying: (0..<self.protection.integrityKeyBytes).map(UInt8.init)))
    }
}
