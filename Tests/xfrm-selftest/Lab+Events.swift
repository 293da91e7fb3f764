internal import Foundation
internal import IPsecModel
internal import LinuxIO
internal import XFRM

/// Hears a data plane's events as the daemon does: the poller reports, the consumer drains and arms again.
final class Ear {
    private let plane: KernelDataPlane
    private let check: Check
    private let poller: DescriptorPoller
    private let registration: DescriptorPoller.Registration
    private let readable = DispatchSemaphore(value: 0)

    init(_ plane: KernelDataPlane, _ check: Check) throws {
        self.plane = plane
        self.check = check
        let poller = try DescriptorPoller()
        let readable = self.readable
        self.poller = poller
        self.registration = try plane.events.withDescriptor { fd in
            try poller.add(fd) { readable.signal() }
        }
    }

    deinit {
        self.poller.remove(self.registration)
        self.poller.stop()
    }

    /// Expects an event within five seconds.
    func hear(_ sentence: String, _ isMeant: (DataPlaneEvent) -> Bool) throws {
        var heard: [DataPlaneEvent] = []
        let deadline = Date(timeIntervalSinceNow: 5)
        while !heard.contains(where: isMeant), Date() < deadline {
            guard self.readable.wait(timeout: .now() + 5) == .success else { break }
            heard += self.plane.events.drain()
            try self.poller.arm(self.registration)
        }
        self.check.expect(heard.contains(where: isMeant), sentence, "\(heard)")
    }
}

extension Lab {
    /// Expiry, packets without an SA, and states that somebody else deletes; seen through the poller.
    func events() throws {
        self.check.section("events")
        let plane = try KernelDataPlane()
        let ear = try Ear(plane, self.check)
        let reqid = ReqID.range.lowerBound + 90
        try self.timeLimits(plane, ear, reqid)
        try self.packetLimits(plane, ear, reqid)
        _ = try plane.allocateSPI(local: self.near.address, remote: self.far.address, reqid: reqid)
        _ = CommandResult("ip xfrm state flush")
        try ear.hear("a flush by somebody else is reported") { $0 == .overflow }
        self.clearFarEnd()
    }

    /// A trap holds packets back and calls for a CHILD_SA, gives way to it, and is there again when it has gone.
    func traps() throws {
        self.check.section("traps")
        let plane = try KernelDataPlane()
        let ear = try Ear(plane, self.check)
        let trap = try TrapPolicy(
            reqid: ReqID.range.lowerBound + 99, localSelectors: [TrafficSelector(Self.prefix("10.1.0.0/16"))],
            remoteSelectors: [TrafficSelector(Self.prefix("10.2.0.0/16"))], remote: nil)
        try plane.installTrap(trap)
        try self.expectCall(ear, "of a peer that is not known", trap)
        var moved = trap
        moved.remote = self.far.address
        try plane.installTrap(moved)
        try self.expectCall(ear, "of a known peer", trap)

        let path = self.path(self.near, self.far)
        let child = try self.child(plane, number: 99, reqid: ReqID.range.lowerBound + 98, path: path)
        try self.install(plane, child)
        self.farEnd("add", child)
        self.check.expect(self.ping(3), "the CHILD_SA carries the packets")
        let other = try self.child(plane, number: 97, reqid: ReqID.range.lowerBound + 97, path: path)
        do throws(KernelFault) {
            try plane.installPolicies(other)
            self.check.expect(false, "another CHILD_SA does not take over the policies")
        } catch {
            self.check.expect(true, "another CHILD_SA does not take over the policies")
        }
        try plane.removeStates(child)
        try plane.removePolicies(child)
        try self.expectCall(ear, "again once the CHILD_SA has gone", trap)

        try self.install(plane, other)
        try plane.removeTrap(trap)
        self.check.expect(self.policyCount == 3, "the CHILD_SA's policies stay without the trap")
        try plane.removeStates(other)
        try plane.removePolicies(other)
        self.check.expect(self.policyCount == 0, "nothing is left")
        // What the kernel keeps of calls goes by itself, but later.
        _ = CommandResult("ip xfrm state flush")
        self.clearFarEnd()
    }

