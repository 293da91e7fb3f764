internal import ESPCore
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

    @Test func `joining is given up after eight refusals in a row, for TCP and UDP each`() {
        var trust = JoiningTrust()
        for _ in 0..<3 {
            for _ in 0..<7 { trust.note(.udp, isRefused: true) }
            trust.note(.udp, isRefused: false)
        }
        for segmentation in [.tcp4, .tcp6, .none] as [OffloadHeader.Segmentation] {
            for _ in 0..<4 { trust.note(segmentation, isRefused: true) }
        }
        #expect(trust.joinsUDP && !trust.joinsTCP)
        for _ in 0..<7 { trust.note(.udp, isRefused: true) }
        #expect(trust.joinsUDP)
        trust.note(.udp, isRefused: true)
        #expect(!trust.joinsUDP)
        // What was on its way already does not change this.
        trust.note(.tcp4, isRefused: false)
        trust.note(.udp, isRefused: false)
        #expect(!trust.joinsUDP && !trust.joinsTCP)
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
