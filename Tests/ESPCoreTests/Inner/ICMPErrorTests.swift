import ESPCore
import IPsecModel
import Testing

@Suite struct ICMPErrorTests {
    /// The error about the packet, made at offset 5 of a buffer with room for `room` bytes.
    private func error(
        _ bytes: [UInt8], mtu: Int, from source: String, room: Int = ICMPError.maximumLength
    ) throws -> [UInt8]? {
        let packet = try #require(parsed(bytes))
        let address = PackedAddress(try #require(IPAddress(source)))
        var buffer = [UInt8](repeating: 0xee, count: 5 + room)
        var memory = buffer.mutableSpan
        let range = ICMPError.packetTooBig(
            bytes.span, packet, mtu: mtu, source: address, into: &memory, at: 5)
        guard let range else {
            #expect(buffer.allSatisfy { $0 == 0xee })
            return nil
        }
        #expect(range.lowerBound == 5)
        #expect(buffer[..<5].allSatisfy { $0 == 0xee })
        #expect(buffer[range.upperBound...].allSatisfy { $0 == 0xee })
        return Array(buffer[range])
    }

    private static let udp4 =
        "4500003c1234400040113c39c0000207c63364090001000200286db1"
        + "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    private static let udp6 =
        "600000000028114020010db800000000000000000000000720010db8000100000000000000000009"
        + "000100020028fe725a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

    /// The same errors by an independent program.
    @Test func `fragmentation needed is that of RFC 1191`() throws {
        let expected = "45c00058000040004001b5dcc0000201c00002070304e40300000576" + Self.udp4
        let made = try self.error(try octets(Self.udp4), mtu: 1_398, from: "192.0.2.1")
        #expect(made == (try octets(expected)))
    }

    @Test func `packet too big is that of RFC 4443`() throws {
        let expected =
            "6000000000583a4020010db800000000000000000000000120010db8000000000000000000000007"
            + "02002b4e00000576" + Self.udp6
        let made = try self.error(try octets(Self.udp6), mtu: 1_398, from: "2001:db8::1")
        #expect(made == (try octets(expected)))
    }

    @Test func `an error quotes up to 576 bytes in IPv4 and up to 1280 in IPv6, and its checksum is right`()
        throws
    {
        var four = try packet("192.0.2.7", "198.51.100.9", 17, [UInt8](repeating: 0x5a, count: 1_400))
        four[6] = 0x40
        let error4 = try #require(try self.error(four, mtu: 1_398, from: "192.0.2.1"))
        #expect(error4.count == 576)
        #expect(Array(error4[28...]) == Array(four.prefix(548)))
        #expect(InternetChecksum.fold(InternetChecksum.sum(error4.span, 0..<20)) == 0xffff)
        #expect(InternetChecksum.fold(InternetChecksum.sum(error4.span, 20..<576)) == 0xffff)
        let six = try packet("2001:db8::7", "2001:db8:1::9", 17, [UInt8](repeating: 0x5a, count: 1_400))
        let error6 = try #require(try self.error(six, mtu: 1_398, from: "2001:db8::1"))
        #expect(error6.count == 1_280)
        #expect(Array(error6[48...]) == Array(six.prefix(1_232)))
        let pseudo = InternetChecksum.pseudoHeader(
            error6.span, header: 0, family: .v6, ipProtocol: 58, length: 1_240)
        let sum = InternetChecksum.sum(error6.span, 40..<1_280, from: pseudo)
        #expect(InternetChecksum.fold(sum) == 0xffff)
    }

    @Test func `IPv6 never hears of less than 1280`() throws {
        let made = try #require(try self.error(try octets(Self.udp6), mtu: 1_000, from: "2001:db8::1"))
        #expect(Array(made[44..<48]) == [0, 0, 0x05, 0x00])
    }

    /// RFC 1122 §3.2.2, RFC 1812 §4.3.2.7.
    @Test(arguments: [
        ("0.0.0.0", "192.0.2.2"), ("0.1.2.3", "192.0.2.2"), ("127.0.0.1", "192.0.2.2"),
        ("224.0.0.1", "192.0.2.2"), ("240.0.0.1", "192.0.2.2"), ("255.255.255.255", "192.0.2.2"),
        ("192.0.2.1", "224.0.0.1"), ("192.0.2.1", "239.255.255.255"), ("192.0.2.1", "255.255.255.255"),
    ])
    func `none is sent to or about many hosts or nobody, IPv4`(source: String, destination: String) throws {
        var bytes = try packet(source, destination, 17, ports(1, 2))
        bytes[6] = 0x40
        #expect(try self.error(bytes, mtu: 576, from: "192.0.2.9") == nil)
    }

    @Test(arguments: [
        ("::", "2001:db8::1", false), ("::1", "2001:db8::1", false), ("ff02::1", "2001:db8::1", false),
        ("2001:db8::1", "ff0e::1", true), ("fe80::1", "2001:db8::1", true),
    ])
    func `IPv6 multicast may be told, but no source that is not one host`(
        source: String, destination: String, isAllowed: Bool
    ) throws {
        let bytes = try packet(source, destination, 17, ports(1, 2))
        #expect((try self.error(bytes, mtu: 1_280, from: "2001:db8::9") != nil) == isAllowed)
    }

    @Test func `none is sent about ICMP errors, but about other ICMP messages`() throws {
        for type in 0...255 as ClosedRange<UInt8> {
            var four = try packet("192.0.2.1", "192.0.2.2", 1, [type, 0, 0, 0, 0, 0, 0, 0])
            four[6] = 0x40
            let isAllowed4 = ![3, 4, 5, 11, 12].contains(type)
            #expect((try self.error(four, mtu: 576, from: "192.0.2.9") != nil) == isAllowed4)
            let six = try packet("2001:db8::1", "2001:db8::2", 58, [type, 0, 0, 0, 0, 0, 0, 0])
            let isAllowed6 = type >= 128 && type != 137
            #expect((try self.error(six, mtu: 1_280, from: "2001:db8::9") != nil) == isAllowed6)
        }
        var short = try packet("192.0.2.1", "192.0.2.2", 1, [8])
        short[6] = 0x40
        #expect(try self.error(short, mtu: 576, from: "192.0.2.9") == nil)
        #expect(try self.error(try packet("::2", "::3", 58, [128]), mtu: 1_280, from: "::9") == nil)
    }

    @Test func `none is sent about later fragments, nor about IPv4 packets that may be cut`() throws {
        var bytes = try packet("192.0.2.1", "192.0.2.2", 17, ports(1, 2))
        #expect(try self.error(bytes, mtu: 576, from: "192.0.2.9") == nil)
        bytes[6] = 0x40
        #expect(try self.error(bytes, mtu: 576, from: "192.0.2.9") != nil)
        bytes[7] = 1
        #expect(try self.error(bytes, mtu: 576, from: "192.0.2.9") == nil)
        let fragment: [UInt8] = [17, 0, 0, 8, 0, 0, 0, 1]
        let six = try packet("2001:db8::1", "2001:db8::2", 44, fragment + ports(1, 2))
        #expect(try self.error(six, mtu: 1_280, from: "2001:db8::9") == nil)
    }

    @Test func `a buffer without room stays as it was`() throws {
        let bytes = try octets(Self.udp4)
        for room in 0..<88 {
            #expect(try self.error(bytes, mtu: 1_398, from: "192.0.2.1", room: room) == nil)
        }
        #expect(try self.error(bytes, mtu: 1_398, from: "192.0.2.1", room: 88) != nil)
    }
}

@Suite struct ErrorBudgetTests {
    private func instant(_ milliseconds: Int) -> Instant {
        Instant.origin.advanced(by: .milliseconds(milliseconds))
    }

