internal import CAllocationCount
internal import CryptoIPsecMB
internal import CryptoOpenSSL
internal import ESPCore
internal import IPsecModel
internal import LinuxIO
internal import Synchronization
internal import Testing

@testable internal import UserspaceESP

/// No packet costs an allocation. Sanitizers have an allocator of their own, so there nothing is counted.
@Suite(.serialized, .enabled(if: allocations_are_counted() != 0)) struct AllocationTests {
    @Test func `an allocation is counted`() {
        let before = allocations_of_thread()
        let array = [UInt8](repeating: 1, count: 10_000)
        #expect(allocations_of_thread() > before && array.count == 10_000)
    }

    @Test(arguments: Child.Suite.allCases, [SequenceNumbers.short, .extended])
    func `sealing and opening 10,000 packets allocate nothing`(
        suite: Child.Suite, numbers: SequenceNumbers
    ) throws {
        let child = try Child.near(suite, sequenceNumbers: numbers)
        let library = OpenSSLProvider()
        try Self.expectNone(child, library)
        let choice = IPsecMBProvider.choice(over: library)
        try Self.expectNone(child, choice.provider)
    }

    private static func expectNone(_ child: ChildSASpec, _ provider: any ESPTransformProvider) throws {
        let outbound = OutboundSA(
            child, transform: try provider.transform(child.suite, keys: child.outboundKeys, .outbound))
        let mirror = child.reversed
        let inbound = InboundSA(
            mirror, transform: try provider.transform(mirror.suite, keys: mirror.inboundKeys, .inbound))
        let inner = try Packets.udp(
            from: Wire.Addresses.near.inner4, to: Wire.Addresses.far.inner4, Array(repeating: 1, count: 1_000)
        )
        var memory = [UInt8](repeating: 0, count: 2_000)
        var opened = 0
        var before: UInt64 = 0
        for index in 0..<10_100 {
            if index == 100 { before = allocations_of_thread() }
            var span = memory.mutableSpan
            span.copy(0..<inner.count, of: inner.span, to: outbound.headerLength)
            guard
                case .sealed(let count) = outbound.seal(&span, at: 0, innerCount: inner.count, nextHeader: 4)
            else { break }
            // What is refused is counted by `esp-tunnel --selfbench`: here swift-testing takes note of each throw, and
            // allocates for that.
            _ = try inbound.open(&span, 0..<count, outerClass: 0)
            opened += 1
        }
        let allocations = allocations_of_thread() - before
        #expect(allocations == 0, "\(provider.name)")
        #expect(opened == 10_100)
    }

    /// What one worker's thread has counted.
    private final class Watch: Sendable {
        private struct State {
            var first: (packets: UInt64, allocations: UInt64)?
            var last: (packets: UInt64, allocations: UInt64) = (0, 0)
            /// Where the thread was when it was last let go: what happens in here does not count.
            var mark: UInt64 = 0
        }

        private let state = Mutex(State())
        private let isOver = Mutex(false)
        private static let warmUp: UInt64 = 100

        func isStopping(_ counters: SharedCounters) -> Bool {
            let now = allocations_of_thread()
            let packets = counters.statistics.packets
            self.state.withLock { state in
                state.last = (packets, state.last.allocations + now - state.mark)
                if state.first == nil, packets >= Self.warmUp { state.first = state.last }
            }
            defer { self.state.withLock { $0.mark = allocations_of_thread() } }
            return self.isOver.withLock { $0 }
        }

        func stop() { self.isOver.withLock { $0 = true } }

        /// Packets since the warm-up, and the allocations in that time.
        var result: (packets: UInt64, allocations: UInt64) {
            self.state.withLock { state in
                guard let first = state.first else { return (0, 0) }
                return (state.last.packets - first.packets, state.last.allocations - first.allocations)
            }
        }
    }

    /// The workers of a site, on threads that are watched.
    private struct Watched {
        let threads: [LinuxThread]
        let outbound = Watch()
        let inbound = Watch()
        private let site: Site

        init(_ site: Site, _ child: ChildSASpec) throws {
            self.site = site
            let plane = site.plane
            let surroundings = Surroundings(
                tun: site.tun, sockets: plane.sockets, control: plane.control, drops: plane.drops)
            let sent = try #require(plane.outbound.entries[child.reqid]).counters
            let heard = try #require(plane.inbound.entries[child.inboundSPI.number]).counters
            let (outboundMail, inboundMail) = (plane.outboundMail, plane.inboundMail)
            let (outbound, inbound) = (self.outbound, self.inbound)
            self.threads = [
                try LinuxThread(name: "out") {
                    var worker = OutboundWorker(surroundings, outboundMail)
                    worker.run { outbound.isStopping(sent) }
                },
                try LinuxThread(name: "in") {
                    var worker = InboundWorker(surroundings, inboundMail)
                    worker.run { inbound.isStopping(heard) }
                },
            ]
        }

        func stop() {
            self.outbound.stop()
            self.inbound.stop()
            self.site.plane.outboundMail.wake.signal()
            self.site.plane.inboundMail.wake.signal()
            for thread in self.threads { thread.join() }
        }
    }

    @Test(arguments: [true, false])
    func `the workers carry packets without allocating`(offloads: Bool) throws {
        let wire = try Wire()
        let child = try Child.near()
        let sites = try [wire.near, wire.far].map {
            try Site($0, tunOffloads: offloads ? .all : [], offloads: offloads ? .all : [], starting: false)
        }
        let children = [child, child.reversed]
        for (site, child) in zip(sites, children) { try site.install(child) }
        let watched = try zip(sites, children).map { try Watched($0, $1) }
        defer { for one in watched { one.stop() } }
        let (near, far) = (Wire.Addresses.near, Wire.Addresses.far)
        let listener = try PlainSocket(.tcp, isIPv6: false, in: wire.far)
        try listener.bind(far.inner4, 7_002)
        listener.listen()
        let sender = try PlainSocket(.tcp, isIPv6: false, in: wire.near)
        try sender.bind(near.inner4, 0)
        sender.connect(far.inner4, 7_002)
        let receiver = try listener.accept()
        let datagrams = try PlainSocket(.udp, isIPv6: true, in: wire.near)
        datagrams.connect(far.inner6, 7_003)
        if offloads { datagrams.setSegmentSize(500) }
        let back = try PlainSocket(.udp, isIPv6: true, in: wire.far)
        back.connect(near.inner6, 7_003)
        let data = [UInt8](repeating: 1, count: 50_000)
        func isDone() -> Bool {
            watched[0].outbound.result.packets >= 10_000 && watched[1].inbound.result.packets >= 10_000
                && watched[0].inbound.result.packets >= 100 && watched[1].outbound.result.packets >= 100
        }
        let isCarried = eventually {
            for _ in 0..<20 {
                sender.send(data)
                datagrams.send(offloads ? data : Array(data[..<500]))
                if let heard = receiver.receiveNow() { receiver.send(heard[..<min(heard.count, 5_000)]) }
                _ = sender.receiveNow()
                back.send([1])
            }
            return isDone()
        }
        #expect(isCarried)
        for one in watched {
            #expect(one.outbound.result.allocations == 0, "\(one.outbound.result)")
            #expect(one.inbound.result.allocations == 0, "\(one.inbound.result)")
        }
    }
}
