import Foundation
import IPsecModel
import Testing

@Suite struct SecretBytesTests {
    private struct Refusal: Error {}

    private func copy(_ secret: SecretBytes) -> [UInt8] {
        secret.withBytes { bytes in (0..<bytes.count).map { bytes[$0] } }
    }

    @Test(arguments: [0, 1, 15, 16, 17, 4_096])
    func `a secret holds what it was given`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let secret = SecretBytes(copying: bytes)
        #expect(secret.count == count)
        #expect(self.copy(secret) == bytes)
        #expect(self.copy(SecretBytes(copying: ([1] + bytes)[1...])) == bytes)
    }

    @Test func `a secret is zero until it is filled`() {
        let secret = SecretBytes(count: 33) { span in
            for index in 0..<span.count where span[index] != 0 { Issue.record("byte \(index)") }
            span[32] = 1
        }
        #expect(!secret.isAllZero)
        #expect(self.copy(secret) == [UInt8](repeating: 0, count: 32) + [1])
        #expect(SecretBytes(count: 33) { _ in }.isAllZero)
        #expect(SecretBytes(count: 0) { _ in }.isAllZero)
        #expect(SecretBytes(count: -1) { _ in }.count == 0)
    }

    @Test func `a refusal while filling is passed on`() {
        #expect(throws: Refusal.self) {
            try SecretBytes(count: 8) { (span) throws(Refusal) in
                span[0] = 1
                throw Refusal()
            }
        }
    }

    @Test(arguments: [(0..<0, [UInt8]()), (0..<4, [1, 2, 3, 4]), (1..<3, [2, 3]), (4..<4, [])])
    func `a part is a secret of its own`(range: Range<Int>, bytes: [UInt8]) throws {
        let part = try #require(SecretBytes(copying: [1, 2, 3, 4]).part(range))
        #expect(self.copy(part) == bytes)
    }

    @Test(arguments: [-1..<2, 0..<5, 5..<5, 3..<Int.max, Int.min..<0])
    func `a part that is not within is refused`(range: Range<Int>) {
        #expect(SecretBytes(copying: [1, 2, 3, 4]).part(range) == nil)
    }

    @Test func `secrets are joined in order`() {
        let parts: [[UInt8]] = [[1, 2], [], [3], [4, 5, 6]]
        #expect(self.copy(.joined(parts.map { SecretBytes(copying: $0) })) == [1, 2, 3, 4, 5, 6])
        #expect(SecretBytes.joined([]).count == 0)
    }

    @Test func `each single bit makes secrets differ`() {
        let bytes = [UInt8](0..<32)
        let secret = SecretBytes(copying: bytes)
        #expect(secret.isEqual(to: bytes))
        #expect(secret.isEqual(to: SecretBytes(copying: bytes)))
        for bit in 0..<256 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!secret.isEqual(to: other))
            #expect(!secret.isEqual(to: SecretBytes(copying: other)))
            #expect(!equalInConstantTime(bytes, other))
        }
    }

    // That the time does not depend on the bytes is a property of the code, which a test here cannot see.
    @Test func `only equal lengths can be equal`() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(equalInConstantTime(bytes, ([9] + bytes)[1...]))
        #expect(equalInConstantTime([UInt8](), [UInt8]()))
        for other in [[], [1, 2], [1, 2, 3, 0], [1, 2, 3, 4]] as [[UInt8]] {
            #expect(!equalInConstantTime(bytes, other))
            #expect(!equalInConstantTime(other, bytes))
            #expect(!SecretBytes(copying: bytes).isEqual(to: other))
        }
    }

    @Test func `a secret is not printed`() {
        let secret = SecretBytes(copying: Array("swordfish".utf8))
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] {
            #expect(!text.contains("swordfish"))
            #expect(!text.contains("115"))
            #expect(!text.contains(hexadecimal(Array("sword".utf8))))
        }
    }

    // The kernel is asked what stands at the address afterwards; the heap may put its own links there.
    @Test func `the last reference wipes the memory`() throws {
        let pattern = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 77) }
        var secret: SecretBytes? = SecretBytes(copying: pattern)
        let address = try #require(secret).withBytes { bytes in
            // SAFETY: only the number is taken; nothing is read through it.
            unsafe bytes.withUnsafeBufferPointer { UInt64(UInt(bitPattern: $0.baseAddress)) }
        }
        let memory = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/mem"))
        try memory.seek(toOffset: address)
        #expect(try memory.read(upToCount: pattern.count) == Data(pattern))
        secret = nil
        try memory.seek(toOffset: address)
        let after = try #require(try memory.read(upToCount: pattern.count))
        let survivors = zip(after, pattern).filter { $0 == $1 }.count
        // Of 256 octets of anything else, 32 or more agree by chance with a probability below 10⁻²⁰.
        #expect(survivors < 32)
    }
}
