import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Both sides begin something at the same moment, and one of the later messages is late or lost: an answer to the second
/// request, a DELETE, the answer to that (RFC 7296 §2.8, §2.25).
@Suite(.networkCapture) struct LateCollisionTests {
    typealias Move = CollisionTests.Move
    typealias Luck = CollisionTests.Luck

    /// Luck of the first messages, `CollisionTests` has all of it.
    private static let first = 4

    /// Lets all collide anew for every unlucky message after the first ones, as long as there is such a message.
    private func collide(
        _ a: Move, _ b: Move, after early: [Luck], seeds: ClosedRange<UInt64>,
        _ change: (Pair) -> Void = { _ in }
    ) throws {
        var position = max(Self.first, early.count)
        var mostMessages = 0
        repeat {
            mostMessages = 0
            for luck in Luck.allCases where luck != .prompt {
                for seed in seeds {
                    let pair = try CollisionTests.standing(
                        seed: seed &+ UInt64(position * Luck.allCases.count + luck.rawValue) * 8, change)
                    let prompt = [Luck](repeating: .prompt, count: position - early.count)
                    let count = CollisionTests.collide(pair, a, b, early + prompt + [luck])
                    mostMessages = max(mostMessages, count)
                    guard count > position else { continue }
                    CollisionTests.expectEnd(
                        pair, a, b,
                        "\(a) against \(b), \(early), message \(position + 1) \(luck), seed \(seed)")
                }
            }
            position += 1
        } while mostMessages >= position
    }

    @Test(arguments: Move.allCases, Move.allCases)
    func `both sides agree when one of the later messages is late or lost`(a: Move, b: Move) throws {
        try self.collide(a, b, after: [], seeds: 1...2)
    }

    @Test(arguments: Move.allCases, Move.allCases)
    func `both sides agree when one of the later messages is late or lost, with slow kernels`(
        a: Move, b: Move
    ) throws {
        try self.collide(a, b, after: [], seeds: 1...1) { pair in
            pair.a.kernelDelay = .milliseconds(90)
            pair.b.kernelDelay = .milliseconds(130)
        }
    }

    /// Some minutes: only if the environment wants it deep.
    @Test(.enabled(if: CollisionTests.isDeep), arguments: Move.allCases, Move.allCases)
    func `both sides agree when one of the first messages and one of the later ones is late or lost`(
        a: Move, b: Move
    ) throws {
        for position in 0..<8 {
            for luck in Luck.allCases where luck != .prompt {
                let early = [Luck](repeating: .prompt, count: position) + [luck]
                try self.collide(a, b, after: early, seeds: 1...2)
            }
        }
    }
}
