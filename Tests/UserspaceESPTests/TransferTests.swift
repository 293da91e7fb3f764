internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import UserspaceESP

/// Two engines back to back: what plain sockets say on one side is heard on the other.
@Suite(.serialized) struct TransferTests {
    /// Which offloads the kernel is allowed.
    enum Offloads: CaseIterable { case all, none }

    private struct Hosts {
        let near: Site
        let far: Site

        init(_ child: ChildSASpec, _ offloads: Offloads) throws {
            let wire = try Wire()
            self.near = try Site(
                wire.near, tunOffloads: offloads == .all ? .all : [], offloads: offloads == .all ? .all : [])
            self.far = try Site(
                wire.far, tunOffloads: offloads == .all ? .all : [], offloads: offloads == .all ? .all : [])
            try self.near.install(child)
            try self.far.install(child.reversed)
        }
    }

    private static let there = pattern(600_000)
    private static let back = pattern(400_001)

    private static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &* 7) }
    }

    private static func inner(_ isIPv6: Bool) -> (near: String, far: String) {
        let (near, far) = (Wire.Addresses.near, Wire.Addresses.far)
        return isIPv6 ? (near.inner6, far.inner6) : (near.inner4, far.inner4)
    }

    @Test(arguments: Child.Transport.allCases, Offloads.allCases)
    func `UDP goes both ways`(transport: Child.Transport, offloads: Offloads) throws {
        let hosts = try Hosts(try Child.near(.aes128GCM, transport), offloads)
        for isIPv6 in [false, true] {
            let inner = Self.inner(isIPv6)
            let near = try PlainSocket(.udp, isIPv6: isIPv6, in: hosts.near.host)
            let far = try PlainSocket(.udp, isIPv6: isIPv6, in: hosts.far.host)
            try near.bind(inner.near, 7_000)
            try far.bind(inner.far, 7_001)
            near.connect(inner.far, 7_001)
            far.connect(inner.near, 7_000)
            for size in [1, 100, 1_200] {
                near.send(Self.pattern(size))
                #expect(far.receive() == Self.pattern(size), "\(size) bytes, IPv6: \(isIPv6)")
                far.send(Self.pattern(size + 1))
                #expect(near.receive() == Self.pattern(size + 1))
            }
        }
        #expect(hosts.near.plane.drops.snapshot.filter { $0.key != .noPolicy } == [:])
        #expect(hosts.far.plane.drops.snapshot.filter { $0.key != .noPolicy } == [:])
    }

    @Test(arguments: Child.Transport.allCases, Offloads.allCases)
    func `TCP goes both ways at the same time`(transport: Child.Transport, offloads: Offloads) throws {
        let hosts = try Hosts(try Child.near(.aes128GCM, transport), offloads)
        try Self.transfer(hosts, isIPv6: false)
        try Self.transfer(hosts, isIPv6: true)
    }

    @Test(arguments: Child.Suite.allCases, [SequenceNumbers.short, .extended])
    func `TCP goes with each suite`(suite: Child.Suite, numbers: SequenceNumbers) throws {
        let child = try Child.near(suite, sequenceNumbers: numbers)
        try Self.transfer(try Hosts(child, .all), isIPv6: false)
    }

    private static func transfer(_ hosts: Hosts, isIPv6: Bool) throws {
        let inner = Self.inner(isIPv6)
        let listener = try PlainSocket(.tcp, isIPv6: isIPv6, in: hosts.far.host)
        try listener.bind(inner.far, 7_002)
        listener.listen()
        let near = try PlainSocket(.tcp, isIPv6: isIPv6, in: hosts.near.host)
        try near.bind(inner.near, 0)
        near.connect(inner.far, 7_002)
        let far = try listener.accept()
        let (there, back) = (Self.there, Self.back)
        var (sentThere, sentBack) = (0, 0)
        var (heardThere, heardBack): ([UInt8], [UInt8]) = ([], [])
        let isDone = eventually {
            for _ in 0..<100 {
                sentThere += max(0, near.send(there[sentThere...]))
                sentBack += max(0, far.send(back[sentBack...]))
                heardThere += far.receiveNow() ?? []
                heardBack += near.receiveNow() ?? []
            }
            return heardThere.count == there.count && heardBack.count == back.count
        }
        #expect(isDone, "\(heardThere.count) of \(there.count), \(heardBack.count) of \(back.count)")
        #expect(heardThere == there)
        #expect(heardBack == back)
    }
}
