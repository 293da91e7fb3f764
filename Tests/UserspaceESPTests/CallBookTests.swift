internal import ESPCore
internal import IPsecModel
internal import Testing

@testable internal import UserspaceESP

/// How often the control thread hears of packets without an SA.
@Suite struct CallBookTests {
    private static let start = Instant.origin

    private func call(_ book: inout CallBook, _ reqid: UInt32, _ milliseconds: Int) throws -> Bool {
        let bytes = try Packets.udp([1])
        guard let packet = InnerPacket(bytes.span, 0..<bytes.count) else {
            Issue.record("not a packet")
            return false
        }
        let now = Self.start.advanced(by: .milliseconds(milliseconds))
        return book.call(reqid, for: packet, now: now) != nil
    }

    @Test func `each policy calls once a second`() throws {
        var book = CallBook()
        #expect(try self.call(&book, 1, 0))
        #expect(try !self.call(&book, 1, 999))
        #expect(try self.call(&book, 2, 999))
        #expect(try self.call(&book, 1, 1_000))
    }

    @Test func `any number of policies is told of in the end, and few are remembered`() throws {
        var book = CallBook()
        for reqid in 1...256 as ClosedRange<UInt32> { #expect(try self.call(&book, reqid, 0)) }
        #expect(try !self.call(&book, 257, 500))
        #expect(try self.call(&book, 257, 1_000))
    }
}
