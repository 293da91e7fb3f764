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
        let surroundings = Surroundings(
            tun: site.tun, sockets: plane.sockets, control: plane.control, drops: plane.drops)
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

    @Test func `what comes to a path's own socket is carried although the path is gone`() throws {
        let wire = try Wire()
        let site = try Site(wire.near, starting: false)
        let child = try Child.near()
        let peer = try Peer(wire.far, of: child)
        try site.install(child)
        let plane = site.plane
        let surroundings = Surroundings(
            tun: site.tun, sockets: plane.sockets, control: plane.control, drops: plane.drops)
        let (gate, mail) = (Gate(), plane.inboundMail)
        let thread = try LinuxThread(name: "in") {
            var worker = InboundWorker(surroundings, mail)
            worker.run { gate.ask() }
        }
        defer {
            gate.end()
            mail.wake.signal()
            thread.join()
        }
        // The worker has the table with the socket when it has carried something.
        peer.send(peer.seal(try Packets.udp([1])), to: child.path)
        #expect(eventually { (try? plane.statistics(child).inbound.packets == 1) == true })
        gate.shut(mail)
        for byte in [2, 3] as [UInt8] { peer.send(peer.seal(try Packets.udp([byte])), to: child.path) }
        for _ in 0..<20 { rest() }
        // Somebody has not let go of it yet, as the other worker may not have.
        var own = plane.paths.all.first
        let path = try Child.path(remote: Wire.Addresses.other)
        try site.move([child], to: path)
        gate.open()
        var moved = child
        moved.path = path
        func arrived(_ count: UInt64) -> Bool {
            eventually { (try? plane.statistics(moved).inbound.packets == count) == true }
        }
        #expect(arrived(3))
        peer.send(peer.seal(try Packets.udp([4])), to: child.path)
        #expect(arrived(4))
        #expect(own?.isConnected == true)
        weak let gone = own
        own = nil
        #expect(eventually { gone == nil })
        peer.send(peer.seal(try Packets.udp([5])), to: child.path)
        #expect(arrived(5))
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
