import IPsecModel
import SimNet
import Testing

@testable import IKECore
@testable import IKEWire

/// Fragments of messages (RFC 7383).
@Suite(.networkCapture) struct FragmentBufferTests {
    private static let start = Instant(nanoseconds: 1_000)

    private func body(_ number: UInt16, of total: UInt16) -> FragmentBody {
        FragmentBody(
            number: number, total: total,
            body: EncryptedBody(
                firstInnerPayload: number == 1 ? .notify : .none, associatedData: [], content: []))
    }

    private func header(_ messageID: UInt32 = 1, isResponse: Bool = false) -> IKEHeader {
        IKEHeader(
            initiatorSPI: IKESPI(1), responderSPI: IKESPI(2), exchange: .informational,
            flags: isResponse ? [.response] : [], messageID: messageID)
    }

    private func add(
        _ buffer: inout FragmentBuffer, _ number: UInt16, of total: UInt16, text: [UInt8]? = nil,
        messageID: UInt32 = 1, isResponse: Bool = false, limits: IKELimits = IKELimits(),
        now: Instant = start
    ) throws -> FragmentBuffer.Complete? {
        try buffer.add(
            self.body(number, of: total), text: text ?? [UInt8(number)],
            header: self.header(messageID, isResponse: isResponse), limits: limits, now: now)
    }

    @Test(arguments: [[1, 2, 3], [3, 2, 1], [2, 3, 1], [2, 2, 1, 1, 3]] as [[UInt16]])
    func `fragments may come in any order and more than once`(order: [UInt16]) throws {
        var buffer = FragmentBuffer()
        for number in order.dropLast() {
            let early = try self.add(&buffer, number, of: 3)
            #expect(early == nil)
        }
        let complete = try self.add(&buffer, try #require(order.last), of: 3)
        #expect(complete?.text == [1, 2, 3])
        #expect(complete?.first == .notify)
        #expect(buffer.deadline == nil)
    }

    @Test func `a message of one fragment is complete at once`() throws {
        var buffer = FragmentBuffer()
        let complete = try self.add(&buffer, 1, of: 1)
        #expect(complete?.text == [1])
    }

    @Test func `a set with more fragments replaces one with fewer, and not the other way round`() throws {
        var buffer = FragmentBuffer()
        _ = try self.add(&buffer, 1, of: 2, text: [9])
        _ = try self.add(&buffer, 1, of: 3)
        #expect(throws: OpeningFault.drop(.badFragment)) { try self.add(&buffer, 2, of: 2) }
        _ = try self.add(&buffer, 2, of: 3)
        let complete = try self.add(&buffer, 3, of: 3)
        #expect(complete?.text == [1, 2, 3])
    }

    @Test func `another message, or an answer instead of a request, begins a new set`() throws {
        var buffer = FragmentBuffer()
        _ = try self.add(&buffer, 1, of: 2)
        _ = try self.add(&buffer, 2, of: 2, messageID: 2)
        let mixed = try self.add(&buffer, 1, of: 2, messageID: 3)
        #expect(mixed == nil)
        let response = try self.add(&buffer, 2, of: 2, messageID: 3, isResponse: true)
        #expect(response == nil)
    }

    @Test func `an incomplete set is forgotten after thirty seconds`() throws {
        var buffer = FragmentBuffer()
        _ = try self.add(&buffer, 1, of: 2)
        let deadline = try #require(buffer.deadline)
        #expect(deadline == Self.start.advanced(by: .seconds(30)))
        buffer.expire(now: Self.start.advanced(by: .seconds(29)))
        #expect(buffer.deadline != nil)
        buffer.expire(now: deadline)
        #expect(buffer.deadline == nil)
        let late = try self.add(&buffer, 2, of: 2)
        #expect(late == nil)
    }

    @Test(arguments: [(0, 2), (3, 2), (1, 65), (65, 65), (1, 65_535)] as [(UInt16, UInt16)])
    func `numbers that cannot be, and too many fragments, are dropped`(number: UInt16, total: UInt16) {
        var buffer = FragmentBuffer()
        #expect(throws: OpeningFault.drop(.badFragment)) { try self.add(&buffer, number, of: total) }
        #expect(buffer.deadline == nil)
    }

    @Test func `a message that grows too long is dropped whole`() throws {
        var buffer = FragmentBuffer()
        var limits = IKELimits()
        limits.reassembledBytes = 10
        _ = try self.add(&buffer, 1, of: 3, text: [UInt8](repeating: 1, count: 6), limits: limits)
        #expect(throws: OpeningFault.drop(.badFragment)) {
            try self.add(&buffer, 2, of: 3, text: [UInt8](repeating: 1, count: 5), limits: limits)
        }
        #expect(buffer.deadline == nil)
    }

