import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Operator commands in every state of a connection: what cannot be carried out says why.
@Suite(.networkCapture) struct RefusedCommandTests {
    /// A state of A's connection.
    enum Life: String, CaseIterable, Sendable {
        case down
        case searching
        case attempting
        case authenticating
        case resting
        /// A packet has called for it, nobody has answered, and the pause is over.
        case waiting
        case standing
        case askingForChild
        case rekeyingChild
        case rekeyingIKESA
        case deletingChild
        /// Another IKE_SA is to take its place, and asks for keys.
        case reauthenticating
        /// That one waits for the peer to authenticate it.
        case authenticatingAnew
        case updatingAddresses
        case closing
        case stopping
    }

    /// A command, as the operator types it.
    enum Wish: String, CaseIterable, Sendable {
        case initiate
        case initiateVoice
        case terminate
        case terminateNet
        case terminateVoice
        case terminateByID
        case rekey
        case rekeyNet
        case rekeyVoice
        case rekeyByID

        var command: OperatorCommand {
            switch self {
            case .initiate: .initiate(connection: "site-b", child: "net")
            case .initiateVoice: .initiate(connection: "site-b", child: "voice")
            case .terminate: .terminate(connection: "site-b", uniqueID: nil, child: nil)
            case .terminateNet: .terminate(connection: "site-b", uniqueID: nil, child: "net")
            case .terminateVoice: .terminate(connection: "site-b", uniqueID: nil, child: "voice")
            case .terminateByID: .terminate(connection: "site-b", uniqueID: 99, child: nil)
            case .rekey: .rekey(connection: "site-b", uniqueID: nil, child: nil)
            case .rekeyNet: .rekey(connection: "site-b", uniqueID: nil, child: "net")
            case .rekeyVoice: .rekey(connection: "site-b", uniqueID: nil, child: "voice")
            case .rekeyByID: .rekey(connection: "site-b", uniqueID: 99, child: nil)
            }
        }
    }

    /// The sentence, or nil if there is something to do.
    static func refusal(_ wish: Wish, _ life: Life) -> String? {
        let none = "connection 'site-b' has no IKE_SA"
        switch (life, wish) {
        case (.stopping, _): return "culvertd is stopping"
        case (_, .terminateByID), (_, .rekeyByID): return none + " with the ID 99"
        // initiate
        case (.searching, .initiate), (.attempting, .initiate), (.authenticating, .initiate):
            return "connection 'site-b' is being begun already"
        case (.standing, .initiate), (.askingForChild, .initiate), (.rekeyingChild, .initiate),
            (.rekeyingIKESA, .initiate), (.reauthenticating, .initiate), (.authenticatingAnew, .initiate),
            (.updatingAddresses, .initiate):
            return "connection 'site-b' stands already"
        case (.askingForChild, .initiateVoice):
            return "child 'voice' of connection 'site-b' is being begun already"
        case (_, .initiate), (_, .initiateVoice): return nil
        // Nothing stands.
        case (.down, _), (.waiting, _): return none
        case (.searching, .terminate), (.attempting, .terminate), (.authenticating, .terminate),
            (.resting, .terminate):
            return nil
        case (.searching, _), (.attempting, _), (.authenticating, _): return none + " yet: it is being begun"
        case (.resting, _):
            return none + ": the last attempt failed, and there is a pause before the next"
        case (.closing, _): return "the IKE_SA of connection 'site-b' is being deleted already"
        // An IKE_SA stands.
        case (_, .terminate), (_, .rekey): return nil
        case (.askingForChild, .terminateVoice): return nil
        case (.askingForChild, .rekeyVoice):
            return "connection 'site-b' has no CHILD_SA 'voice' yet: it is being begun"
        case (_, .terminateVoice), (_, .rekeyVoice): return "connection 'site-b' has no CHILD_SA 'voice'"
        case (.deletingChild, .terminateNet), (.deletingChild, .rekeyNet):
            return "CHILD_SA 'net' of connection 'site-b' is being deleted already"
        case (_, .terminateNet), (_, .rekeyNet): return nil
        }
    }

    private static func startAction(_ life: Life) -> ChildAction {
        switch life {
        case .resting: .start
        case .waiting: .trap
        case .down, .searching, .attempting, .authenticating, .standing, .askingForChild, .rekeyingChild,
            .rekeyingIKESA, .deletingChild, .reauthenticating, .authenticatingAnew, .updatingAddresses,
            .closing, .stopping:
            .none
        }
    }