    private var policyCount: Int {
        CommandResult("ip xfrm policy").output.split(separator: "\n").count { $0.contains("dir ") }
    }

    /// Pings that the far end has seen so far, whether in clear or not.
    private var echoesAtFarEnd: String {
        CommandResult("ip netns exec b nstat -asz IcmpInEchos").output
    }

    private func expectCall(_ ear: Ear, _ when: String, _ trap: TrapPolicy) throws {
        let before = self.echoesAtFarEnd
        self.check.expect(!self.ping(1), "a trap holds packets back \(when)")
        self.check.expect(self.echoesAtFarEnd == before, "none leaves in clear \(when)")
        try ear.hear("it calls for a CHILD_SA \(when)") { event in
            guard case .acquire(trap.reqid, let local, let remote) = event else { return false }
            return "\(local)".hasPrefix("10.1.0.1/32") && "\(remote)".hasPrefix("10.2.0.1/32")
        }
    }

    private func timeLimits(_ plane: KernelDataPlane, _ ear: Ear, _ reqid: UInt32) throws {
        let child = try self.child(
            plane, number: 90, reqid: reqid, path: self.path(self.near, self.far),
            lifetime: Lifetime(rekey: .seconds(1), hard: .seconds(2), jitter: .zero))
        try plane.installPolicies(child)
        _ = self.ping(1)
        try ear.hear("a packet without an SA asks for one") { event in
            guard case .acquire(reqid, let local, let remote) = event else { return false }
            return "\(local)".hasPrefix("10.1.0.1/32") && "\(remote)".hasPrefix("10.2.0.1/32")
        }
        try plane.installInbound(child)
        try plane.installOutbound(child)
        let outbound = SAIdentifier(spi: child.outboundSPI, destination: self.far.address)
        let inbound = SAIdentifier(spi: child.inboundSPI, destination: self.near.address)
        try ear.hear("the soft limit is reported") { $0 == .expired(outbound, reqid: reqid, isHard: false) }
        try ear.hear("the hard limit is reported") { $0 == .expired(inbound, reqid: reqid, isHard: true) }
    }

    private func packetLimits(_ plane: KernelDataPlane, _ ear: Ear, _ reqid: UInt32) throws {
        var limited = try self.child(plane, number: 91, reqid: reqid, path: self.path(self.near, self.far))
        limited.packets = VolumeLimit(rekey: 2, hard: 1_000)
        try plane.installInbound(limited)
        try plane.installOutbound(limited)
        self.farEnd("add", limited)
        _ = self.ping(3)
        let counted = SAIdentifier(spi: limited.outboundSPI, destination: self.far.address)
        try ear.hear("a limit of packets is reported") {
            $0 == .expired(counted, reqid: reqid, isHard: false)
        }

        _ = CommandResult(
            "ip xfrm state delete dst \(self.far.address) proto esp spi 0x\(limited.outboundSPI)")
        try ear.hear("a foreign deletion is reported") { $0 == .expired(counted, reqid: reqid, isHard: true) }
        try plane.removeStates(limited)
        try plane.removePolicies(limited)
        let silence = plane.events.drain()
        self.check.expect(silence.isEmpty, "what we do ourselves is not reported", "\(silence)")
    }

