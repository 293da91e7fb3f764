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
