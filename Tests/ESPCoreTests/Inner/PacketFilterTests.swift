import ESPCore
import IPsecModel
import Testing

@Suite struct PacketFilterTests {
    @Test(arguments: [
        ("10.1.0.0", "10.2.0.0", true), ("10.1.255.255", "10.2.0.255", true),
        ("10.0.255.255", "10.2.0.0", false),
        ("10.2.0.0", "10.2.0.0", false), ("10.1.0.0", "10.1.255.255", false), ("10.1.0.0", "10.2.1.0", false),
    ])
    func `source is local and destination remote on the way out, and the other way round back`(
        source: String, destination: String, isAdmitted: Bool
    ) throws {
        let filter = PacketFilter(local: [try selector("10.1.0.0/16")], remote: [try selector("10.2.0.0/24")])
        let out = try #require(parsed(try packet(source, destination, 17, ports(1, 2))))
        #expect(filter.admitsOutbound(out) == isAdmitted)
        #expect(!filter.admitsInbound(out))
        let back = try #require(parsed(try packet(destination, source, 17, ports(1, 2))))
        #expect(filter.admitsInbound(back) == isAdmitted)
        #expect(!filter.admitsOutbound(back))
    }

    @Test(arguments: [
        ("2001:db8::1", true), ("2001:db8::ffff:ffff:ffff:ffff", true), ("2001:db8:0:1::", false),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false), ("::1", false),
    ])
    func `IPv6 addresses are compared by all of their bits`(source: String, isAdmitted: Bool) throws {
        let filter = PacketFilter(local: [try selector("2001:db8::/64")], remote: [try selector("::/0")])
        let inner = try #require(parsed(try packet(source, "2001:db8:9::1", 17, ports(1, 2))))
        #expect(filter.admitsOutbound(inner) == isAdmitted)
    }

    @Test func `families do not mix`() throws {
        let filter = PacketFilter(local: [try selector("0.0.0.0/0")], remote: [try selector("0.0.0.0/0")])
        #expect(!filter.admitsOutbound(try #require(parsed(try packet("::1", "::2", 17, ports(1, 2))))))
        let six = PacketFilter(local: [try selector("::/0")], remote: [try selector("::/0")])
        #expect(!six.admitsOutbound(try #require(parsed(try packet("0.0.0.1", "0.0.0.2", 17, ports(1, 2))))))
    }

    @Test func `ranges that are no prefix hold exactly`() throws {
        let filter = PacketFilter(
            local: [try selector("10.0.0.3-10.0.0.17")], remote: [try selector("0.0.0.0/0")])
        for host in 0...255 {
            let inner = try #require(parsed(try packet("10.0.0.\(host)", "10.9.9.9", 1, [8, 0, 0, 0])))
            #expect(filter.admitsOutbound(inner) == (3...17).contains(host))
        }
    }

    @Test func `ranges of IPv6 addresses are compared as one number of 128 bits`() throws {
        let filter = PacketFilter(
            local: [try selector("2001:db8::5-2001:db8:0:2::3")], remote: [try selector("::/0")])
        for (source, isAdmitted) in [
            ("2001:db8::4", false), ("2001:db8::5", true), ("2001:db8:0:1::1", true),
            ("2001:db8:0:1::9", true),
            ("2001:db8:0:2::3", true), ("2001:db8:0:2::4", false), ("2001:db8:0:3::", false),
        ] {
            let inner = try #require(parsed(try packet(source, "2001:db8:9::1", 17, ports(1, 2))))
            #expect(filter.admitsOutbound(inner) == isAdmitted)
        }
    }

    @Test func `any of several selectors at each end will do`() throws {
        let filter = PacketFilter(
            local: [try selector("10.1.0.0/16"), try selector("fd00:1::/32"), try selector("10.3.0.0/16")],
            remote: [try selector("10.2.0.0/16"), try selector("fd00:2::/32"), try selector("10.4.0.0/16")])
        for (source, destination, isAdmitted) in [
            ("10.1.0.1", "10.4.0.1", true), ("10.3.0.1", "10.2.0.1", true), ("10.3.0.1", "10.4.0.1", true),
            ("fd00:1::1", "fd00:2::1", true), ("10.1.0.1", "10.3.0.1", false),
            ("fd00:2::1", "fd00:1::1", false),
        ] {
            let inner = try #require(parsed(try packet(source, destination, 17, ports(1, 2))))
            #expect(filter.admitsOutbound(inner) == isAdmitted)
            let back = try #require(parsed(try packet(destination, source, 17, ports(1, 2))))
            #expect(filter.admitsInbound(back) == isAdmitted)
        }
    }

    @Test func `without a selector at one end nothing is admitted`() throws {
        let any = try selector("0.0.0.0/0")
        let inner = try #require(parsed(try packet("10.0.0.1", "10.0.0.2", 17, ports(1, 2))))
        for filter in [PacketFilter(local: [], remote: [any]), PacketFilter(local: [any], remote: [])] {
            #expect(!filter.admitsOutbound(inner))
            #expect(!filter.admitsInbound(inner))
        }
    }

    @Test func `a protocol and ports limit what is admitted`() throws {
        let filter = PacketFilter(
            local: [try selector("10.0.0.1/32", 6, .range(443...444))],
            remote: [try selector("10.0.0.2/32", 6, .any)])
        for (ipProtocol, port, isAdmitted) in [
            (6, 443, true), (6, 444, true), (6, 442, false), (6, 445, false), (17, 443, false),
        ] as [(UInt8, UInt16, Bool)] {
            let out = try #require(parsed(try packet("10.0.0.1", "10.0.0.2", ipProtocol, ports(port, 9))))
            #expect(filter.admitsOutbound(out) == isAdmitted)
            let back = try #require(parsed(try packet("10.0.0.2", "10.0.0.1", ipProtocol, ports(9, port))))
            #expect(filter.admitsInbound(back) == isAdmitted)
        }
    }

    /// RFC 4301 §4.4.1.1: a range of ports needs ports; OPAQUE is for packets that have none; ANY takes in both.
    @Test(arguments: [
        ("first fragment, IPv4", true, false, true), ("later fragment, IPv4", false, true, true),
        ("UDP behind IPv4 options", true, false, true), ("GRE", false, true, true),
    ])
    func `packets without ports fit any ports and OPAQUE alone`(
        name: String, fitsRange: Bool, fitsOpaque: Bool, fitsAny: Bool
    ) throws {
        let vector = try #require(PacketVector.all.first { $0.name == name })
        let inner = try #require(try parsed(vector.hex))
        let all = try selector("0.0.0.0/0", vector.ipProtocol)
        for (ports, fits) in [
            (PortSelector.range(1...65_535), fitsRange),
            (.range(0...65_534), fitsRange), (.opaque, fitsOpaque),
            (.any, fitsAny),
        ] {
            let limited = try selector("0.0.0.0/0", vector.ipProtocol, ports)
            #expect(PacketFilter(local: [limited], remote: [all]).admitsOutbound(inner) == fits)
            #expect(PacketFilter(local: [all], remote: [limited]).admitsInbound(inner) == fits)
        }
    }

    /// RFC 7296 §3.13.1: type in the high octet, code in the low one, in both selectors.
    @Test func `ICMP's type and code must fit both ends`() throws {
        let echo = PortSelector.range(0x0800...0x0800)
        let all = try selector("0.0.0.0/0", 1)
        let limited = try selector("0.0.0.0/0", 1, echo)
        let request = try #require(parsed(try packet("10.0.0.1", "10.0.0.2", 1, [8, 0, 0, 0])))
        let reply = try #require(parsed(try packet("10.0.0.1", "10.0.0.2", 1, [0, 0, 0, 0])))
        for filter in [
            PacketFilter(local: [limited], remote: [limited]), PacketFilter(local: [all], remote: [limited]),
            PacketFilter(local: [limited], remote: [all]),
        ] {
            #expect(filter.admitsOutbound(request))
            #expect(filter.admitsInbound(request))
            #expect(!filter.admitsOutbound(reply))
            #expect(!filter.admitsInbound(reply))
        }
    }
}
