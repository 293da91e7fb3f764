internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// What the workers tell the control thread, and that it is bounded.
@Suite(.serialized) struct QueueTests {
    private static func identifiers(_ child: ChildSASpec) -> (inbound: SAIdentifier, outbound: SAIdentifier) {
        (
            SAIdentifier(spi: child.inboundSPI, destination: child.path.local.address),
            SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
        )
    }

    @Test func `the newest packet from another port says that the peer has moved, once in a while`() throws {
        let bench = try Bench()
        let elsewhere = Endpoint(bench.child.path.remote.address, 5_555)
        let begin = Host.now
        for value in 1...20 as ClosedRange<UInt8> {
            try bench.peer.send(
                bench.peer.seal(try Packets.udp([value])), to: bench.child.path, fromPort: 5_555)
            #expect(bench.program.receive() == [value])
        }
        let tenths = Int(Host.now.since(begin) / .milliseconds(100))
        let events = bench.plane.control.drain().events
        #expect((1...(tenths + 1)).contains(events.count), "\(events.count) in \(tenths) tenths of a second")
        let expected = DataPlaneEvent.mappingChanged(
            Self.identifiers(bench.child).inbound, reqid: 1, from: bench.child.path.remote, to: elsewhere)
        #expect(Set(events) == [expected])
        usleepTenth()
        try bench.peer.send(bench.peer.seal(try Packets.udp([1])), to: bench.child.path, fromPort: 5_555)
        #expect(bench.program.receive() == [1])
        #expect(bench.plane.control.drain().events == [expected])
    }

    private func usleepTenth() { for _ in 0..<120 { rest() } }

    @Test(arguments: [Child.Transport.udp4, .bare4])
    func `ESP of an unknown SPI is told with both its ends, once in a while`(transport: Child.Transport)
        throws
    {
        let bench = try Bench({ _ in }, transport)
        let begin = Host.now
        for number in 1...50 as ClosedRange<UInt8> {
            bench.peer.send(
                [0xc0, 0, 0, 0x77, 0, 0, 0, number] + [UInt8](repeating: 0, count: 40), to: bench.child.path)
            #expect(eventually { bench.site.dropped(.unknownSPI) == UInt64(number) })
        }
        let tenths = Int(Host.now.since(begin) / .milliseconds(100))
        let events = bench.plane.control.drain().events
        #expect((1...(tenths + 1)).contains(events.count), "\(events.count) in \(tenths) tenths of a second")
        let (path, isBare) = (bench.child.path, transport == .bare4)
        let expected = DataPlaneEvent.unknownSPI(
            ESPSPI(0xc000_0077), from: isBare ? Endpoint(path.remote.address, 0) : path.remote,
            to: isBare ? Endpoint(path.local.address, 0) : path.local)
        #expect(Set(events) == [expected])
    }

    @Test func `replayed, older and forged packets from another port move nobody`() throws {
        let bench = try Bench()
        let older = bench.peer.seal(try Packets.udp([1]))
        let newest = bench.peer.seal(try Packets.udp([2]))
        bench.peer.send(newest, to: bench.child.path)
        #expect(bench.program.receive() == [2])
        var forged = bench.peer.seal(try Packets.udp([3]))
        forged[40] ^= 1
        for packet in [newest, forged, older] {
            try bench.peer.send(packet, to: bench.child.path, fromPort: 5_555)
        }
        #expect(bench.program.receive() == [1])
        #expect(eventually { bench.site.dropped(.replayed) == 1 && bench.site.dropped(.wrongICV) == 1 })
        #expect(bench.plane.control.drain().isEmpty)
    }