    /// After a crash: what it held back is held back until there are traps, and what nobody wants any more goes.
    func inheritance() throws {
        self.check.section("policies that a crash has left")
        let path = self.path(self.near, self.far)
        do {
            let crashed = try KernelDataPlane()
            try self.install(
                crashed, try self.child(crashed, number: 88, reqid: ReqID.range.lowerBound, path: path))
            let stale = try TrapPolicy(
                reqid: ReqID.range.lowerBound + 1,
                localSelectors: [TrafficSelector(Self.prefix("10.1.0.0/16"))],
                remoteSelectors: [TrafficSelector(Self.prefix("10.66.0.0/16"))], remote: nil)
            try crashed.installTrap(stale)
        }
        let before = self.policyCount
        let plane = try KernelDataPlane()
        self.check.succeeds("its states go") { try plane.removeLeftStates() }
        self.check.expect(
            !CommandResult("ip xfrm state").output.contains("proto esp") && self.policyCount == before,
            "its policies stay")
        let sent = self.echoesAtFarEnd
        self.check.expect(!self.ping(1) && self.echoesAtFarEnd == sent, "nothing leaves in clear meanwhile")
        // With the reqid that the stale one had: only the selector says which is which.
        let trap = try TrapPolicy(
            reqid: ReqID.range.lowerBound + 1, localSelectors: [TrafficSelector(Self.prefix("10.1.0.0/16"))],
            remoteSelectors: [TrafficSelector(Self.prefix("10.2.0.0/16"))], remote: self.far.address)
        self.check.succeeds("a trap takes the place of what was left") { try plane.installTrap(trap) }
        self.check.succeeds("the rest goes") { try plane.removeLeftPolicies() }
        let policies = CommandResult("ip xfrm policy").output
        self.check.expect(
            policies.contains("10.2.0.0/16") && !policies.contains("10.66.0.0/16") && self.policyCount == 3,
            "only the trap is left", policies)
        self.check.expect(!self.ping(1) && self.echoesAtFarEnd == sent, "it holds packets back")
        self.check.succeeds("and goes as any other") { try plane.removeTrap(trap) }
        self.check.expect(self.policyCount == 0, "nothing is left")
        _ = CommandResult("ip xfrm state flush; ip xfrm policy flush")
    }

    /// After a crash: ours goes, everybody else's stays.
    func cleanup() throws {
        self.check.section("after a crash")
        let path = self.path(self.near, self.far)
        do {
            let crashed = try KernelDataPlane()
            let child = try self.child(crashed, number: 95, reqid: ReqID.range.upperBound, path: path)
            try self.install(crashed, child)
            _ = try crashed.allocateSPI(
                local: self.near.address, remote: self.far.address, reqid: ReqID.range.lowerBound)
        }
        let key = "0x" + String(repeating: "ab", count: 20)
        _ = CommandResult(
            "ip xfrm state add src 10.9.0.1 dst 10.9.0.77 proto esp spi 0x1000 reqid 5 mode tunnel "
                + "aead 'rfc4106(gcm(aes))' \(key) 128 && "
                + "ip xfrm policy add src 10.77.0.0/16 dst 10.78.0.0/16 dir out "
                + "tmpl src 10.9.0.1 dst 10.9.0.77 proto esp reqid 5 mode tunnel && "
                + "ip xfrm policy add src 10.79.0.0/16 dst 10.78.0.0/16 dir out action block")
        let plane = try KernelDataPlane()
        self.check.succeeds("all of ours is removed") { try plane.removeEverything() }
        let states = CommandResult("ip xfrm state").output
        let policies = CommandResult("ip xfrm policy").output
        self.check.expect(
            states.components(separatedBy: "proto esp").count == 2 && states.contains("10.9.0.77"),
            "one foreign state stays", states)
        self.check.expect(
            policies.contains("10.77.0.0/16") && policies.contains("10.79.0.0/16")
                && !policies.contains("10.2.0.0/16"), "two foreign policies stay", policies)
        self.check.succeeds("removing nothing is no fault") { try plane.removeEverything() }

        let child = try self.child(plane, number: 96, reqid: 4_711, path: path)
        try self.install(plane, child)
        self.check.succeeds("a configured reqid is removed by its memory") { try plane.removeEverything() }
        self.check.expect(!CommandResult("ip xfrm state").output.contains("reqid 4711"), "and is gone")
        self.check.succeeds("removing a child twice is no fault") {
            try plane.removeStates(child)
            try plane.removePolicies(child)
        }
        self.check.expect(
            (try? plane.statistics(child)) == nil, "a child that is gone has no statistics")
        _ = CommandResult("ip xfrm state flush; ip xfrm policy flush")
    }
}