    // MARK: Over the network

    private func fragmenting(octets: Int = 200, size: Int = 300) -> Bench {
        Bench {
            $0.connections[0].fragmentSize = size
        } peer: {
            $0.fragmentOctets = octets
        }
    }

    @Test func `an IKE_AUTH in fragments is answered in fragments`() throws {
        let bench = self.fragmenting(octets: 150, size: 200)
        try bench.connect()
        let auth = try #require(bench.peer.requests.last)
        #expect(auth.datagrams.count > 1)
        let fragments = bench.net.sent.map(\.datagram).filter {
            $0.source.address == Addresses.gateway
                && $0.ikeMessage?[16] == PayloadType.encryptedFragment.rawValue
        }
        #expect(fragments.count > 1)
        // IP packets within the size that is configured.
        #expect(fragments.allSatisfy { $0.bytes.count + 28 <= 200 })
        #expect(bench.snapshot?.fragmentation == true)
        #expect(try bench.pings())
        bench.expectSound()
    }

    @Test func `a retransmitted request in fragments is answered once for each time`() throws {
        let bench = self.fragmenting(octets: 150, size: 200)
        try bench.connect()
        let auth = try #require(bench.peer.requests.last)
        let before = bench.net.sent.count
        bench.peer.transmit(auth.datagrams)
        bench.net.run(for: .seconds(1))
        #expect(bench.engine.counters.repeatedAnswers == 1)
        #expect(bench.net.sent.count > before + auth.datagrams.count)
        bench.expectSound()
    }

    @Test func `fragments get through reordering, duplication and loss`() throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let bench = Bench(seed: seed) {
                $0.connections[0].fragmentSize = 200
            } peer: {
                $0.fragmentOctets = 150
                $0.retransmission = [Duration](repeating: .seconds(2), count: 40)
            }
            bench.net.conditions = .bad
            try bench.connect()
            bench.net.conditions = LinkConditions()
            #expect(try bench.pings())
            bench.expectSound()
        }
    }

    @Test(arguments: [true, false])
    func `where IP fragments are lost, a large IKE_AUTH gets through in fragments of its own`(
        fragments: Bool
    ) throws {
        let many = (0..<60 as Range<UInt8>).map {
            ConfiguredSelector.fixed(Configurations.selector("10.3.\($0).0/24"))
        }
        let pair = try Pair(a: {
            $0.connections[0].fragmentation = fragments
            $0.connections[0].children[0].localSelectors += many
            $0.connections[0].children[0].remoteSelectors += many
        })
        pair.net.conditions.mtu = 1_280
        pair.net.conditions.carriesFragments = false
        pair.start()
        pair.net.run(for: .seconds(200))
        #expect(pair.stands == fragments)
        #expect(pair.pings() == fragments)
        #expect(pair.net.sent.contains { $0.datagram.packetLength > 1_280 } == !fragments)
        pair.expectSound()
    }

    @Test func `without the peer's notify fragments are dropped`() throws {
        let bench = Bench()
        try bench.connect()
        let request = try bench.peer.ask(.informational) { ikeSA, header in
            [
                try ikeSA.sealFragment(header, first: .none, number: 1, total: 2, chunk: []),
                try ikeSA.sealFragment(header, first: .none, number: 2, total: 2, chunk: []),
            ]
        }
        bench.net.run(for: .milliseconds(500))
        #expect(request.answer == nil)
        #expect(bench.engine.counters.dropped(.badFragment) == 2)
        #expect(bench.snapshot?.fragmentation == false)
    }

    @Test func `fragmentation = no neither offers nor takes fragments`() throws {
        let bench = Bench {
            $0.connections[0].fragmentation = false
        } peer: {
            $0.fragmentOctets = 150
        }
        try bench.connect()
        #expect(bench.peer.requests.last?.datagrams.count == 1)
        #expect(bench.snapshot?.fragmentation == false)
        bench.expectSound()
    }
}
