import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What an operator wants while a peer is authenticated anew (RFC 7296 §2.8.3) holds for the new IKE_SA as well.
@Suite(.networkCapture) struct ReauthenticationCommandTests {
    /// How far the new IKE_SA has come.
    enum Stage: CaseIterable, Sendable {
        case askingForKeys
        case authenticating
        case askingForSecondChild
    }

    private static func voice(isOnA: Bool) -> ChildConfiguration {
        var child = Configurations.child("voice")
        let (near, far) = (Configurations.selector("10.1.7.0/24"), Configurations.selector("10.2.7.0/24"))
        child.localSelectors = [.fixed(isOnA ? near : far)]
        child.remoteSelectors = [.fixed(isOnA ? far : near)]
        return child
    }

    /// Two gateways with two CHILD_SAs, of which A authenticates B anew and has come so far.
    private func reauthenticating(_ stage: Stage) throws -> Pair {
        let pair = try Pair(
            a: {
                $0.connections[0].children[0].startAction = .none
                $0.connections[0].children.append(Self.voice(isOnA: true))
            }, b: { $0.connections[0].children.append(Self.voice(isOnA: false)) })
        for child in ["net", "voice"] {
            #expect(pair.command(.initiate(connection: "site-b", child: child), of: pair.a))
            pair.net.run(for: .seconds(1))
        }
        try #require(pair.agreedChildren == 2 && pair.agreedIKESAs == 1)
        let old = try #require(pair.a.engine.context.directory.all.first)
        old.reauthenticateAt = pair.net.now
        pair.a.engine.context.touch(old)
        pair.a.feed(.deadline, on: pair.net)
        let isReached = pair.net.run(upTo: .seconds(2)) {
            let new = pair.a.engine.context.directory.all.first { $0 !== old }
            switch stage {
            case .askingForKeys: return pair.a.engine.initiations.count == 1
            case .authenticating: return new?.requests.outstanding?.request == .authenticate
            case .askingForSecondChild: return new?.requests.outstanding?.request == .createChild
            }
        }
        try #require(isReached)
        return pair
    }

    @Test(arguments: Stage.allCases, ["net", "voice"])
    func `a child that an operator has ended does not come back on the new IKE_SA`(
        stage: Stage, ended: String
    ) throws {
        let pair = try self.reauthenticating(stage)
        #expect(pair.command(.terminate(connection: "site-b", uniqueID: nil, child: ended), of: pair.a))
        for _ in 0..<10 {
            pair.net.run(for: .seconds(60))
            let names = pair.a.engine.snapshots.flatMap(\.children).map(\.name)
            #expect(names == ["net", "voice"].filter { $0 != ended })
            #expect(pair.agreedChildren == 1 && pair.agreedIKESAs == 1)
        }
        #expect(pair.pings())
        pair.expectSound()
    }
}
