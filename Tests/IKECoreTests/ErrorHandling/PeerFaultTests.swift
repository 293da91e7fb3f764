import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Faults and their notifies (RFC 7296 §2.21, §3.10.1).
struct PeerFaultTests {
    /// Numbers of the IANA registry "IKEv2 Notify Message Error Types".
    @Test(
        arguments: [
            (.invalidSyntax, 7, [], true),
            (.unsupportedCriticalPayload(PayloadType(rawValue: 99)), 1, [99], false),
            (.noProposalChosen, 14, [], false), (.invalidKEPayload(wanted: .ecp256), 17, [0, 19], false),
            (.tsUnacceptable, 38, [], false), (.noAdditionalSAs, 35, [], false),
            (.temporaryFailure, 43, [], false), (.childSANotFound(ESPSPI(0x0102_0304)), 44, [], false),
            (.authenticationFailed, 24, [], true),
        ] as [(PeerFault, UInt16, [UInt8], Bool)])
    func `each fault has its notify, and only two end the IKE_SA`(
        fault: PeerFault, number: UInt16, data: [UInt8], isFatal: Bool
    ) {
        #expect(fault.notify.type.rawValue == number)
        #expect(fault.notify.data == data)
        #expect(fault.isFatal == isFatal)
    }

    @Test func `CHILD_SA_NOT_FOUND names the SA by protocol and SPI`() {
        let notify = PeerFault.childSANotFound(ESPSPI(0x0102_0304)).notify
        #expect(notify.protocolID == .esp)
        #expect(notify.spi == [1, 2, 3, 4])
    }

    @Test func `the courtesy budget is per second`() {
        var budget = CourtesyBudget(perSecond: 2)
        let spent = [0, 100, 200, 999, 1_000, 1_001, 1_002].map { milliseconds in
            budget.spend(now: Instant(nanoseconds: 5_000_000_000 + milliseconds * 1_000_000))
        }
        #expect(spent == [true, true, false, false, true, true, false])
    }
}
