import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Which SPIs are taken by IKE_SAs that are still to come of a rekeying.
@Suite(.networkCapture) struct SuccessorSPITests {
    /// How a rekeying ends that A has begun.
    enum Ending: CaseIterable, Sendable {
        case answered
        case refused
        /// An operator ends the IKE_SA, and the peer answers.
        case closed
        /// An operator ends the IKE_SA, and nobody answers.
        case closedAlone
        case deletedByPeer
        case peerDead
    }

    @Test(arguments: Ending.allCases)
    func `an SPI is taken while new keys are asked for, however that ends, and no longer`(ending: Ending)
        throws
    {
        let pair = try CollisionTests.standing(seed: 1)
        if ending == .refused {
            var configuration = pair.b.engine.context.configuration
            configuration.limits.ikeSAs = 1
            pair.b.feed(.configuration(configuration), on: pair.net)
        }
        pair.net.fate = { $0.source.address == Addresses.gateway ? .delay(.seconds(1)) : .deliver }
        if ending == .closedAlone || ending == .peerDead { pair.net.fate = { _ in .lose } }
        #expect(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .milliseconds(100))
        let directory = pair.a.engine.context.directory
        let spi = try #require(directory.all.compactMap(\.requestedSuccessor?.spi).first)
        #expect(directory.isTaken(spi) && directory[spi] == nil)
        #expect(pair.a.engine.tableSizes.successors == 1)
        pair.a.engine.expectConsistentDirectory()
        switch ending {
        case .answered, .refused, .peerDead: break
        case .closed, .closedAlone:
            pair.command(.terminate(connection: "site-b", uniqueID: nil, child: nil), of: pair.a)
        case .deletedByPeer:
            pair.command(.terminate(connection: "site-a", uniqueID: nil, child: nil), of: pair.b)
        }
        pair.net.run(for: .seconds(400))
        #expect(pair.a.engine.tableSizes.successors == 0)
        #expect(directory.isTaken(spi) == (ending == .answered))
        pair.expectSound()
    }

    @Test func `no IKE_SA gets an SPI that is zero, or taken by what is to come of a rekeying`() throws {
        let crypto = SeededCrypto(seed: 1)
        crypto.foretold = [0, 77, 77, 78].map { IKESPI($0).bytes }
        let context = EngineContext(
            crypto: crypto, configuration: Configurations.site(), qcdSecret: nil)
        context.directory.successorChanged(from: nil, to: IKESPI(77))
        #expect(try context.makeIKESPI() == IKESPI(78))
    }
}
