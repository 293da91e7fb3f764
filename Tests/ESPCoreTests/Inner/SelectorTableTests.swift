import ESPCore
import IPsecModel
import Testing

@Suite struct SelectorTableTests {
    private func find(
        _ table: SelectorTable, _ source: String, _ destination: String, _ ipProtocol: UInt8 = 17,
        _ port: UInt16 = 2
    ) throws -> UInt32? {
        table.find(try #require(parsed(try packet(source, destination, ipProtocol, ports(1, port)))))
    }

    @Test func `an empty table knows nobody`() throws {
        #expect(try self.find(SelectorTable(), "10.0.0.1", "10.0.0.2") == nil)
    }

    @Test func `the longer prefixes come first, then the protocol, then the ports`() throws {
        var table = SelectorTable()
        let here = [try selector("10.0.0.0/8")]
        table.insert(reqid: 1, local: here, remote: [try selector("0.0.0.0/0")])
        table.insert(reqid: 2, local: here, remote: [try selector("10.2.0.0/16")])
        table.insert(reqid: 3, local: here, remote: [try selector("10.2.3.0/24")])
        table.insert(reqid: 4, local: here, remote: [try selector("10.2.3.0/24", 6)])
        table.insert(reqid: 5, local: here, remote: [try selector("10.2.3.0/24", 6, .range(1024...2047))])
        table.insert(reqid: 6, local: here, remote: [try selector("10.2.3.0/24", 6, .range(1500...1500))])
        #expect(try self.find(table, "10.0.0.1", "192.0.2.1") == 1)
        #expect(try self.find(table, "10.0.0.1", "10.2.9.1") == 2)
        #expect(try self.find(table, "10.0.0.1", "10.2.3.1") == 3)
        #expect(try self.find(table, "10.0.0.1", "10.2.3.1", 6) == 4)
        #expect(try self.find(table, "10.0.0.1", "10.2.3.1", 6, 1_501) == 5)
        #expect(try self.find(table, "10.0.0.1", "10.2.3.1", 6, 1_500) == 6)
        #expect(try self.find(table, "11.0.0.1", "10.2.3.1", 6, 1_500) == nil)
        #expect(try self.find(table, "fd00::1", "fd00::2") == nil)
    }

    @Test func `of two that are equally narrow the first counts, and keeps its turn when it is replaced`()
        throws
    {
        var table = SelectorTable()
        let (here, there) = ([try selector("10.0.0.0/8")], [try selector("10.2.0.0/16")])
        for reqid in [7, 8, 9] as [UInt32] { table.insert(reqid: reqid, local: here, remote: there) }
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 7)
        table.insert(reqid: 7, local: here, remote: there)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 7)
        table.remove(reqid: 7)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 8)
        table.insert(reqid: 7, local: here, remote: there)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 8)
        // Equally narrow with other lengths: 8 + 16 = 16 + 8.
        table.insert(reqid: 1, local: [try selector("10.0.0.0/16")], remote: [try selector("10.0.0.0/8")])
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 8)
        table.remove(reqid: 8)
        table.remove(reqid: 9)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 7)
        table.remove(reqid: 7)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 1)
    }

    @Test func `a trap gives way to a CHILD_SA that is equally narrow, and not to a wider one`() throws {
        var table = SelectorTable()
        let (here, there) = ([try selector("10.0.0.0/8")], [try selector("10.2.0.0/16")])
        table.insert(reqid: 1, local: here, remote: there, isTrap: true)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 1)
        table.insert(reqid: 2, local: here, remote: there)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 2)
        table.insert(reqid: 3, local: here, remote: [try selector("10.2.3.0/24")], isTrap: true)
        #expect(try self.find(table, "10.0.0.1", "10.2.3.1") == 3)
        table.insert(reqid: 1, local: here, remote: there, isTrap: true)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 2)
        table.remove(reqid: 2)
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1") == 1)
    }

    @Test func `a range is narrower than the prefix around it, and holds exactly`() throws {
        var table = SelectorTable()
        let all = [try selector("0.0.0.0/0")]
        table.insert(reqid: 1, local: all, remote: [try selector("10.0.0.0/24")])
        table.insert(reqid: 2, local: all, remote: [try selector("10.0.0.1-10.0.0.254")])
        table.insert(reqid: 3, local: all, remote: [try selector("127.255.255.255-128.0.0.1")])
        for host in 0...255 {
            let expected: UInt32 = (1...254).contains(host) ? 2 : 1
            #expect(try self.find(table, "10.9.0.1", "10.0.0.\(host)") == expected)
        }
        #expect(try self.find(table, "10.9.0.1", "127.255.255.254") == nil)
        #expect(try self.find(table, "10.9.0.1", "127.255.255.255") == 3)
        #expect(try self.find(table, "10.9.0.1", "128.0.0.1") == 3)
        #expect(try self.find(table, "10.9.0.1", "128.0.0.2") == nil)
    }

    @Test func `each local selector goes with each remote one of its family`() throws {
        var table = SelectorTable()
        table.insert(
            reqid: 5, local: [try selector("10.1.0.0/16"), try selector("fd00:1::/32")],
            remote: [try selector("fd00:2::/32"), try selector("10.2.0.0/16"), try selector("10.3.0.0/24")])
        #expect(try self.find(table, "10.1.0.1", "10.2.0.1") == 5)
        #expect(try self.find(table, "10.1.0.1", "10.3.0.1") == 5)
        #expect(try self.find(table, "10.1.0.1", "10.3.1.1") == nil)
        #expect(try self.find(table, "fd00:1::1", "fd00:2::1") == 5)
        #expect(try self.find(table, "fd00:1::1", "fd00:3::1") == nil)
        table.remove(reqid: 5)
        #expect(try self.find(table, "10.1.0.1", "10.2.0.1") == nil)
        #expect(try self.find(table, "fd00:1::1", "fd00:2::1") == nil)
    }

    @Test func `selectors of two protocols have no packet in common`() throws {
        var table = SelectorTable()
        table.insert(reqid: 1, local: [try selector("0.0.0.0/0", 6)], remote: [try selector("0.0.0.0/0", 17)])
        #expect(try self.find(table, "10.0.0.1", "10.0.0.2", 6) == nil)
        #expect(try self.find(table, "10.0.0.1", "10.0.0.2", 17) == nil)
    }

    @Test func `more combinations than the limit change nothing`() throws {
        var table = SelectorTable()
        let few = [try selector("0.0.0.0/0")]
        let many = try (0..<200).map { try selector("10.\($0).0.0/16") }
        func accepted(_ reqid: UInt32, _ local: [TrafficSelector], _ remote: [TrafficSelector]) -> Bool {
            table.insert(reqid: reqid, local: local, remote: remote)
        }
        #expect(accepted(1, few, few))
        #expect(!accepted(1, many, many))
        #expect(try self.find(table, "192.0.2.1", "192.0.2.2") == 1)
        #expect(accepted(1, few, many))
        #expect(try self.find(table, "192.0.2.1", "192.0.2.2") == nil)
        #expect(try self.find(table, "192.0.2.1", "10.199.0.1") == 1)
    }

    @Test func `a copy stays as it was`() throws {
        var table = SelectorTable()
        let here = [try selector("10.0.0.0/8")]
        for number in 0..<300 as Range<UInt32> {
            table.insert(
                reqid: number, local: here,
                remote: [try selector("172.16.\(number / 256).\(number % 256)/32")])
        }
        let old = table
        for number in 0..<300 as Range<UInt32> where number.isMultiple(of: 2) { table.remove(reqid: number) }
        table.insert(reqid: 1_000, local: here, remote: [try selector("172.16.0.0/16")])
        for number in 0..<300 as Range<UInt32> {
            let address = "172.16.\(number / 256).\(number % 256)"
            #expect(try self.find(old, "10.0.0.1", address) == number)
            #expect(try self.find(table, "10.0.0.1", address) == (number.isMultiple(of: 2) ? 1_000 : number))
        }
    }

    @Test func `hundreds with the same addresses are found by their ports, the first of equals first`() throws
    {
        var table = SelectorTable()
        let here = [try selector("10.0.0.0/8", 17)]
        for port in (0..<300 as Range<UInt16>).reversed() {
            let there = [try selector("10.2.0.0/16", 17, .range(port...port))]
            table.insert(reqid: UInt32(port), local: here, remote: there)
            table.insert(reqid: 1_000 + UInt32(port), local: here, remote: there)
        }
        for port in 0..<300 as Range<UInt16> {
            #expect(try self.find(table, "10.0.0.1", "10.2.0.1", 17, port) == UInt32(port))
            table.remove(reqid: UInt32(port))
            #expect(try self.find(table, "10.0.0.1", "10.2.0.1", 17, port) == 1_000 + UInt32(port))
        }
        #expect(try self.find(table, "10.0.0.1", "10.2.0.1", 17, 300) == nil)
    }

    /// The narrowest by trying all of them, with the number of the kernel engine's policies.
    @Test func `random tables find what a search through all of them finds`() throws {
        var numbers = Numbers(seed: 5)
        for _ in 0..<20 {
            var table = SelectorTable()
            var children: [(reqid: UInt32, local: TrafficSelector, remote: TrafficSelector)] = []
            for reqid in 0..<60 as Range<UInt32> {
                let (local, remote) = try (randomSelector(&numbers), randomSelector(&numbers))
                table.insert(reqid: reqid, local: [local], remote: [remote])
                children.append((reqid, local, remote))
            }
            for reqid in 0..<60 as Range<UInt32> where numbers.next().isMultiple(of: 3) {
                table.remove(reqid: reqid)
                children.removeAll { $0.reqid == reqid }
            }
            for _ in 0..<200 {
                let bytes = try packet(
                    "10.0.\(numbers.next() % 4).\(numbers.next() % 4)",
                    "10.0.\(numbers.next() % 4).\(numbers.next() % 4)", [6, 17][Int(numbers.next() % 2)],
                    ports(UInt16(numbers.next() % 4), UInt16(numbers.next() % 4)))
                let inner = try #require(parsed(bytes))
                var expected: (number: Int, reqid: UInt32)?
                for child in children
                where PacketFilter(local: [child.local], remote: [child.remote]).admitsOutbound(inner) {
                    let number = narrowness(child.local, child.remote)
                    if expected.map({ number > $0.number }) ?? true { expected = (number, child.reqid) }
                }
                #expect(table.find(inner) == expected?.reqid)
            }
        }
    }

    private func randomSelector(_ numbers: inout Numbers) throws -> TrafficSelector {
        let ipProtocol = [0, 6, 17][Int(numbers.next() % 3)] as UInt8
        let first = UInt16(numbers.next() % 4)
        let limited = ipProtocol != 0 && numbers.next().isMultiple(of: 2)
        let length = [0, 8, 22, 23, 24, 30, 31, 32][Int(numbers.next() % 8)]
        return try selector(
            "10.0.\(numbers.next() % 4).\(numbers.next() % 4)/\(length)", ipProtocol,
            limited ? .range(first...first) : .any)
    }

    /// `KernelPolicy.priority` for prefixes and single ports, the larger the narrower.
    private func narrowness(_ local: TrafficSelector, _ remote: TrafficSelector) -> Int {
        let lengths = [local, remote].compactMap { $0.addresses.prefix?.length }
        let portBits = [local, remote].map { $0.ports == .any ? 0 : 16 }
        let isLimited = local.ipProtocol != 0 || remote.ipProtocol != 0
        return lengths.reduce(0, +) * 128 + (isLimited ? 64 : 0) + portBits.reduce(0, +)
    }
}
