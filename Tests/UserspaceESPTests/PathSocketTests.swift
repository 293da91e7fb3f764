internal import ESPCore
internal import IPsecModel
internal import Synchronization
internal import Testing

@testable internal import LinuxIO
@testable internal import UserspaceESP

/// Paths that have a socket of their own, and a worker that waits in the read.
@Suite(.serialized) struct PathSocketTests {
    /// The nth CHILD_SA, to the nth port of the same peer.
    private func child(_ number: UInt32) throws -> ChildSASpec {
        var child = try Child.near(reqid: number, generation: number)
        child.path = try Child.path(remotePort: 4_500 + UInt16(number))
        return child
    }

    private func owners(_ site: Site, _ children: [ChildSASpec]) -> [Bool] {
        children.map { site.plane.outbound.entries[$0.reqid]?.socket != nil }
    }

    @Test func `the first paths have sockets of their own, and one that goes makes room`() throws {
        let wire = try Wire()
        defer { extendLifetime(wire) }
        let site = try Site(wire.near)
        let children = try (1...6).map(self.child)
        for child in children { try site.install(child) }
        #expect(self.owners(site, children) == [true, true, true, true, false, false])
        try site.plane.removeStates(children[1])
        #expect(site.plane.paths.all.count == 3)
        try site.move([children[5]], to: try Child.path(remotePort: 4_600))
        #expect(self.owners(site, children) == [true, false, true, true, false, true])
        try site.host.run { try site.plane.removeEverything() }
        #expect(site.plane.paths.all.isEmpty && site.plane.inbound.sockets.isEmpty)
        #expect(site.plane.control.drain().notes == [])
    }

    @Test func `CHILD_SAs on one path share its socket, until the last of them goes`() throws {
        let wire = try Wire()
        defer { extendLifetime(wire) }
        let site = try Site(wire.near)
        let first = try self.child(1)
        var second = try self.child(2)
        second.path = first.path
        for child in [first, second] { try site.install(child) }
        let sockets = site.plane.paths.all
        #expect(sockets.count == 1)
        for child in [first, second] {
            #expect(site.plane.outbound.entries[child.reqid]?.socket === sockets[0])
        }
        try site.plane.removeStates(first)
        #expect(site.plane.paths.all.count == 1)
        try site.plane.removeStates(second)
        #expect(site.plane.paths.all.isEmpty)
    }

