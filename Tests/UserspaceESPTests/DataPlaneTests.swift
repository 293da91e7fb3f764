internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// What all data planes promise: SPIs, halves, policies, counters.
@Suite(.serialized) struct DataPlaneTests {
    @Test func `SPIs are unique, and in the range that the kernel engine has`() throws {
        let bench = try Bench(installing: false)
        let (local, remote) = (bench.child.path.local.address, bench.child.path.remote.address)
        let spis = try (0..<2_000).map { _ in
            try bench.plane.allocateSPI(local: local, remote: remote, reqid: 1)
        }
        #expect(Set(spis).count == 2_000)
        #expect(spis.allSatisfy { (0xc000_0000...0xcfff_ffff).contains($0.number) })
    }

    @Test func `an SPI that was given back receives nothing`() throws {
        let bench = try Bench(installing: false)
        try bench.site.host.run { try bench.plane.installInbound(bench.child) }
        bench.plane.releaseSPI(bench.child.inboundSPI, local: bench.child.path.local.address)
        bench.plane.releaseSPI(bench.child.inboundSPI, local: bench.child.path.local.address)
        bench.peer.send(bench.peer.seal(try Packets.udp([1])), to: bench.child.path)
        #expect(eventually { bench.site.dropped(.unknownSPI) == 1 })
        try bench.site.host.run { try bench.plane.installInbound(bench.child) }
    }

