import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Some days of what `Tests/simnet-month/run` does for a hundred months, and that it notices what is wrong.
@Suite(.networkCapture) struct MonthTests {
    /// Two gateways between which nothing is under way.
    private func pair() throws -> Pair {
        let pair = try Pair()
        try pair.connect()
        pair.net.run(for: .seconds(60))
        return pair
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `two days with a restart each, 5 % loss and a NAT that reboots`(seed: UInt64) {
        var plan = MonthPlan(seed: seed, days: 2)
        plan.restartInterval = 1
        let report = Month(plan).run()
        #expect(report.findings.isEmpty)
        #expect(report.outages[.initiatorRestart]?.count == 1)
        #expect(report.outages[.responderRestart]?.count == 1)
    }

    @Test func `a line that loses everything is found`() {
        var plan = MonthPlan(seed: 1, days: 1)
        plan.loss = 1
        let report = Month(plan).run()
        #expect(report.isHopeless)
        #expect(report.findings.first?.contains("traffic stands still") == true)
    }

    @Test func `gateways with one of everything are settled`() throws {
        let pair = try self.pair()
        #expect(Settlement(pair.a, pair.b).faults.isEmpty)
    }

    @Test func `an SPI that nobody gave back is found`() throws {
        let pair = try self.pair()
        _ = pair.a.kernel.handle(
            .allocateSPI(local: Addresses.peer, remote: Addresses.gateway, reqid: 1))
        #expect(
            Settlement(pair.a, pair.b).faults == [
                "the initiator's kernel has 1 inbound and 1 outbound states, 1 policies, 1 SPIs"
            ])
    }

    @Test func `a CHILD_SA that one side has lost is found`() throws {
        let pair = try self.pair()
        let spi = try #require(pair.b.kernel.inbound.keys.first)
        pair.b.kernel.expire(inbound: spi)
        let faults = Settlement(pair.a, pair.b).faults
        #expect(faults.contains { $0.hasPrefix("the responder's kernel has 0 inbound") })
    }

    @Test func `a second IKE_SA is found`() throws {
        let pair = try self.pair()
        try #require(pair.command(.rekey(connection: "site-b", uniqueID: nil, child: nil), of: pair.a))
        pair.net.run(for: .milliseconds(7))
        #expect(Settlement(pair.a, pair.b).faults.contains("the responder has 2 IKE_SAs"))
        // The old one repeats its answer to the DELETE for a while.
        pair.net.run(for: .seconds(300))
        #expect(Settlement(pair.a, pair.b).faults.isEmpty)
    }
}