    @Test func `limits in packets are told once each, and hold to the packet`() throws {
        let bench = try Bench({ $0.packets = VolumeLimit(rekey: 2, hard: 4) })
        let (inbound, outbound) = Self.identifiers(bench.child)
        for value in 1...4 as ClosedRange<UInt8> {
            #expect(bench.say(value)?.sequenceNumber == UInt32(value))
        }
        bench.program.send([5])
        #expect(eventually { bench.site.dropped(.spentSA) == 1 })
        #expect(
            bench.plane.control.drain().events == [
                .expired(outbound, reqid: 1, isHard: false), .expired(outbound, reqid: 1, isHard: true),
            ])
        // Whoever lost the event learns of it by asking.
        let fault = #expect(throws: KernelFault.self) { try bench.plane.statistics(bench.child) }
        #expect(fault?.errno == Errno.noProcess)
        for value in 1...5 as ClosedRange<UInt8> {
            bench.peer.send(bench.peer.seal(try Packets.udp([value])), to: bench.child.path)
            #expect(
                bench.program.receive(milliseconds: value == 5 ? 50 : 2_000) == (value == 5 ? nil : [value]))
        }
        #expect(
            bench.plane.control.drain().events == [
                .expired(inbound, reqid: 1, isHard: false), .expired(inbound, reqid: 1, isHard: true),
            ])
        var half = bench.child
        half.hasOutboundHalf = false
        #expect(throws: KernelFault.self) { try bench.plane.statistics(half) }
    }

    @Test func `a hard limit holds within one large packet of the kernel's`() throws {
        let bench = try Bench({ $0.packets = VolumeLimit(rekey: nil, hard: 4) })
        bench.program.setSegmentSize(100)
        bench.program.send([UInt8](repeating: 1, count: 1_000))
        #expect((1...4).map { _ in bench.peer.receive()?.sequenceNumber } == [1, 2, 3, 4])
        #expect(bench.peer.receive(milliseconds: 50) == nil)
        #expect(bench.site.dropped(.spentSA) > 0)
    }

    @Test(arguments: [Child.Transport.udp4, .udp6])
    func `an IKE message comes with both addresses, a keepalive does not come`(
        transport: Child.Transport
    ) throws {
        let bench = try Bench({ _ in }, transport)
        bench.peer.send([0xff], to: bench.child.path)
        bench.peer.send([0, 0], to: bench.child.path)
        let message: [UInt8] = [0, 0, 0, 0, 1, 2, 3]
        bench.peer.send(message, to: bench.child.path)
        var content = ControlQueue.Content()
        #expect(
            eventually {
                content = bench.plane.control.drain()
                return !content.isEmpty
            })
        let (from, to) = (bench.child.path.remote, bench.child.path.local)
        #expect(content.datagrams == [IKESocket.Datagram(bytes: message, from: from, to: to)])
        #expect(bench.site.dropped(.runt) == 1)
    }

    @Test func `no IKE message comes by bare ESP`() throws {
        let bench = try Bench({ _ in }, .bare4)
        bench.peer.send([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], to: bench.child.path)
        #expect(eventually { bench.site.dropped(.unknownSPI) == 1 })
        bench.peer.send([0xff], to: bench.child.path)
        #expect(eventually { bench.site.dropped(.runt) == 1 })
        #expect(bench.plane.control.drain().isEmpty)
    }

    @Test func `512 IKE messages have room, and those beyond are counted`() throws {
        let bench = try Bench()
        // A busy machine may lose some on the wire, so there is no end to them before one was dropped.
        var index = 0
        let isFull = eventually {
            for _ in 0..<60 {
                bench.peer.send([0, 0, 0, 0, UInt8(index >> 8), UInt8(index & 0xff)], to: bench.child.path)
                index += 1
            }
            return bench.site.dropped(.ikeQueueFull) > 0
        }
        #expect(isFull)
        bench.peer.send(bench.peer.seal(try Packets.udp([1])), to: bench.child.path)
        #expect(bench.program.receive() == [1])
        let numbers = bench.plane.control.drain().datagrams.map {
            Int($0.bytes[4]) << 8 | Int($0.bytes[5])
        }
        #expect(numbers.count == 512 && numbers == numbers.sorted() && Set(numbers).count == 512)
        bench.peer.send([0, 0, 0, 0, 9], to: bench.child.path)
        #expect(eventually { bench.plane.control.drain().datagrams.count == 1 })
    }

    @Test func `IKE messages have four mebibytes`() throws {
        let queue = try ControlQueue()
        let here = Endpoint(try address("192.0.2.1"), 4_500)
        let large = IKESocket.Datagram(bytes: Array(repeating: 0, count: 1 << 20), from: here, to: here)
        #expect((0..<5).map { _ in queue.put(large) } == [true, true, true, true, false])
        #expect(queue.drain().datagrams.count == 4)
        #expect(queue.put(large))
    }

    @Test func `events beyond what there is room for become an overflow, once`() throws {
        let queue = try ControlQueue()
        let identifier = SAIdentifier(spi: ESPSPI(0xc000_0001), destination: try address("192.0.2.1"))
        for _ in 0..<600 { queue.put(.expired(identifier, reqid: 1, isHard: false)) }
        let events = queue.drain().events
        #expect(events.count == 513 && events.last == .overflow && events.count { $0 == .overflow } == 1)
        #expect(queue.drain().isEmpty)
        queue.put(.expired(identifier, reqid: 1, isHard: true))
        #expect(queue.drain().events == [.expired(identifier, reqid: 1, isHard: true)])
    }

    @Test func `the queue's descriptor is readable while there is something`() throws {
        let queue = try ControlQueue()
        func isReadable() -> Bool {
            queue.withDescriptor { PacketPoll.wait([$0].span, milliseconds: 0) } == 1
        }
        #expect(!isReadable())
        queue.put(note: "x")
        #expect(isReadable())
        #expect(queue.drain().notes == ["x"])
        #expect(!isReadable())
    }
}