    private static func pair(_ life: Life) throws -> Pair {
        let voice = { (near: String, far: String) in
            var child = Configurations.child("voice")
            child.localSelectors = [.fixed(Configurations.selector(near))]
            child.remoteSelectors = [.fixed(Configurations.selector(far))]
            return child
        }
        return try Pair(
            a: { configuration in
                configuration.connections[0].children[0].startAction = Self.startAction(life)
                configuration.connections[0].children.append(voice("10.1.7.0/24", "10.2.7.0/24"))
            },
            b: { $0.connections[0].children.append(voice("10.2.7.0/24", "10.1.7.0/24")) })
    }

    /// The pair with A's connection in that state, and the addresses that the driver has not found yet.
    private static func reach(_ life: Life) throws -> (Pair, late: Input?) {
        var late: Input?
        let pair = try Self.pair(life)
        switch life {
        case .down: break
        case .searching:
            var outbox = Outbox()
            pair.a.engine.handle(
                .command(commandID: 1, Wish.initiate.command), now: pair.net.now, into: &outbox)
            for output in outbox.drain() {
                guard case .findAddresses(let searchID, _, _) = output else { continue }
                let way = AddressPair(local: Addresses.peer, remote: Addresses.gateway)
                late = .addresses(searchID: searchID, [way])
            }
        case .attempting: pair.command(Wish.initiate.command, of: pair.a)
        case .authenticating:
            pair.command(Wish.initiate.command, of: pair.a)
            pair.net.run(upTo: .seconds(5)) { pair.a.engine.context.directory.count == 1 }
        case .resting:
            pair.net.fate = { _ in .lose }
            pair.start()
            pair.net.run(upTo: .seconds(300)) { !pair.faults.isEmpty }
        case .waiting:
            pair.net.fate = { _ in .lose }
            pair.start()
            pair.a.meetTrap(
                from: Configurations.selector("10.1.0.9/32"), to: Configurations.selector("10.2.0.7/32"),
                on: pair.net)
            let isReached = pair.net.run(upTo: .seconds(300)) {
                pair.a.engine.keeper.entries["site-b"]?.state == .waiting
            }
            #expect(isReached)
        case .standing, .askingForChild, .rekeyingChild, .rekeyingIKESA, .deletingChild, .reauthenticating,
            .authenticatingAnew, .updatingAddresses, .closing, .stopping:
            pair.command(Wish.initiate.command, of: pair.a)
            pair.net.run(upTo: .seconds(10)) { pair.stands }
            pair.net.run(for: .milliseconds(100))
            try Self.goOn(life, pair)
        }
        return (pair, late)
    }

