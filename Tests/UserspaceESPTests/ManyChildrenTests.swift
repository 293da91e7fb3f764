internal import CAllocationCount
internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// Thousands of CHILD_SAs on one engine, with their routes in the kernel.
@Suite(.serialized) struct ManyChildrenTests {
    /// Under a sanitizer the same takes minutes, and shows no more than this.
    private static let count: UInt32 = allocations_are_counted() == 0 ? 1_000 : 10_000

    private static func child(_ number: UInt32) throws -> ChildSASpec {
        var child = try Child.near(reqid: number + 1)
        child.inboundSPI = ESPSPI(0xc000_0001 + number)
        child.outboundSPI = ESPSPI(0xc100_0001 + number)
        let remote = IPAddress.v4(IPv4Address(bits: 0x0a02_0001 + number))
        child.remoteSelectors = [TrafficSelector(try #require(IPPrefix(remote, length: 32)))]
        child.localSelectors = [child.localSelectors[0]]
        return child
    }

    @Test func `all are installed, the last of them carries, and all go`() throws {
        let wire = try Wire()
        let site = try Site(wire.near)
        let last = try Self.child(Self.count - 1)
        let peer = try Peer(wire.far, of: last)
        try wire.near.run {
            for number in 0..<Self.count {
                let child = try Self.child(number)
                try site.plane.installInbound(child)
                try site.plane.installOutbound(child)
                try site.plane.installPolicies(child)
            }
        }
        let program = try PlainSocket(.udp, isIPv6: false, in: wire.near)
        try program.bind(Wire.Addresses.near.inner4, 7_000)
        program.connect("\(last.remoteSelectors[0].addresses.first)", 7_001)
        program.send([7])
        let arrival = try #require(peer.receive())
        #expect(arrival.spi == last.outboundSPI.number && peer.open(arrival)?.last == 7)
        try wire.near.run { try site.plane.removeEverything() }
        #expect(try wire.near.lines("route show table all proto 67") == [])
        program.send([8])
        #expect(peer.receive(milliseconds: 20) == nil)
    }
}
