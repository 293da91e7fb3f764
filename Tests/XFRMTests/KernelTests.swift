internal import IPsecModel
internal import LinuxIO
internal import Netlink
internal import Testing

@testable internal import XFRM

/// The kernel that the tests run on; what needs ESP is in `xfrm-selftest`.
@Suite(.enabled(if: Host.hasNetworkAdministration)) struct KernelTests {
    @Test func `the probe gives a verdict with a sentence, and leaves nothing behind`() throws {
        if case .failure(let fault) = KernelDataPlane.probe() {
            #expect(fault.text.contains("the kernel"), "\(fault)")
        }
        let left = try NetlinkSocket(.xfrm).list(.getSA) { message throws(MalformedMessage) in
            let state = try StateSnapshot(message.payload)
            return state.source == .v4(IPv4Address(192, 0, 2, 1)) ? state.identifier : nil
        }
        #expect(left.isEmpty)
    }

    @Test func `a state that is not there has no statistics, and its removal is no fault`() throws {
        let plane = try KernelDataPlane()
        let child = try child(path: route("192.0.2.200", "192.0.2.201"))
        let fault = #expect(throws: KernelFault.self) { try plane.statistics(child) }
        #expect(fault?.errno == Errno.noProcess && fault?.operation == "GETSA")
        try plane.removeStates(child)
        try plane.removePolicies(child)
        plane.releaseSPI(ESPSPI(0xc0ff_ffff), local: child.path.local.address)
        #expect(plane.events.drain().isEmpty)
    }
}