    @Test func `a half that is there already is not installed again`() throws {
        let bench = try Bench()
        for install in [bench.plane.installInbound, bench.plane.installOutbound] {
            let fault = #expect(throws: KernelFault.self) {
                try bench.site.host.run { try install(bench.child) }
            }
            #expect(fault?.errno == Errno.exists)
        }
        #expect(bench.say()?.sequenceNumber == 1)
    }

    @Test func `removal may be repeated, and leaves other CHILD_SAs alone`() throws {
        let bench = try Bench()
        let other = try Child.near(reqid: 2, generation: 2)
        try bench.site.host.run {
            try bench.plane.installInbound(other)
            try bench.plane.installOutbound(other)
        }
        for _ in 0..<2 { try bench.plane.removeStates(other) }
        for _ in 0..<2 { try bench.plane.removePolicies(other) }
        #expect(bench.say()?.sequenceNumber == 1)
        for _ in 0..<2 { try bench.plane.removeStates(bench.child) }
        let fault = #expect(throws: KernelFault.self) { try bench.plane.statistics(bench.child) }
        #expect(fault?.errno == Errno.noProcess)
    }

    @Test func `a trap holds packets back, calls once in a while, and gives way to a CHILD_SA`() throws {
        let bench = try Bench(installing: false)
        let trap = TrapPolicy(
            reqid: 77, localSelectors: bench.child.localSelectors,
            remoteSelectors: bench.child.remoteSelectors, remote: bench.child.path.remote.address)
        try bench.site.host.run { try bench.plane.installTrap(trap) }
        // Before that there was no way to the far host.
        bench.program.connect(Wire.Addresses.far.inner4, 7_001)
        for _ in 0..<5 { bench.program.send([1]) }
        #expect(eventually { bench.site.dropped(.noSA) == 5 })
        let near = AddressRange(try #require(IPPrefix(Wire.Addresses.near.inner4 + "/32")))
        let far = AddressRange(try #require(IPPrefix(Wire.Addresses.far.inner4 + "/32")))
        #expect(
            bench.plane.control.drain().events == [
                .acquire(
                    reqid: 77,
                    local: TrafficSelector(ipProtocol: 17, ports: .range(7_000...7_000), addresses: near),
                    remote: TrafficSelector(ipProtocol: 17, ports: .range(7_001...7_001), addresses: far))
            ])
        try bench.site.install(bench.child)
        #expect(bench.say()?.sequenceNumber == 1)
        try bench.site.host.run {
            try bench.plane.removeStates(bench.child)
            try bench.plane.removePolicies(bench.child)
        }
        bench.program.send([1])
        #expect(eventually { bench.site.dropped(.noSA) == 6 }, "a packet left in clear")
        try bench.site.install(bench.child)
        try bench.site.host.run { try bench.plane.removeTrap(trap) }
        #expect(bench.say()?.sequenceNumber == 1)
    }

    @Test func `without an outbound half its counters are zero, and the peer's SPI is left alone`() throws {
        let bench = try Bench()
        #expect(bench.say() != nil)
        var half = bench.child
        half.hasOutboundHalf = false
        #expect(try bench.plane.statistics(half).outbound == SAStatistics())
        try bench.plane.removeStates(half)
        #expect(bench.say()?.sequenceNumber == 2)
    }

    @Test func `packets and bytes are counted in both directions, with the time of the last`() throws {
        let bench = try Bench()
        let before = Host.wallClockSeconds
        #expect(try bench.plane.statistics(bench.child).inbound.lastUse == nil)
        for size in [1, 10, 100] {
            bench.program.send([UInt8](repeating: 7, count: size))
            bench.peer.send(
                bench.peer.seal(try Packets.udp([UInt8](repeating: 7, count: 2 * size))), to: bench.child.path
            )
        }
        let (inbound, outbound) = try bench.statistics { $0.packets == 3 && $1.packets == 3 }
        #expect((inbound.packets, inbound.bytes, inbound.sequenceNumber) == (3, 222 + 3 * 28, 3))
        #expect((outbound.packets, outbound.bytes, outbound.sequenceNumber) == (3, 111 + 3 * 28, 3))
        for lastUse in [inbound.lastUse, outbound.lastUse] {
            #expect(try (before...(before + 10)).contains(#require(lastUse)))
        }
    }

    @Test func `packets that were seen, are too old or forged are counted, and are not delivered`() throws {
        let bench = try Bench()
        let first = bench.peer.seal(try Packets.udp([1]))
        let second = bench.peer.seal(try Packets.udp([2]))
        bench.peer.send(second, to: bench.child.path)
        bench.peer.send(first, to: bench.child.path)
        #expect(bench.program.receive() == [2])
        #expect(bench.program.receive() == [1])
        bench.peer.send(second, to: bench.child.path)
        var forged = bench.peer.seal(try Packets.udp([3]))
        forged[forged.count - 20] ^= 1
        bench.peer.send(forged, to: bench.child.path)
        for _ in 0..<1_024 { _ = bench.peer.seal(try Packets.udp([4])) }
        bench.peer.send(bench.peer.seal(try Packets.udp([5])), to: bench.child.path)
        #expect(bench.program.receive() == [5])
        bench.peer.send(first, to: bench.child.path)
        let (inbound, _) = try bench.statistics { inbound, _ in inbound.late == 1 }
        #expect((inbound.replayed, inbound.badICV, inbound.late, inbound.packets) == (1, 1, 1, 3))
        #expect(
            bench.plane.dropped?.filter { $0.key != "no_policy" } == [
                "replayed": 1, "wrong_icv": 1, "late": 1,
            ])
        #expect(bench.program.receiveNow() == nil)
    }

    @Test func `packets of two CHILD_SAs that come together go each to its own peer`() throws {
        let wire = try Wire()
        let site = try Site(wire.near, starting: false)
        let first = try Child.near()
        var second = try Child.near(reqid: 2, generation: 2)
        second.path = try Child.path(remote: Wire.Addresses.other)
        let inner = "10.3.0.1"
        second.remoteSelectors = [TrafficSelector(try #require(IPPrefix(try address(inner), length: 32)))]
        for child in [first, second] { try site.install(child) }
        let peer = try Peer(wire.far, of: first)
        let programs = try [Wire.Addresses.far.inner4, inner].map { address in
            let program = try PlainSocket(.udp, isIPv6: false, in: wire.near)
            try program.bind(Wire.Addresses.near.inner4, 0)
            program.connect(address, 7_001)
            return program
        }
        for _ in 0..<10 { for program in programs { program.send([1, 2, 3]) } }
        try site.plane.start()
        let arrivals = (0..<20).compactMap { _ in peer.receive() }
        for child in [first, second] {
            let own = arrivals.filter { $0.spi == child.outboundSPI.number }
            #expect(own.count == 10)
            #expect(own.allSatisfy { $0.to.address == child.path.remote.address })
        }
    }

    @Test func `a policy without an SA drops, and sends nothing in clear`() throws {
        let bench = try Bench(installing: false)
        // Whatever left unsealed would arrive there.
        let listener = try PlainSocket(.udp, isIPv6: false, in: bench.wire.far)
        try listener.bind(Wire.Addresses.far.inner4, 7_001)
        try bench.wire.near.ip("route add \(Wire.Addresses.far.inner4)/32 via \(Wire.Addresses.far.v4)")
        bench.program.connect(Wire.Addresses.far.inner4, 7_001)
        bench.program.send([9])
        #expect(listener.receive() == [9])
        try bench.site.host.run { try bench.plane.installPolicies(bench.child) }
        bench.program.send([1])
        #expect(eventually { bench.site.dropped(.noSA) == 1 })
        try bench.site.host.run { try bench.plane.installOutbound(bench.child) }
        #expect(bench.say()?.sequenceNumber == 1)
        try bench.plane.removeStates(bench.child)
        bench.program.send([2])
        #expect(eventually { bench.site.dropped(.noSA) == 2 })
        #expect(listener.receive(milliseconds: 50) == nil)
        try bench.plane.removePolicies(bench.child)
        bench.program.send([10])
        #expect(listener.receive() == [10])
    }

    @Test func `a packet outside all selectors is dropped in both directions`() throws {
        let bench = try Bench()
        try bench.wire.near.ip("route add 10.9.0.0/16 dev \(bench.site.tun.name)")
        let stray = try PlainSocket(.udp, isIPv6: false, in: bench.wire.near)
        stray.connect("10.9.0.1", 7_001)
        let before = bench.site.dropped(.noPolicy)
        stray.send([1])
        #expect(eventually { bench.site.dropped(.noPolicy) > before })
        bench.peer.send(bench.peer.seal(try Packets.udp(from: "10.9.0.1", [1])), to: bench.child.path)
        #expect(eventually { bench.site.dropped(.outsideSelectors) == 1 })
        #expect(bench.peer.receive(milliseconds: 50) == nil)
        #expect(bench.program.receiveNow() == nil)
    }

    @Test func `more pairs of selectors than the table takes are a fault that says so`() throws {
        let bench = try Bench(installing: false)
        var child = bench.child
        child.localSelectors = Array(repeating: child.localSelectors[0], count: 17)
        child.remoteSelectors = Array(repeating: child.remoteSelectors[0], count: 17)
        let fault = #expect(throws: KernelFault.self) {
            try bench.site.host.run { try bench.plane.installPolicies(child) }
        }
        #expect(fault?.errno == Errno.invalid && fault?.text.contains("256 pairs") == true)
    }

    @Test func `a narrow path leaves IPv6 on the device`() throws {
        let bench = try Bench(mtu: 1_300)
        let far = try PlainSocket(.udp, isIPv6: true, in: bench.wire.near)
        far.connect(Wire.Addresses.far.inner6, 7_001)
        #expect(far.send([1]) == 1)
        let arrival = try #require(bench.peer.receive())
        #expect(try #require(bench.peer.open(arrival))[0] >> 4 == 6)
    }

    @Test func `removal of everything leaves no route, rule or address of ours`() throws {
        let bench = try Bench()
        let tun = bench.site.tun.name
        func leftovers() throws -> [String] {
            let commands = [
                "rule show", "-6 rule show", "route show table all proto 67",
                "-6 route show table all proto 67",
                "-o addr show dev \(tun) scope global",
            ]
            // Rules of the kernel's own are for other tables.
            return try commands.flatMap(bench.wire.near.lines).filter {
                !$0.contains("from all lookup ") || $0.contains("17238")
            }
        }
        #expect(try leftovers().count > 4)
        try bench.plane.removeEverything()
        let left = try leftovers()
        #expect(left == [])
        bench.peer.send(bench.peer.seal(try Packets.udp([1])), to: bench.child.path)
        #expect(eventually { bench.site.dropped(.unknownSPI) == 1 })
    }
}