    /// From a connection that stands to a state that it has only then.
    private static func goOn(_ life: Life, _ pair: Pair) throws {
        let next: [Life: OperatorCommand] = [
            .askingForChild: Wish.initiateVoice.command, .rekeyingChild: Wish.rekeyNet.command,
            .rekeyingIKESA: Wish.rekey.command, .deletingChild: Wish.terminateNet.command,
            .closing: Wish.terminate.command, .stopping: .shutDown,
        ]
        if let command = next[life] { #expect(pair.command(command, of: pair.a)) }
        let ikeSA = try #require(pair.a.engine.context.directory.all.first)
        switch life {
        case .reauthenticating, .authenticatingAnew:
            ikeSA.reauthenticateAt = pair.net.now
            pair.a.engine.context.touch(ikeSA)
            pair.a.feed(.deadline, on: pair.net)
            #expect(pair.a.engine.initiations.count == 1)
            guard life == .authenticatingAnew else { return }
            pair.net.run(upTo: .seconds(1)) { pair.a.engine.context.directory.count == 2 }
        case .updatingAddresses:
            pair.a.change(addresses: [.v4(IPv4Address(198, 51, 100, 200))], on: pair.net)
            #expect(ikeSA.requests.outstanding?.request == .updateAddresses)
        case .down, .searching, .attempting, .authenticating, .resting, .waiting, .standing, .askingForChild,
            .rekeyingChild, .rekeyingIKESA, .deletingChild, .closing, .stopping:
            return
        }
    }

    @Test(arguments: Life.allCases, Wish.allCases)
    func `a command is begun, or refused with a sentence that says why`(life: Life, wish: Wish) throws {
        let (pair, late) = try Self.reach(life)
        pair.a.feed(.command(commandID: 7, wish.command), on: pair.net)
        let answer = try #require(pair.a.answers[7])
        switch (answer, Self.refusal(wish, life)) {
        case (.begun(let count), nil): #expect(count >= 1)
        case (.refused(let sentence), let expected): #expect(sentence == expected)
        case (.begun, let expected?): Issue.record("begun in place of: \(expected)")
        }
        guard Self.refusal(wish, life) == nil else { return }
        pair.net.fate = { _ in .deliver }
        // Wanted or not any more.
        if let late { pair.a.feed(late, on: pair.net) }
        pair.net.run(for: .seconds(600))
        self.expectCarriedOut(wish, pair)
    }

    /// What was wished for is so in the end, and both sides agree.
    private func expectCarriedOut(_ wish: Wish, _ pair: Pair) {
        let names = Set(pair.a.engine.snapshots.flatMap(\.children).map(\.name))
        switch wish {
        case .initiate: #expect(names.contains("net"))
        case .initiateVoice: #expect(names.contains("voice"))
        case .terminate: #expect(pair.a.engine.context.directory.count == 0 && pair.attempts <= 1)
        case .terminateNet: #expect(!names.contains("net"))
        case .terminateVoice: #expect(!names.contains("voice") && names.contains("net"))
        case .rekey:
            let rekeyed = pair.a.events.contains { if case .ikeSARekeyed = $0 { true } else { false } }
            let established = pair.a.events.count {
                if case .ikeSAEstablished = $0 { true } else { false }
            }
            // One that is authenticated anew has new keys as well.
            #expect(rekeyed || established == 2)
        case .rekeyNet, .rekeyVoice, .terminateByID, .rekeyByID: break
        }
        #expect(pair.agreedChildren == names.count)
        pair.expectSound()
    }

    @Test(arguments: Life.allCases)
    func `names that nobody knows are refused in every state`(life: Life) throws {
        let (pair, _) = try Self.reach(life)
        let unknown = "there is no connection 'nobody'"
        let childless = "connection 'site-b' has no child 'other'"
        let table: [(OperatorCommand, String)] = [
            (.initiate(connection: "nobody", child: nil), unknown),
            (.terminate(connection: "nobody", uniqueID: nil, child: nil), unknown),
            (.terminate(connection: "nobody", uniqueID: 1, child: "net"), unknown),
            (.rekey(connection: "nobody", uniqueID: nil, child: nil), unknown),
            (.initiate(connection: "site-b", child: "other"), childless),
            (.terminate(connection: "site-b", uniqueID: nil, child: "other"), childless),
            (.rekey(connection: "site-b", uniqueID: nil, child: "other"), childless),
        ]
        for (command, sentence) in table {
            pair.a.feed(.command(commandID: 7, command), on: pair.net)
            #expect(pair.a.answers[7] == .refused(sentence))
        }
        pair.expectSound()
    }

    @Test(arguments: [true, false])
    func `an attempt that is ended while the peer authenticates us is reported once and leaves nothing`(
        isPeerThere: Bool
    ) throws {
        let (pair, _) = try Self.reach(.authenticating)
        if !isPeerThere { pair.net.fate = { _ in .lose } }
        for _ in 0..<2 { pair.command(Wish.terminate.command, of: pair.a) }
        pair.net.run(for: .seconds(200))
        #expect(pair.faults == [.ended(.terminated)])
        #expect(pair.a.engine.context.directory.count == 0)
        pair.expectNothingHeld()
        if isPeerThere { #expect(pair.agreedIKESAs == 0 && pair.b.kernel.isEmpty) }
        pair.expectSound()
    }

    // MARK: Reload

    @Test(arguments: Life.allCases, [true, false])
    func `a new configuration is followed in every state`(life: Life, isRemoved: Bool) throws {
        let (pair, late) = try Self.reach(life)
        var configuration = pair.a.engine.context.configuration
        if isRemoved {
            configuration.connections = []
        } else {
            configuration.connections[0].livenessDelay = .seconds(77)
            configuration.connections[0].children[0].startAction = .start
        }
        pair.net.fate = { _ in .deliver }
        pair.a.feed(.configuration(configuration), on: pair.net)
        if let late { pair.a.feed(late, on: pair.net) }
        pair.net.run(for: .seconds(600))
        let stands = !isRemoved && life != .stopping
        #expect(pair.stands == stands)
        #expect(pair.agreedChildren == (stands ? 1 : 0))
        if stands { #expect(pair.pings()) }
        #expect(pair.a.engine.initiations.isEmpty)
        #expect(pair.a.engine.context.directory.count == (stands ? 1 : 0))
        pair.expectSound()
    }
}