    @Test func `a burst is paid at once, then so many per second`() {
        var budget = ErrorBudget(perSecond: 10, burst: 3)
        func spent(_ milliseconds: Int) -> Bool { budget.spend(now: self.instant(milliseconds)) }
        #expect(
            [0, 0, 0, 0, 99, 100, 100, 199, 200].map(spent) == [
                true, true, true, false, false, true, false, false, true,
            ])
        // A long rest fills the purse, and no more.
        #expect([9_000, 9_000, 9_000, 9_000].map(spent) == [true, true, true, false])
    }

    @Test func `a clock that goes back earns nothing, and nothing overflows`() {
        var budget = ErrorBudget(perSecond: 1, burst: 1)
        func spent(_ nanoseconds: Int64) -> Bool { budget.spend(now: Instant(nanoseconds: nanoseconds)) }
        #expect(
            [5_000_000_000, 0, 5_000_000_000, 5_999_999_999, 6_000_000_000].map(spent) == [
                true, false, false, false, true,
            ])
        #expect([Int64.max, Int64.min, Int64.max].map(spent) == [true, false, false])
        for (perSecond, burst) in [(0, 0), (-1, -1), (Int.max, Int.max), (Int.min, Int.min)] {
            var odd = ErrorBudget(perSecond: perSecond, burst: burst)
            let isFirstPaid = odd.spend(now: .origin)
            #expect(isFirstPaid)
        }
    }
}
