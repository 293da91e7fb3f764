internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// Offloads that the kernel says it has and then refuses.
@Suite(.serialized) struct OffloadTests {
    @Test func `where segments are refused, packets go one by one, and that is said once`() throws {
        let bench = try Bench()
        // The engine learned 1,500; the path is narrower now, so that no segment fits it.
        try bench.wire.near.ip("link set wire mtu 800")
        bench.program.setSegmentSize(1_000)
        for _ in 0..<3 {
            bench.program.send([UInt8](repeating: 1, count: 10_000))
            let lengths = (0..<10).map { _ in bench.peer.receive().flatMap { bench.peer.open($0) }?.count }
            #expect(lengths == Array(repeating: 1_028, count: 10))
        }
        let notes = bench.plane.control.drain().notes
        #expect(notes.count == 1 && notes[0].contains("UDP GSO was refused"))
        #expect(bench.site.dropped(.notSent) == 0)
    }

    @Test func `segments that cannot leave for another reason say nothing of segmentation`() throws {
        let bench = try Bench({ _ in }, .udp6, installing: false)
        // The first paths have sockets of their own. By the shared one an address that this host has not is EINVAL, which
        // is also what a refused GSO says.
        for number in 2...5 as ClosedRange<UInt32> {
            var other = try Child.near(reqid: number, generation: number)
            other.path = try Child.path(.udp6, remotePort: 4_500 + UInt16(number))
            other.remoteSelectors = []
            try bench.site.install(other)
        }
        try bench.site.install(bench.child)
        bench.program.connect(Wire.Addresses.far.inner4, 7_001)
        try bench.wire.near.ip("addr add 2001:db8::9/64 dev wire nodad")
        try bench.wire.near.ip("addr del \(Wire.Addresses.near.v6)/64 dev wire")
        bench.program.setSegmentSize(1_000)
        bench.program.send([UInt8](repeating: 1, count: 10_000))
        #expect(eventually { bench.site.dropped(.notSent) == 10 })
        #expect(bench.plane.control.drain().notes == [])
    }

    @Test func `joining rests after eight refusals in a row, and begins again after ten seconds`() {
        var trust = JoiningTrust()
        let now = Host.now
        func refuse(_ count: Int) -> [Bool] { (0..<count).map { _ in trust.note(isRefused: true, now: now) } }
        for _ in 0..<3 {
            #expect(refuse(7) == Array(repeating: false, count: 7))
            let isSuspended = trust.note(isRefused: false, now: now)
            #expect(!isSuspended)
        }
        #expect(refuse(8) == Array(repeating: false, count: 7) + [true])
        let (early, late) = (now.advanced(by: .milliseconds(9_999)), now.advanced(by: .seconds(10)))
        #expect([early, late, late].map { trust.isRestored(now: $0) } == [false, true, false])
        #expect(trust.suspendedUntil == nil)
    }

    @Test func `bare ESP that cannot leave says nothing of UDP`() throws {
        // From an address of IPv4 to one of IPv6: EINVAL, which is also what a refused GSO says.
        let far = Endpoint(try address(Wire.Addresses.far.v6), Child.port)
        let bench = try Bench({ $0.path.remote = far }, .bare4)
        bench.program.setSegmentSize(1_000)
        bench.program.send([UInt8](repeating: 1, count: 10_000))
        #expect(eventually { bench.site.dropped(.notSent) == 10 })
        #expect(bench.plane.control.drain().notes == [])
    }
}
