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
        let bench = try Bench({ _ in }, .bare4)
        bench.program.setSegmentSize(1_000)
        try bench.wire.near.ip("addr del \(Wire.Addresses.near.v4)/24 dev wire")
        bench.program.send([UInt8](repeating: 1, count: 10_000))
        #expect(eventually { bench.site.dropped(.notSent) == 10 })
        #expect(bench.plane.control.drain().notes == [])
    }
}
