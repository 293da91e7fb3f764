import IPsecModel
import Testing

/// A PRF that shows what it was asked: its result is the number of the call, and it writes down the input.
private final class TransparentPRF: PRF {
    let outputLength: Int
    private(set) var inputs: [[UInt8]] = []

    init(outputLength: Int) { self.outputLength = outputLength }

    func compute(key: SecretBytes, _ parts: [ArraySlice<UInt8>]) throws(CryptoFault) -> SecretBytes {
        self.inputs.append(parts.flatMap { $0 })
        let number = UInt8(truncatingIfNeeded: self.inputs.count)
        return SecretBytes(copying: [UInt8](repeating: number, count: self.outputLength))
    }

    func compute(
        key: SecretBytes, secretPrefix: SecretBytes, _ parts: [ArraySlice<UInt8>]
    ) throws(CryptoFault) -> SecretBytes {
        let prefix = secretPrefix.withBytes { bytes in (0..<bytes.count).map { bytes[$0] } }
        return try self.compute(key: key, [prefix[...]] + parts)
    }
}

/// prf+ (RFC 7296 §2.13): T1 = prf(K, S | 1), T2 = prf(K, T1 | S | 2), …
@Suite struct ExpansionTests {
    private let key = SecretBytes(copying: [7])

    @Test func `each block takes in the one before, the seed and its number`() throws {
        let prf = TransparentPRF(outputLength: 2)
        let output = try prf.expand(key: self.key, seed: [0xaa, 0xbb], count: 5)
        #expect(output.isEqual(to: [1, 1, 2, 2, 3]))
        #expect(prf.inputs == [[0xaa, 0xbb, 1], [1, 1, 0xaa, 0xbb, 2], [2, 2, 0xaa, 0xbb, 3]])
    }

    @Test(arguments: [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (1_020, 255)])
    func `no more blocks are made than are needed`(count: Int, blocks: Int) throws {
        let prf = TransparentPRF(outputLength: 4)
        #expect(try prf.expand(key: self.key, seed: [], count: count).count == count)
        #expect(prf.inputs.count == blocks)
    }

    @Test(arguments: [-1, 1_021, Int.max, Int.min])
    func `more than 255 blocks, or less than nothing, are refused`(count: Int) {
        let prf = TransparentPRF(outputLength: 4)
        #expect(throws: CryptoFault.wrongLength(what: "prf+", need: 1_020, have: count)) {
            try prf.expand(key: self.key, seed: [], count: count)
        }
        #expect(prf.inputs.isEmpty)
    }
}
