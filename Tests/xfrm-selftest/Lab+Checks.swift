internal import Foundation
internal import IPsecModel
internal import LinuxIO
internal import XFRM

extension Lab {
    /// False if the kernel has no ESP: then there is nothing else to check.
    func probe() -> Bool {
        self.check.section("probe")
        switch KernelDataPlane.probe() {
        case .success: self.check.expect(true, "the kernel has ESP")
        case .failure(let fault):
            self.check.expect(false, "the kernel has ESP", "\(fault)")
            return false
        }
        let left = CommandResult("ip xfrm state").output
        self.check.expect(left.isEmpty, "the probe leaves nothing behind", left)
        return true
    }

    private static let protections: [ProtectionSuite] = [
        ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
        ProtectionSuite(encryption: .aesGCM16, keyLength: 256, integrity: nil),
        ProtectionSuite(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
        ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA384),
        ProtectionSuite(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
    ]

    /// Each suite carries traffic, and our counters are the kernel's.
    func suites() throws {
        self.check.section("suites")
        let plane = try KernelDataPlane()
        var number: UInt8 = 0
        for protection in Self.protections {
            for numbers in [SequenceNumbers.short, .extended] {
                number += 1
                let suite = ESPSuite(protection: protection, sequenceNumbers: numbers, keyExchange: nil)
                let inUDP = number % 3 != 0
                let child = try self.child(
                    plane, number: number, reqid: ReqID.range.lowerBound + UInt32(number),
                    path: self.path(self.near, self.far, inUDP: inUDP), suite: suite)
                self.check.expect(
                    (0xc000_0000...0xcfff_ffff).contains(child.inboundSPI.number), "the SPI is in its range")
                self.carries(plane, child, name: "\(suite) \(inUDP ? "in UDP" : "bare")")
            }
        }
        self.check.expect(
            CommandResult("ip xfrm state; ip xfrm policy list nosock").output.isEmpty, "all is removed")
    }

    private func carries(_ plane: KernelDataPlane, _ child: ChildSASpec, name: String) {
        self.check.succeeds("\(name): installed") { try self.install(plane, child) }
        self.check.expect(self.farEnd("add", child), "\(name): the far end stands")
        self.check.expect(self.ping(), "\(name): three pings come back")
        self.check.succeeds("\(name): counters agree with ip -s xfrm") {
            try self.compareCounters(plane, child)
        }
        self.check.succeeds("\(name): removed") {
            try plane.removeStates(child)
            try plane.removePolicies(child)
        }
        self.clearFarEnd()
    }

    private struct Disagreement: Error { let ours: SAStatistics, theirs: String }

    private func compareCounters(_ plane: KernelDataPlane, _ child: ChildSASpec) throws {
        let ours = try plane.statistics(child)
        let views = [
            (ours.inbound, child.inboundSPI, child.path.local.address, "seq"),
            (ours.outbound, child.outboundSPI, child.path.remote.address, "oseq"),
        ]
        for (statistics, spi, destination, word) in views {
            let view = self.kernelView(spi, to: destination)
            // `lifetime current:` is followed by bytes and packets in parentheses.
            let current = view.output.components(separatedBy: "lifetime current:").last ?? ""
            let numbers = current.split { !$0.isNumber }.prefix(2).compactMap { UInt64($0) }
            let sequence = view.output.contains("anti-replay esn") || word == "oseq" || word == "seq"
            guard sequence, numbers == [statistics.bytes, statistics.packets], statistics.packets >= 3,
                statistics.sequenceNumber == statistics.packets, statistics.badICV == 0
            else { throw Disagreement(ours: statistics, theirs: view.output) }
        }
    }

    func ipv6() throws {
        self.check.section("outer IPv6, and families mixed")
        let plane = try KernelDataPlane()
        let near6 = Endpoint(IPAddress("2001:db8:9::1") ?? self.near.address, 4500)
        let far6 = Endpoint(IPAddress("2001:db8:9::2") ?? self.far.address, 4500)
        let cases: [(String, Path, AddressFamily)] = [
            ("IPv6 in IPv6 in UDP", self.path(near6, far6), .v6),
            ("IPv4 in IPv6 in UDP", self.path(near6, far6), .v4),
            ("IPv6 in IPv4 in UDP", self.path(self.near, self.far), .v6),
        ]
        for (index, (name, path, family)) in cases.enumerated() {
            let child = try self.child(
                plane, number: UInt8(30 + index), reqid: ReqID.range.lowerBound + 30 + UInt32(index),
                path: path, family: family)
            self.check.succeeds("\(name): installed") { try self.install(plane, child) }
            self.check.expect(self.farEnd("add", child), "\(name): the far end stands")
            self.check.expect(self.ping(family: family), "\(name): three pings come back")
            try plane.removeStates(child)
            try plane.removePolicies(child)
            self.clearFarEnd()
        }
    }

    /// The newest generation sends, whatever the clock says, and the older one takes over when it goes.
    func rekeying() throws {
        self.check.section("rekeying")
        let plane = try KernelDataPlane()
        let reqid = ReqID.range.lowerBound + 50
        let path = self.path(self.near, self.far)
        let first = try self.child(plane, number: 50, reqid: reqid, path: path)
        try self.install(plane, first)
        self.farEnd("add", first)
        self.check.expect(self.ping(), "the first generation carries")
        let before = try plane.statistics(first).outbound.packets

        var generations = [first]
        for (number, shift) in [(UInt8(51), 0), (52, -600)] {
            self.shiftClock(by: shift)
            let next = try self.child(plane, number: number, reqid: reqid, path: path)
            try plane.installInbound(next)
            self.farEnd("add", next)
            try plane.installOutbound(next)
            self.check.expect(self.ping(), "generation \(number) answers (clock \(shift) s)")
            let packets = try plane.statistics(next).outbound.packets
            self.check.expect(packets == 3, "generation \(number) sends", "\(packets)")
            generations.append(next)
        }
        self.shiftClock(by: 600)
        let after = try plane.statistics(first).outbound.packets
        self.check.expect(after == before, "the first generation has sent nothing more", "\(before) \(after)")
        try plane.removeStates(generations[2])
        // The far end sends with its own newest: take that away as well.
        _ = CommandResult(
            "ip -n b xfrm state delete dst \(self.near.address) proto esp spi 0x\(generations[2].inboundSPI)")
        self.check.expect(self.ping(), "after the newest has gone the one before carries")
        try plane.removeEverything()
        self.clearFarEnd()
    }

    /// Sets the clock, which is shared by all namespaces: in a guest, and never on a real machine.
    private func shiftClock(by seconds: Int) {
        let processor = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        guard processor.contains("User Mode Linux") else {
            self.check.say("the clock is left alone: this is not a User-Mode Linux guest")
            return
        }
        _ = CommandResult("date -s @$(( $(date +%s) + \(seconds) ))")
    }
}