    @Test func `an ICMP error for an earlier packet costs no later one`() throws {
        let wire = try Wire()
        let site = try Site(wire.near, starting: false)
        let child = try self.child(1)
        try site.install(child)
        let (plane, isOver) = (site.plane, Flag())
        let surroundings = plane.surroundings
        let mail = plane.outboundMail
        // This worker alone: the other one would find the error first, mostly.
        let thread = try LinuxThread(name: "out") {
            var worker = OutboundWorker(surroundings, mail)
            worker.run { isOver.isSet.load(ordering: .acquiring) }
        }
        defer {
            isOver.isSet.store(true, ordering: .releasing)
            mail.wake.signal()
            thread.join()
        }
        let program = try PlainSocket(.udp, isIPv6: false, in: wire.near)
        try program.bind(Wire.Addresses.near.inner4, 7_000)
        program.connect(Wire.Addresses.far.inner4, 7_001)
        // Nobody listens there: the answer is "port unreachable", which the socket keeps for its next call.
        program.send([1])
        #expect(eventually { (try? plane.statistics(child).outbound.packets == 1) == true })
        for _ in 0..<20 { rest() }
        let port = child.path.remote.port
        let listener = try wire.far.run {
            Peer.Listener(
                try PacketSocket(
                    sharing: IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, port), role: []),
                    allowing: []))
        }
        program.send([2])
        #expect(listener.receive()?.sequenceNumber == 2)
    }

    private final class Flag: Sendable { let isSet = Atomic<Bool>(false) }

    /// Holds a worker up at the top of its loop.
    private final class Gate: Sendable {
        private let isShut = Atomic<Bool>(false)
        private let isHeld = Atomic<Bool>(false)
        private let isOver = Atomic<Bool>(false)

        /// What the worker asks.
        func ask() -> Bool {
            while self.isShut.load(ordering: .acquiring) {
                self.isHeld.store(true, ordering: .releasing)
                rest()
            }
            return self.isOver.load(ordering: .acquiring)
        }

        /// Returns once the worker stands before it.
        func shut(_ mail: TableMailbox<InboundTable>) {
            self.isShut.store(true, ordering: .releasing)
            while !self.isHeld.load(ordering: .acquiring) {
                mail.wake.signal()
                rest()
            }
        }

        func open() { self.isShut.store(false, ordering: .releasing) }
        func end() { self.isOver.store(true, ordering: .releasing) }
    }

    /// A receiving worker behind a gate, a CHILD_SA on a path with a socket of its own, and its peer.
    private struct Gated {
        let wire: Wire
        let site: Site
        let child: ChildSASpec
        let peer: Peer
        let gate = Gate()
        private let thread: LinuxThread

        init(_ path: Path) throws {
            self.wire = try Wire()
            self.site = try Site(self.wire.near, starting: false)
            var child = try Child.near()
            child.path = path
            self.child = child
            self.peer = try Peer(self.wire.far, of: child)
            try self.site.install(child)
            let (plane, gate) = (self.site.plane, self.gate)
            let (surroundings, mail) = (plane.surroundings, plane.inboundMail)
            self.thread = try LinuxThread(name: "in") {
                var worker = InboundWorker(surroundings, mail)
                worker.run { gate.ask() }
            }
        }

        func end() {
            self.gate.open()
            self.gate.end()
            self.site.plane.inboundMail.wake.signal()
            self.thread.join()
        }

        /// Holds the worker up.
        func shut() { self.gate.shut(self.site.plane.inboundMail) }

        func move(to path: Path) throws -> ChildSASpec {
            try self.site.move([self.child], to: path)
            var moved = self.child
            moved.path = path
            return moved
        }

        /// The peer says something, from wherever.
        func say(_ count: Int, from source: IPAddress? = nil) throws {
            for byte in 0..<count {
                let packet = self.peer.seal(try Packets.udp([UInt8(byte)]))
                self.peer.send(packet, to: self.child.path, from: source)
            }
            for _ in 0..<20 { rest() }
        }

        func hasCarried(_ count: UInt64, _ child: ChildSASpec) -> Bool {
            eventually { (try? self.site.plane.statistics(child).inbound.packets == count) == true }
        }
    }

    @Test func `what comes to a path's own socket is carried although the path is gone`() throws {
        let gated = try Gated(try Child.path())
        defer { gated.end() }
        try gated.say(1)
        #expect(gated.hasCarried(1, gated.child))
        gated.shut()
        try gated.say(2)
        // Somebody has not let go of it yet, as the other worker may not have.
        var own = gated.site.plane.paths.all.first
        let moved = try gated.move(to: try Child.path(remote: Wire.Addresses.other))
        gated.gate.open()
        #expect(gated.hasCarried(3, moved))
        try gated.say(1)
        #expect(gated.hasCarried(4, moved))
        #expect(own?.isConnected == true)
        weak let gone = own
        own = nil
        #expect(eventually { gone == nil })
        try gated.say(1)
        #expect(gated.hasCarried(5, moved))
    }

    @Test func `a socket that comes and goes while the worker looks elsewhere is read as well`() throws {
        let gated = try Gated(try Child.path())
        defer { gated.end() }
        gated.shut()
        let second = try address(Wire.Addresses.other)
        _ = try gated.move(to: try Child.path(remote: Wire.Addresses.other))
        try gated.say(2, from: second)
        // The CHILD_SA is where it was before, as the test sees it: only the path of the data plane counts.
        var between = gated.child
        between.path = try Child.path(remote: Wire.Addresses.other)
        try gated.site.move([between], to: try Child.path(remotePort: 4_502))
        var last = between
        last.path = try Child.path(remotePort: 4_502)
        gated.gate.open()
        #expect(gated.hasCarried(2, last))
    }

    @Test func `an ICMP error does not hide what waits behind it in a socket that leaves`() throws {
        let gated = try Gated(try Child.path(remotePort: 4_501))
        defer { gated.end() }
        gated.shut()
        // Nobody listens there: "port unreachable" is what the socket says first from now on.
        let own = try #require(gated.site.plane.outbound.entries[gated.child.reqid]?.socket)
        let route = TunnelRoute(gated.child.path)
        _ = own.send(
            [0, 0, 0, 0, 1].span, 0..<5, segmentSize: 5, from: route.source, to: route.destination,
            trafficClass: 0)
        for _ in 0..<20 { rest() }
        for byte in 0..<3 as Range<UInt8> {
            try gated.peer.send(
                gated.peer.seal(try Packets.udp([byte])), to: gated.child.path, fromPort: 4_501)
        }
        for _ in 0..<20 { rest() }
        let moved = try gated.move(to: try Child.path(remote: Wire.Addresses.other))
        gated.gate.open()
        #expect(gated.hasCarried(3, moved))
    }

    @Test func `CHILD_SAs that move together find room together`() throws {
        let wire = try Wire()
        defer { extendLifetime(wire) }
        let site = try Site(wire.near)
        var children = try (1...5).map(self.child)
        children[1].path = children[0].path
        for child in children { try site.install(child) }
        #expect(site.plane.paths.all.count == 4)
        try site.move(Array(children[0...1]), to: try Child.path(remotePort: 4_600))
        #expect(self.owners(site, children) == [true, true, true, true, true])
    }

    @Test func `a path without a route takes nothing from others, and shares their socket`() throws {
        let wire = try Wire()
        defer { extendLifetime(wire) }
        let site = try Site(wire.near)
        var child = try self.child(1)
        child.path = try Child.path(remote: "198.51.100.1")
        try site.install(child)
        #expect(self.owners(site, [child]) == [false])
        #expect(site.plane.control.drain().notes == [])
    }

    @Test func `a worker that waits in the read takes up a new table, and ends when it is told to`() throws {
        let bench = try Bench()
        // The kernel says something of its own on a device that is up; that is over soon.
        try bench.wire.near.ip("link set \(bench.site.tun.name) addrgenmode none")
        let wake = bench.plane.outboundMail.wake
        #expect(
            eventually {
                _ = bench.say()
                return wake.reader.load(ordering: .relaxed) != Reader.none
            })
        weak let old = bench.plane.outbound.entries[bench.child.reqid]
        #expect(old != nil)
        try bench.plane.removeStates(bench.child)
        // No packet comes meanwhile: only a worker that looked up has let go of the keys.
        #expect(eventually { old == nil })
        try bench.site.install(try Child.near(reqid: 2, generation: 2))
        let begin = Host.now
        bench.plane.stop()
        #expect(Host.now.since(begin) < .seconds(2))
    }
}
