import IKECore
import IKEWire
import IPsecModel
import Testing

@testable import Gateway

/// Why connections are down.
@Suite struct FailureMemoryTests {
    private static let mismatch = Mismatch(
        .ikeProposal, ours: ["aes256"], theirs: ["3des"], cure: "proposals = 3des")

    private static func refused(_ label: IKESALabel?, last octet: UInt8 = 10) -> IKEEvent {
        .mismatch(
            label, peer: Endpoint(.v4(IPv4Address(198, 51, 100, octet)), 500), exchange: .ikeSAInit,
            .noProposalChosen, Self.mismatch)
    }

    private static let established = IKEEvent.ikeSAEstablished(
        Values.label, peer: .fqdn("a"), path: Values.path(), suite: Values.suite)

    private func memory(_ events: IKEEvent...) -> FailureMemory {
        var memory = FailureMemory()
        for event in events { memory.note(event, at: Values.moment) }
        return memory
    }

    @Test func `a mismatch is kept with both offers, the notify and the cure`() throws {
        let failure = try #require(self.memory(Self.refused(Values.label)).byConnection["site-a"])
        #expect(failure.stage == "IKE_SA_INIT")
        #expect(failure.notify?.name == "NO_PROPOSAL_CHOSEN")
        #expect(failure.notify?.isFromPeer == false)
        #expect(failure.reason == "no IKE proposal in common (cure: proposals = 3des)")
        #expect(failure.ours == ["aes256"])
        #expect(failure.theirs == ["3des"])
    }

    @Test func `the last failure stays after a success, but the connection has not failed any more`() {
        let memory = self.memory(Self.refused(Values.label), Self.established)
        #expect(memory.byConnection["site-a"] != nil)
        #expect(memory.endings["site-a"] == nil)
    }

    @Test(arguments: [
        (EndReason.deletedByPeer, FailureMemory.Ending.orderly), (.terminated, .orderly),
        (.configurationChanged, .orderly), (.peerDead, .failed), (.expired, .failed),
        (.failed(.invalidSyntax), .failed), (.lostByDataPlane, .failed),
    ])
    func `an end is in order or a failure`(reason: EndReason, ending: FailureMemory.Ending) {
        let memory = self.memory(Self.established, .ikeSAEnded(Values.label, reason))
        #expect(memory.endings["site-a"] == ending)
        #expect((memory.byConnection["site-a"] == nil) == (ending == .orderly))
    }

    @Test(arguments: [EndReason.rekeyed, .replaced])
    func `an IKE_SA that has a successor has not ended`(reason: EndReason) {
        let memory = self.memory(Self.established, .ikeSAEnded(Values.label, reason))
        #expect(memory.endings["site-a"] == nil)
    }

    @Test func `what the peer said is not hidden by the end that follows from it`() {
        let memory = self.memory(
            Self.established, .peerReported(Values.label, .authenticationFailed),
            .ikeSAEnded(Values.label, .failed(.authenticationFailed)))
        #expect(memory.byConnection["site-a"]?.notify?.isFromPeer == true)
    }

    @Test func `strangers are remembered newest first, one for each address, and not without end`() {
        var memory = FailureMemory()
        for octet in 0..<UInt8(40) {
            memory.note(Self.refused(nil, last: octet), at: Instant(nanoseconds: Int64(octet)))
        }
        #expect(memory.unmatched.count == FailureMemory.unmatchedLimit)
        #expect(memory.unmatched.first?.at == Instant(nanoseconds: 39))
        for second in 50..<90 {
            memory.note(Self.refused(nil, last: 39), at: Instant(nanoseconds: Int64(second)))
        }
        #expect(memory.unmatched.count == FailureMemory.unmatchedLimit)
        #expect(memory.unmatched.first?.at == Instant(nanoseconds: 89))
        #expect(memory.unmatched.dropFirst().first?.at == Instant(nanoseconds: 38))
    }

    @Test func `a stranger that came in after all is none any more`() {
        // The path of `established` is from there.
        let memory = self.memory(Self.refused(nil), Self.refused(nil, last: 11), Self.established)
        #expect(memory.unmatched.map(\.remote?.address) == [.v4(IPv4Address(198, 51, 100, 11))])
    }

    @Test func `connections that are configured no more are forgotten`() {
        var memory = self.memory(Self.refused(Values.label), .ikeSAEnded(Values.label, .terminated))
        memory.keep(only: ["site-c"])
        #expect(memory.byConnection.isEmpty)
        #expect(memory.endings.isEmpty)
    }
}
