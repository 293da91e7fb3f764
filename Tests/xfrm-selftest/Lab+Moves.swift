internal import Foundation
internal import IPsecModel
internal import LinuxIO
internal import XFRM

extension Lab {
    /// A NAT forgets its mapping and takes another port.
    func mapping() throws {
        self.check.section("another port")
        let plane = try KernelDataPlane()
        var child = try self.child(
            plane, number: 60, reqid: ReqID.range.lowerBound + 60, path: self.path(self.near, self.far))
        try self.install(plane, child)
        self.farEnd("add", child)
        self.check.expect(self.ping(), "traffic before")
        let before = try plane.statistics(child)
        _ = plane.events.drain()

        let moved = Endpoint(self.far.address, 4777)
        self.farEnd("update", child, at: moved)
        _ = self.ping()
        let identifier = SAIdentifier(spi: child.inboundSPI, destination: self.near.address)
        let expected = DataPlaneEvent.mappingChanged(
            identifier, reqid: child.reqid, from: self.far, to: moved)
        let events = plane.events.drain()
        self.check.expect(events.contains(expected), "the kernel reports the new port", "\(events)")

        let path = self.path(self.near, moved)
        self.check.succeeds("the child moves") { try plane.move([child], to: path) }
        child.path = path
        let after = try plane.statistics(child)
        self.check.expect(
            after.outbound.sequenceNumber >= before.outbound.sequenceNumber,
            "the sequence number stays", "\(before.outbound) \(after.outbound)")
        self.check.expect(after.inbound.sequenceNumber >= before.inbound.sequenceNumber, "the window stays")
        let view = self.kernelView(child.outboundSPI, to: moved.address).output
        self.check.expect(view.contains("sport 4500 dport 4777"), "the kernel sends to the new port", view)
        self.check.expect(self.ping(), "traffic after")
        let later = plane.events.drain()
        self.check.expect(later.isEmpty, "the report does not repeat", "\(later)")
        try plane.removeEverything()
        self.clearFarEnd()
    }

    /// The peer comes back from another address, for each kind of replay state.
    func addressChange() throws {
        self.check.section("another address")
        for (index, numbers) in [SequenceNumbers.short, .extended].enumerated() {
            let suite = ESPSuite(protection: Lab.gcm.protection, sequenceNumbers: numbers, keyExchange: nil)
            let plane = try KernelDataPlane()
            var child = try self.child(
                plane, number: UInt8(70 + index), reqid: ReqID.range.lowerBound + 70 + UInt32(index),
                path: self.path(self.near, self.far), suite: suite)
            try self.install(plane, child)
            self.farEnd("add", child)
            try self.peerMoves(plane, &child)
            try self.weMove(plane, &child)
            try plane.removeEverything()
            self.clearFarEnd()
            self.check.expect(
                CommandResult("ip xfrm state; ip xfrm policy list nosock").output.isEmpty, "all is removed")
        }
    }

    private func peerMoves(_ plane: KernelDataPlane, _ child: inout ChildSASpec) throws {
        let suite = child.suite
        self.check.expect(self.ping(5), "\(suite): traffic before")
        let before = try plane.statistics(child)
        let moved = Endpoint(.v4(IPv4Address(10, 9, 0, 12)), 4777)
        try self.relocate(plane, &child, to: self.path(self.near, moved), name: "\(suite)")
        let after = try plane.statistics(child)
        self.check.expect(
            after.outbound.sequenceNumber == before.outbound.sequenceNumber
                && after.inbound.sequenceNumber == before.inbound.sequenceNumber,
            "\(suite): sequence numbers stay to the unit", "\(before) \(after)")
        self.check.expect(
            after.inbound.bytes == before.inbound.bytes && after.outbound.packets == before.outbound.packets,
            "\(suite): byte and packet counters stay", "\(before) \(after)")
        self.moveFarEnd(child, from: self.far, to: moved)
        self.check.expect(self.ping(5), "\(suite): traffic after")
        let later = try plane.statistics(child)
        self.check.expect(
            later.inbound.replayed == before.inbound.packets,
            "\(suite): what was seen before the move is refused after it", "\(later)")
        self.check.expect(
            later.outbound.sequenceNumber == before.outbound.sequenceNumber + 5,
            "\(suite): the next packet has the next number", "\(later)")
    }

    private func weMove(_ plane: KernelDataPlane, _ child: inout ChildSASpec) throws {
        let before = try plane.statistics(child)
        let other = Endpoint(.v4(IPv4Address(10, 9, 0, 11)), 4500)
        try self.relocate(
            plane, &child, to: self.path(other, child.path.remote), name: "\(child.suite), our address")
        self.check.expect(
            try plane.statistics(child).outbound.sequenceNumber == before.outbound.sequenceNumber,
            "\(child.suite): the number stays when our own address changes")
        self.clearFarEnd()
        self.farEnd("add", child)
        // Our window remembers ten packets of the far end's former life.
        _ = CommandResult("ip netns exec b ping -c 10 -i 0.02 -W 0.05 -I 10.2.0.1 10.1.0.1")
        self.check.expect(self.ping(5), "\(child.suite): traffic from our new address")
    }

    private func relocate(
        _ plane: KernelDataPlane, _ child: inout ChildSASpec, to path: Path, name: String
    ) throws {
        let old = child.path
        self.check.succeeds("\(name): the child moves") { try plane.move([child], to: path) }
        child.path = path
        let states = CommandResult("ip xfrm state").output
        let policies = CommandResult("ip xfrm policy list nosock").output
        let gone = old.remote.address == path.remote.address ? old.local.address : old.remote.address
        self.check.expect(
            !states.contains("\(gone) ") && !policies.contains("\(gone) "),
            "\(name): nothing names the old address", states + policies)
        self.check.expect(
            policies.split { " \n".contains($0) }.count { $0 == "\(path.remote.address)" } == 3,
            "\(name): three policies name the new one", policies)
    }

