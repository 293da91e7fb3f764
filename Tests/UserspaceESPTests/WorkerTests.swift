internal import IPsecModel
internal import LinuxIO
internal import Synchronization
internal import Testing

@testable internal import UserspaceESP

/// How the workers begin, end, and live with a failing device.
@Suite(.serialized) struct WorkerTests {
    /// A thread that sends without end, until `stop`.
    private final class Flood: Sendable {
        private let isOver = Mutex(false)

        func run(_ send: () -> Void) { while !self.isOver.withLock({ $0 }) { send() } }
        func stop() { self.isOver.withLock { $0 = true } }
    }

    @Test func `start and stop may be repeated, and the SAs stay`() throws {
        let bench = try Bench()
        try bench.plane.start()
        #expect(bench.say()?.sequenceNumber == 1)
        for _ in 0..<2 { bench.plane.stop() }
        try bench.plane.start()
        #expect(bench.say()?.sequenceNumber == 2)
    }

    @Test func `the workers end quickly under traffic`() throws {
        let bench = try Bench()
        let flood = Flood()
        // Two of them: faster than one worker can seal.
        let threads = try (0..<2).map { _ in
            let sender = SendableSocket(try PlainSocket(.udp, isIPv6: false, in: bench.wire.near))
            sender.socket.connect(Wire.Addresses.far.inner4, 7_001)
            sender.socket.setSegmentSize(1_000)
            let data = [UInt8](repeating: 1, count: 60_000)
            return try LinuxThread(name: "flood") { flood.run { sender.socket.send(data) } }
        }
        defer {
            flood.stop()
            for thread in threads { thread.join() }
        }
        #expect(eventually { (try? bench.plane.statistics(bench.child).outbound.packets > 1_000) == true })
        let begin = Host.now
        bench.plane.stop()
        #expect(Host.now.since(begin) < .seconds(5))
    }

    /// SAFETY of `@unchecked Sendable`: one thread uses it after another has made it.
    private final class SendableSocket: @unchecked Sendable {
        let socket: PlainSocket
        init(_ socket: PlainSocket) { self.socket = socket }
    }

    /// How often a worker asked whether it is to end.
    private final class Questions: Sendable {
        let count = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)

        func ask() -> Bool {
            self.count.add(1, ordering: .relaxed)
            return self.isOver.load(ordering: .relaxed)
        }
    }

    @Test func `a device that is gone is said, once, and keeps no worker busy`() throws {
        let site = try Site(try Wire().near, starting: false)
        let plane = site.plane
        let surroundings = Surroundings(
            tun: site.tun, sockets: plane.sockets, control: plane.control, drops: plane.drops)
        let (questions, mail) = (Questions(), plane.outboundMail)
        let thread = try LinuxThread(name: "out") {
            var worker = OutboundWorker(surroundings, mail)
            worker.run { questions.ask() }
        }
        try site.host.ip("link del \(site.tun.name)")
        var notes: [String] = []
        #expect(
            eventually {
                notes += plane.control.drain().notes
                return !notes.isEmpty
            })
        let before = questions.count.load(ordering: .relaxed)
        for _ in 0..<100 { rest() }
        #expect(questions.count.load(ordering: .relaxed) - before < 5)
        notes += plane.control.drain().notes
        #expect(notes.count == 1 && notes[0].contains(site.tun.name) && notes[0].contains("gone"))
        questions.isOver.store(true, ordering: .relaxed)
        mail.wake.signal()
        thread.join()
    }
}
