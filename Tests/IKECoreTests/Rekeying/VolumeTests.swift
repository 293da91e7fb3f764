import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// How much a CHILD_SA may carry before it is rekeyed, as the data plane is told (RFC 7296 §2.8).
@Suite(.networkCapture) struct VolumeTests {
    /// The CHILD_SA that A tells its data plane of.
    private func spec(
        seed: UInt64 = 1, _ change: @escaping (inout ChildConfiguration) -> Void
    ) throws -> ChildSASpec {
        let pair = try Pair(
            seed: seed, a: { change(&$0.connections[0].children[0]) },
            b: { $0.connections[0].children[0].proposals = Self.numbers(.extended) + Self.numbers(.short) })
        try pair.connect()
        return try #require(pair.a.engine.snapshots.first?.children.first).spec
    }

    private static func numbers(_ numbers: SequenceNumbers) -> [Proposal] {
        [Proposal(.esp, [.encryption(.aesGCM16, 128), .sequenceNumbers(numbers)])]
    }

    @Test func `rekeying begins within the margin of chance, at another moment each time`() throws {
        let specs = try (UInt64(1)...20).map { seed in
            try self.spec(seed: seed) {
                $0.bytes = VolumeLimit(rekey: 1_000_000, hard: 2_000_000, jitter: 400_000)
                $0.packets = VolumeLimit(rekey: 1_000, hard: 1_100, jitter: 100)
            }
        }
        let bytes = try specs.map { try #require($0.bytes.rekey) }
        let packets = try specs.map { try #require($0.packets.rekey) }
        #expect(bytes.allSatisfy { (600_000...1_000_000).contains($0) } && Set(bytes).count > 10)
        #expect(packets.allSatisfy { (900...1_000).contains($0) } && Set(packets).count > 10)
        #expect(specs.allSatisfy { $0.bytes.hard == 2_000_000 && $0.packets.hard == 1_100 })
    }

    @Test func `no margin, and the largest, are kept`() throws {
        let exact = try self.spec { $0.bytes = VolumeLimit(rekey: 5, hard: 6) }
        #expect(exact.bytes == VolumeLimit(rekey: 5, hard: 6))
        let wide = try self.spec { $0.bytes = VolumeLimit(rekey: .max, hard: .max, jitter: .max) }
        #expect(try #require(wide.bytes.rekey) >= 1)
    }

    // RFC 4303 §3.3.3: a sender whose 32-bit numbers are spent sends no more.
    @Test func `a CHILD_SA with 32-bit sequence numbers is rekeyed before they end`() throws {
        let short = try self.spec { $0.proposals = Self.numbers(.short) }
        #expect(short.suite.sequenceNumbers == .short)
        #expect(short.packets == VolumeLimit(rekey: 3_758_096_384, hard: 4_294_967_295))
        let limited = try self.spec {
            $0.proposals = Self.numbers(.short)
            $0.packets = VolumeLimit(rekey: 1_000, hard: .max)
        }
        #expect(limited.packets == VolumeLimit(rekey: 1_000, hard: 4_294_967_295))
        let long = try self.spec { $0.proposals = Self.numbers(.extended) }
        #expect(long.suite.sequenceNumbers == .extended && long.packets == .none)
    }
}
