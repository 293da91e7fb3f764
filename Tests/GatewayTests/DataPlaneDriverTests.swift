import IKECore
import IPsecModel
import Testing

@testable import Gateway

/// What is asked of the data plane, and what is undone when a part of it fails.
@Suite struct DataPlaneDriverTests {
    let plane = FakeDataPlane()
    let log = RecordedLog()

    private func perform(_ operation: DataPlaneRequest.Operation) -> DataPlaneReply? {
        DataPlaneDriver(dataPlane: self.plane, log: self.log.log())
            .perform(DataPlaneRequest(requestID: 1, operation: operation))
    }

    private func succeeds(_ reply: DataPlaneReply?) -> Bool {
        guard case .done? = reply else { return false }
        return true
    }

    @Test func `all steps are done in their order`() {
        let reply = self.perform(.install(Values.child(), [.inbound, .outbound, .policies]))
        #expect(self.succeeds(reply))
        #expect(self.plane.calls == ["inbound c0000001", "outbound d0000002", "policies 7"])
    }

    /// What fails, the steps of the installation, and the calls that undo what was done.
    static let failures: [(FakeDataPlane.Call, [InstallationStep], [String])] = [
        (.installInbound, [.inbound, .outbound, .policies], ["release c0000001"]),
        // The state in the way may belong to another peer behind the same NAT: it must not be removed.
        (.installOutbound, [.inbound, .outbound, .policies], ["release c0000001"]),
        (.installPolicies, [.inbound, .outbound, .policies], ["remove states c0000001 d0000002"]),
        (.installOutbound, [.inbound, .policies, .outbound], ["release c0000001", "remove policies 7"]),
        (.installInbound, [.inbound], ["release c0000001"]),
        // The half that receives is older, and stays.
        (.installOutbound, [.outbound], []),
    ]

    @Test(arguments: failures)
    func `a step that fails is answered, and undoes what was done before it and nothing else`(
        failing: FakeDataPlane.Call, steps: [InstallationStep], undone: [String]
    ) {
        self.plane.failing = [failing: 17]
        guard case .failed(let fault)? = self.perform(.install(Values.child(), steps)) else {
            Issue.record("the failure was not answered")
            return
        }
        #expect(fault.errno == 17)
        let done = ["inbound c0000001", "outbound d0000002", "policies 7"]
        #expect(self.plane.calls.filter { !done.contains($0) } == undone)
        #expect(self.plane.calls.suffix(undone.count) == undone[...])
    }

    @Test func `states go before policies, so that nothing leaves in clear between them`() {
        #expect(self.perform(.remove(Values.child(), withPolicies: true)).isNone)
        #expect(self.plane.calls == ["remove states c0000001 d0000002", "remove policies 7"])
    }

    @Test func `policies that another CHILD_SA needs stay`() {
        #expect(self.perform(.remove(Values.child(), withPolicies: false)).isNone)
        #expect(self.plane.calls == ["remove states c0000001 d0000002"])
    }

    @Test func `a removal that fails goes on, and is logged`() {
        self.plane.failing = [.removeStates: 1]
        _ = self.perform(.remove(Values.child(), withPolicies: true))
        #expect(self.plane.calls.last == "remove policies 7")
        #expect(self.log.says("warning", "data plane", "told to fail"))
    }

    @Test func `an SPI is answered, or why there is none`() {
        let ask = DataPlaneRequest.Operation.allocateSPI(local: Values.gateway, remote: Values.peer, reqid: 7)
        guard case .spi(ESPSPI(0xc000_0001))? = self.perform(ask) else {
            Issue.record("no SPI")
            return
        }
        self.plane.failing = [.allocateSPI: 12]
        guard case .failed? = self.perform(ask) else {
            Issue.record("the failure was not answered")
            return
        }
    }

    /// ESRCH alone says that a state is gone (3); EPERM (1) and ENOBUFS (105) say nothing of it.
    @Test(arguments: [(3, false), (1, true), (105, true)] as [(Int32, Bool)])
    func `a check fails only if the state is gone`(errno: Int32, stands: Bool) {
        self.plane.failing = [.statistics: errno]
        #expect(self.succeeds(self.perform(.check(Values.child()))) == stands)
    }

    /// Seconds since 1970 of the last packet, at 1,000; how long ago the engine is told that it was.
    @Test(arguments: [(nil, nil), (1_000, 0), (970, 30), (1_001, nil), (0, 1_000)] as [(UInt64?, Int?)])
    func `what CHILD_SAs carry is told with its age, unless the clock was set back`(
        lastUse: UInt64?, age: Int?
    ) throws {
        self.plane.counters.inbound.packets = 12
        self.plane.counters.inbound.lastUse = lastUse
        self.plane.counters.outbound.lastUse = 999
        var driver = DataPlaneDriver(dataPlane: self.plane, log: self.log.log())
        driver.wallClock = { 1_000 }
        let request = DataPlaneRequest(requestID: 1, operation: .traffic([Values.child()]))
        guard case .traffic(let traffic)? = driver.perform(request) else {
            Issue.record("no traffic")
            return
        }
        let expected = ESPTraffic(
            inboundSPI: Values.child().inboundSPI, packetsIn: 12, lastIn: age.map { .seconds($0) },
            lastOut: .seconds(1))
        #expect(traffic == [expected])
    }

    @Test func `a CHILD_SA that is gone carries nothing, and the others are told`() {
        self.plane.failing = [.statistics: 3]
        guard case .traffic(let traffic)? = self.perform(.traffic([Values.child()])) else {
            Issue.record("no traffic")
            return
        }
        #expect(traffic.isEmpty)
    }

    @Test func `a move is answered, or why it failed`() {
        let move = DataPlaneRequest.Operation.move([Values.child()], to: Values.path(remotePort: 40_000))
        #expect(self.succeeds(self.perform(move)))
        #expect(self.plane.calls == ["move 1 to 198.51.100.10:40000"])
        self.plane.failing = [.move: 1]
        #expect(!self.succeeds(self.perform(move)))
    }
}

extension DataPlaneReply? {
    /// True if no answer was given.
    fileprivate var isNone: Bool {
        guard case nil = self else { return false }
        return true
    }
}