    /// The far end takes its new address and keeps its sequence numbers, by iproute2.
    private func moveFarEnd(_ child: ChildSASpec, from old: Endpoint, to new: Endpoint) {
        let near = self.near.address
        let sent =
            CommandResult(
                "ip -n b -s xfrm state get dst \(near) proto esp spi 0x\(child.inboundSPI)"
            ).number(after: "oseq") ?? 5
        self.clearFarEnd()
        self.farEnd("add", child, at: new)
        // Packets below this number would be taken for replays by a window that has stayed.
        for _ in 0..<sent {
            _ = CommandResult("ip netns exec b ping -c 1 -W 0.05 -I 10.2.0.1 10.1.0.1")
        }
    }

    /// A stream of packets while the child moves to and fro: no sequence number is sent twice.
    func moveUnderTraffic() throws {
        self.check.section("moves under traffic")
        let plane = try KernelDataPlane()
        var child = try self.child(
            plane, number: 75, reqid: ReqID.range.lowerBound + 75, path: self.path(self.near, self.far))
        try self.install(plane, child)
        let file = "/run/xfrm-selftest.txt"
        let recorder = try BackgroundCommand(
            "ip netns exec b tcpdump -i vb -n -l 'udp dst port 4500' >\(file)")
        Thread.sleep(forTimeInterval: 2)
        let stream = try BackgroundCommand("ping -i 0.001 10.2.0.1 >/dev/null")
        Thread.sleep(forTimeInterval: 1)
        let addresses = [IPv4Address(10, 9, 0, 12), IPv4Address(10, 9, 0, 2)]
        var sentInBetween = 0
        for round in 0..<40 {
            let before = try plane.statistics(child).outbound.packets
            let target = Endpoint(.v4(addresses[round % 2]), 4500)
            try plane.move([child], to: self.path(self.near, target))
            child.path.remote = target
            Thread.sleep(forTimeInterval: 0.1)
            if try plane.statistics(child).outbound.packets > before { sentInBetween += 1 }
        }
        self.check.expect(sentInBetween == 40, "packets were sent between the moves", "\(sentInBetween)")
        stream.stop()
        Thread.sleep(forTimeInterval: 1)
        recorder.stop()
        let last = try plane.statistics(child).outbound
        try self.compareRecording(file, with: last)
        try plane.removeEverything()
    }

    private func compareRecording(_ file: String, with last: SAStatistics) throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let numbers = text.split(separator: "\n").compactMap { line -> UInt64? in
            guard let range = line.range(of: "seq=0x") else { return nil }
            return UInt64(line[range.upperBound...].prefix { $0.isHexDigit }, radix: 16)
        }
        let highest = numbers.max() ?? 0
        self.check.say("   \(numbers.count) packets, highest number \(highest)")
        self.check.expect(numbers.count > 200, "packets were seen on the wire", "\(text.prefix(200))")
        self.check.expect(
            text.contains("> 10.9.0.12.4500") && text.contains("> 10.9.0.2.4500"),
            "and at both addresses", "\(text.prefix(200))")
        self.check.expect(
            Set(numbers).count == numbers.count, "no sequence number was sent twice in 40 moves",
            "\(numbers.count) packets, \(Set(numbers).count) numbers")
        self.check.expect(
            highest == last.sequenceNumber && highest == UInt64(numbers.count), "and none was left out",
            "\(highest) \(last)")
    }

    /// Two children, of which the second cannot move: both stay where they are.
    func rollback() throws {
        self.check.section("all or none")
        let plane = try KernelDataPlane()
        let path = self.path(self.near, self.far)
        let first = try self.child(plane, number: 80, reqid: ReqID.range.lowerBound + 80, path: path)
        var second = try self.child(plane, number: 81, reqid: ReqID.range.lowerBound + 81, path: path)
        second.localSelectors = [TrafficSelector(try Self.prefix("10.1.9.9/32"))]
        try self.install(plane, first)
        try self.install(plane, second)
        self.farEnd("add", first)
        self.check.expect(self.ping(), "traffic before")
        let before = try plane.statistics(first)
        let occupied = "src 10.9.0.1 dst 10.9.0.12 proto esp spi 0x\(second.outboundSPI)"
        _ = CommandResult(
            "ip xfrm state add \(occupied) reqid 5 mode tunnel aead 'rfc4106(gcm(aes))' "
                + "0x\(String(repeating: "ab", count: 20)) 128")
        let target = self.path(self.near, Endpoint(.v4(IPv4Address(10, 9, 0, 12)), 4500))
        do {
            try plane.move([first, second], to: target)
            self.check.expect(false, "the move is refused")
        } catch {
            self.check.expect(error.errno == Errno.exists, "the move is refused", "\(error)")
            self.check.expect(!error.text.contains("undone"), "and undone", "\(error)")
        }
        let after = try plane.statistics(first)
        self.check.expect(
            after.outbound.sequenceNumber == before.outbound.sequenceNumber
                && after.inbound.sequenceNumber == before.inbound.sequenceNumber,
            "the first child's numbers stay", "\(before) \(after)")
        self.check.succeeds("the second child is there") { _ = try plane.statistics(second) }
        self.check.expect(self.ping(), "traffic after")
        try plane.removeEverything()
        let left = CommandResult("ip xfrm state").output
        self.check.expect(left.contains("dst 10.9.0.12"), "a foreign state stays", left)
        _ = CommandResult("ip xfrm state flush")
        self.clearFarEnd()
    }
}
